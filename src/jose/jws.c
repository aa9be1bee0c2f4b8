/* jws.c: from the text of a token to its payload: size, three parts, base64url, header, key, signature, in this order,
 * each step refusing what it can before the next one costs anything. */
#include "jose/jws.h"

#include "crypto/base64.h"
#include "jose/jwk_int.h"
#include "jose/jwt.h"
#include "jose/signature.h"

enum {
    HEADER_TEXT_MAX = 4096, /* characters of base64url */
    HEADER_DEPTH_MAX = 4,
    TRIES_MAX = 16 /* verifications a token: one without "kid" must not cost one for each of 64 keys */
};

/* The parts, still in base64url. */
struct compact {
    struct so_str header, payload, signature;
    struct so_str signed_part; /* header '.' payload */
};

/* Looks at no more than SO_JWT_MAX bytes and keeps nothing: a megabyte of dots (GHSA-mh63-6h87-95cp) costs a comparison. */
static int split(struct so_str token, struct compact *out, struct so_err *err)
{
    if (token.n > SO_JWT_MAX)
        return so_fail(err, SO_ELIMIT, "the token has more than %d bytes", SO_JWT_MAX);
    size_t first = so_str_find_char(token, '.', 0);
    size_t second = first == SO_STR_NONE ? SO_STR_NONE : so_str_find_char(token, '.', first + 1);
    if (second == SO_STR_NONE || so_str_find_char(token, '.', second + 1) != SO_STR_NONE)
        return so_fail(err, SO_EINVAL, "a token has three parts, header.payload.signature");
    out->header = so_str_slice(token, 0, first);
    out->payload = so_str_slice(token, first + 1, second);
    out->signature = so_str_slice(token, second + 1, token.n);
    out->signed_part = so_str_slice(token, 0, second);
    if (out->header.n > HEADER_TEXT_MAX)
        return so_fail(err, SO_ELIMIT, "the token's header has more than %d characters", HEADER_TEXT_MAX);
    return SO_OK;
}

static int decode(struct so_arena *arena, struct so_str text, const char *what, struct so_str *out, struct so_err *err)
{
    size_t n;
    char *to = so_alloc_text(arena, so_base64_decoded_max(text.n));
    if (to == NULL)
        return so_err_oom(err);
    if (!so_base64url_decode(text, (uint8_t *)to, &n))
        return so_fail(err, SO_EINVAL, "the token's %s is not canonical base64url", what);
    *out = so_str(to, n);
    return SO_OK;
}

static int read_header(struct so_arena *arena, struct so_str text, struct so_json *out, struct so_err *err)
{
    const struct so_json_options options = {.depth_max = HEADER_DEPTH_MAX, .reject_duplicates = true};
    struct so_str json;
    struct so_err own = SO_ERR_INIT;
    int rc = decode(arena, text, "header", &json, err);
    if (rc != SO_OK)
        return rc;
    rc = so_json_parse(arena, json, &options, out, &own);
    if (rc == SO_ENOMEM)
        return so_err_oom(err);
    if (rc != SO_OK)
        return so_fail(err, rc, "the token's header is not valid JSON: %s", own.message);
    if (out->type != SO_JSON_OBJECT)
        return so_fail(err, SO_EINVAL, "the token's header is not a JSON object");
    return SO_OK;
}

/* Members that bring a key along, name one elsewhere, or change what the signature means: none may be passed over. */
static int refuse_members(const struct so_json *header, struct so_err *err)
{
    static const char *const REFUSED[] = {"crit", "jwk", "jku", "x5u", "x5c", "b64", "zip", "enc"};
    for (size_t i = 0; i < COUNT_OF(REFUSED); i++)
        if (so_json_get(header, so_str_c(REFUSED[i])) != NULL)
            return so_fail(err, SO_EINVAL, "the token's header has \"%s\", which is not accepted", REFUSED[i]);
    return SO_OK;
}

/* What the header may say about the choice of a key: it can only rule keys out. */
struct choice {
    enum so_jws_alg alg;
    bool is_callers; /* the caller asked for this very algorithm */
    const struct so_json *kid;
};

static int read_choice(const struct so_json *header, enum so_jws_alg wanted, struct choice *out, struct so_err *err)
{
    const struct so_json *alg = so_json_get(header, SO_STR("alg"));
    out->kid = so_json_get(header, SO_STR("kid"));
    if (alg == NULL || alg->type != SO_JSON_STRING)
        return so_fail(err, SO_EINVAL, "the token's header has no \"alg\"");
    if (out->kid != NULL && out->kid->type != SO_JSON_STRING)
        return so_fail(err, SO_EINVAL, "the token's \"kid\" is no text");
    out->alg = so_jws_alg_find(so_json_str(alg));
    if (so_str_eq_nocase(so_json_str(alg), SO_STR("none")))
        return so_fail(err, SO_EAUTH, "the token is not signed (\"alg\" is \"none\")");
    if (out->alg == SO_ALG_NONE)
        return so_fail(err, SO_EAUTH, "the token's \"alg\" is not supported");
    if (wanted != SO_ALG_NONE && !so_jws_covers(wanted, out->alg) && !so_jws_covers(out->alg, wanted))
        return so_fail(err, SO_EAUTH, "the token is signed with %s, not with %s", so_jws_alg_name(out->alg),
                       so_jws_alg_name(wanted));
    out->is_callers = wanted != SO_ALG_NONE;
    return SO_OK;
}

/* A key without a kid answers to any. */
static bool has_kid(const struct so_jwk *key, const struct so_json *kid)
{
    return kid == NULL || key->kid.n == 0 || so_str_eq(key->kid, so_json_str(kid));
}

static int try_keys(const struct so_jwks *keys, const struct choice *choice, struct so_str signed_part,
                    struct so_str signature, const struct so_jwk **out, struct so_err *err)
{
    size_t named = 0, tries = 0;
    for (size_t i = 0; i < keys->count && tries < TRIES_MAX; i++) {
        const struct so_jwk *key = keys->keys[i];
        struct so_err own = SO_ERR_INIT;
        if (!key->may_verify || !has_kid(key, choice->kid))
            continue;
        named++;
        if (!so_signature_fits(key, choice->alg, choice->is_callers))
            continue;
        tries++;
        int rc = so_signature_verify(key, choice->alg, signed_part, signature, &own);
        if (rc == SO_OK) {
            *out = key;
            return SO_OK;
        }
        if (rc == SO_ENOMEM)
            return so_err_oom(err);
    }
    if (named == 0)
        return so_fail(err, SO_EAUTH, "no key has the token's \"kid\"");
    if (tries == 0)
        return so_fail(err, SO_EAUTH, "no key is for %s, which the token is signed with", so_jws_alg_name(choice->alg));
    return so_fail(err, SO_EAUTH, "the signature does not match");
}

int so_jws_verify(const struct so_jwks *keys, struct so_str token, enum so_jws_alg alg, struct so_arena *arena,
                  struct so_str *out_payload, const struct so_jwk **out_key, struct so_err *err)
{
    struct compact parts;
    struct so_json header;
    struct choice choice;
    struct so_str signature, payload;
    const struct so_jwk *key;
    int rc = split(token, &parts, err);
    if (rc == SO_OK)
        rc = read_header(arena, parts.header, &header, err);
    if (rc == SO_OK)
        rc = refuse_members(&header, err);
    if (rc == SO_OK)
        rc = read_choice(&header, alg, &choice, err);
    if (rc == SO_OK)
        rc = decode(arena, parts.signature, "signature", &signature, err);
    if (rc == SO_OK)
        rc = decode(arena, parts.payload, "payload", &payload, err);
    if (rc == SO_OK)
        rc = try_keys(keys, &choice, parts.signed_part, signature, &key, err);
    if (rc != SO_OK)
        return rc;
    *out_payload = payload;
    if (out_key != NULL)
        *out_key = key;
    return SO_OK;
}

int so_jws_decode(struct so_str token, struct so_arena *arena, struct so_json *out_header, struct so_str *out_payload,
                  struct so_err *err)
{
    struct compact parts;
    struct so_json header;
    struct so_str payload;
    int rc = split(token, &parts, err);
    if (rc == SO_OK)
        rc = read_header(arena, parts.header, &header, err);
    if (rc == SO_OK)
        rc = decode(arena, parts.payload, "payload", &payload, err);
    if (rc != SO_OK)
        return rc;
    *out_header = header;
    *out_payload = payload;
    return SO_OK;
}
