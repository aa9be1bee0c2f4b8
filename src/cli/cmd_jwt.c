/* cmd_jwt.c: socle jwt verify|sign|decode: contracts of DESIGN.md section 4, for people and for test suites. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "core/clock.h"
#include "jose/jwt.h"
#include "json/write.h"

static const char HELP[] =
    "socle jwt verify --keys FILE [--secret] [--alg A] [--now UNIX] [--aud X] [--iss X] TOKEN\n"
    "    FILE is a JWK or a JWKS, or with --secret a raw HMAC secret.  Prints the claims and exits 0 when the signature, "
    "the times\n"
    "    and the audience and issuer asked for are good.  Else says why on stderr and exits 1; 2 when the key cannot be "
    "read.\n"
    "socle jwt sign --key FILE [--secret] [--alg A] CLAIMS\n"
    "    Signs the JSON object CLAIMS (- reads it from stdin) with a private JWK and prints the token.\n"
    "socle jwt decode TOKEN\n"
    "    Shows header and payload.  Anyone who holds a token can do this: nothing is verified.\n"
    "\n"
    "TOKEN may be - to read it from stdin, so that it does not stand in the shell's history.\n";

enum { FILE_MAX = 1 << 20, MEMORY_MAX = 16 << 20 };

struct arguments {
    const char *keys, *key, *alg, *now, *aud, *iss;
    bool secret;
};

/* The argument itself, or what stdin holds, without the line's end. */
static int read_argument(const char *argument, struct so_arena *arena, struct so_str *out, struct so_err *err)
{
    *out = so_str_c(argument);
    if (strcmp(argument, "-") != 0)
        return SO_OK;
    struct so_buf text;
    so_buf_init(&text, FILE_MAX);
    int rc = cli_read("-", &text, err);
    struct so_str s = so_buf_str(&text);
    while (s.n > 0 && (s.p[s.n - 1] == '\n' || s.p[s.n - 1] == '\r'))
        s.n--;
    *out = so_arena_dup(arena, s);
    so_buf_deinit(&text);
    return rc == SO_OK && out->p == NULL ? so_err_oom(err) : rc;
}

static int parse_key_file(struct so_str text, const struct arguments *a, enum so_jws_alg alg, struct so_arena *arena,
                          struct so_jwks *out, struct so_err *err)
{
    if (a->secret) {
        while (text.n > 0 && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r'))
            text.n--;
        int rc = so_jwk_from_secret(text, alg == SO_ALG_NONE ? SO_ALG_HS256 : alg, &out->keys[0], err);
        out->count = rc == SO_OK;
        return rc;
    }
    struct so_json doc;
    int rc = so_json_parse(arena, text, &(struct so_json_options){.reject_duplicates = true}, &doc, err);
    if (rc != SO_OK)
        return rc;
    if (so_json_get(&doc, SO_STR("keys")) != NULL)
        return so_jwks_parse(&doc, out, err);
    rc = so_jwk_parse(&doc, alg, &out->keys[0], err);
    out->count = rc == SO_OK;
    return rc;
}

static int load_keys(const char *path, const struct arguments *a, enum so_jws_alg alg, struct so_arena *arena,
                     struct so_jwks *out, struct so_err *err)
{
    struct so_buf text;
    so_buf_init(&text, FILE_MAX);
    int rc = cli_read(path, &text, err);
    struct so_str kept = {NULL, 0};
    if (rc == SO_OK) {
        kept = so_arena_dup(arena, so_buf_str(&text));
        rc = kept.p == NULL ? so_err_oom(err) : parse_key_file(kept, a, alg, arena, out, err);
    }
    so_buf_deinit(&text);
    return rc;
}

static void print_json(const struct so_json *value)
{
    struct so_buf out;
    so_buf_init(&out, MEMORY_MAX);
    so_json_put(&out, value);
    so_buf_putc(&out, '\n');
    fwrite(out.p, 1, out.len, stdout);
    so_buf_deinit(&out);
}

static int verify(const struct arguments *a, const char *token_argument, struct so_arena *arena)
{
    struct so_err err = SO_ERR_INIT;
    struct so_str token;
    struct so_jwks keys = {0};
    struct so_jwt_checks checks = {
        .now = so_clock_now(),
        .aud = a->aud == NULL ? so_str(NULL, 0) : so_str_c(a->aud),
        .iss = a->iss == NULL ? so_str(NULL, 0) : so_str_c(a->iss),
        .alg = a->alg == NULL ? SO_ALG_NONE : so_jws_alg_find(so_str_c(a->alg)),
    };
    if (a->keys == NULL)
        return cli_usage("jwt verify needs --keys FILE");
    if (a->alg != NULL && checks.alg == SO_ALG_NONE)
        return cli_usage("\"%s\" is no signature algorithm", a->alg);
    if (a->now != NULL && !so_str_to_i64(so_str_c(a->now), &checks.now))
        return cli_usage("--now takes seconds since 1970");
    if (load_keys(a->keys, a, checks.alg, arena, &keys, &err) != SO_OK) {
        cli_fail(&err);
        return CLI_USAGE;
    }
    int code = CLI_OK;
    struct so_json claims;
    if (read_argument(token_argument, arena, &token, &err) == SO_OK &&
        so_jwt_verify(&keys, token, &checks, arena, &claims, NULL, &err) == SO_OK)
        print_json(&claims);
    else
        code = cli_fail(&err);
    so_jwks_clear(&keys);
    return code;
}

static int sign(const struct arguments *a, const char *claims_argument, struct so_arena *arena)
{
    struct so_err err = SO_ERR_INIT;
    struct so_jwks keys = {0};
    struct so_str claims;
    struct so_json parsed;
    enum so_jws_alg alg = a->alg == NULL ? SO_ALG_NONE : so_jws_alg_find(so_str_c(a->alg));
    const char *path = a->key != NULL ? a->key : a->keys;
    if (path == NULL)
        return cli_usage("jwt sign needs --key FILE");
    if (a->alg != NULL && alg == SO_ALG_NONE)
        return cli_usage("\"%s\" is no signature algorithm", a->alg);
    if (load_keys(path, a, alg, arena, &keys, &err) != SO_OK ||
        read_argument(claims_argument, arena, &claims, &err) != SO_OK ||
        so_json_parse(arena, claims, &(struct so_json_options){.reject_duplicates = true}, &parsed, &err) != SO_OK) {
        so_jwks_clear(&keys);
        cli_fail(&err);
        return CLI_USAGE;
    }
    struct so_buf out;
    so_buf_init(&out, MEMORY_MAX);
    int code = CLI_OK;
    if (parsed.type != SO_JSON_OBJECT)
        code = cli_usage("the claims must be a JSON object");
    else if (keys.count == 0)
        code = cli_usage("%s holds no key that could sign", path);
    else if (so_jwt_sign(keys.keys[0], claims, &out, &err) != SO_OK)
        code = cli_fail(&err);
    else
        printf("%.*s\n", (int)out.len, out.p);
    so_buf_deinit(&out);
    so_jwks_clear(&keys);
    return code;
}

static int decode(const char *token_argument, struct so_arena *arena)
{
    struct so_err err = SO_ERR_INIT;
    struct so_str token;
    struct so_json header, payload;
    if (read_argument(token_argument, arena, &token, &err) != SO_OK ||
        so_jwt_decode(token, arena, &header, &payload, &err) != SO_OK)
        return cli_fail(&err);
    print_json(&header);
    print_json(&payload);
    fputs("socle: not verified: anyone can read a token, and anyone can write one that looks like this\n", stderr);
    return CLI_OK;
}

int cmd_jwt(int argc, char **argv)
{
    struct arguments a = {0};
    bool help;
    const struct cli_option options[] = {
        {"--keys", &a.keys, NULL}, {"--key", &a.key, NULL}, {"--alg", &a.alg, NULL},       {"--now", &a.now, NULL},
        {"--aud", &a.aud, NULL},   {"--iss", &a.iss, NULL}, {"--secret", NULL, &a.secret},
    };
    int plain = cli_parse(argc, argv, options, COUNT_OF(options), HELP, &help);
    if (help)
        return CLI_OK;
    if (plain < 0)
        return CLI_USAGE;
    if (plain != 2)
        return cli_usage("jwt takes verify, sign or decode, and one token or claims object (see socle jwt --help)");
    struct so_arena arena;
    so_arena_init(&arena, MEMORY_MAX);
    int code;
    if (strcmp(argv[1], "verify") == 0)
        code = verify(&a, argv[2], &arena);
    else if (strcmp(argv[1], "sign") == 0)
        code = sign(&a, argv[2], &arena);
    else if (strcmp(argv[1], "decode") == 0)
        code = decode(argv[2], &arena);
    else
        code = cli_usage("jwt knows verify, sign and decode, not \"%s\"", argv[1]);
    so_arena_deinit(&arena);
    return code;
}
