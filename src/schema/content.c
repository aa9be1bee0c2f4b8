/* content.c: contentEncoding, contentMediaType and contentSchema, where they are asked to assert (Validation section 8). */
#include <string.h>

#include "core/mem.h"
#include "schema/check.h"

enum { CONTENT_MAX = 64 * 1024 * 1024 };

static int base64_value(char c)
{
    static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c == '\0' ? NULL : strchr(DIGITS, c);
    return at == NULL ? -1 : (int)(at - DIGITS);
}

/* RFC 4648 section 4, padding required; out may be NULL to check only.  False when it is none. */
static bool decode_base64(struct so_str text, char *out, size_t *out_n)
{
    size_t n = 0, padding = 0;
    if (text.n % 4 != 0)
        return false;
    while (padding < 2 && padding < text.n && text.p[text.n - 1 - padding] == '=')
        padding++;
    uint32_t bits = 0;
    for (size_t i = 0; i < text.n - padding; i++) {
        int value = base64_value(text.p[i]);
        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 == 0)
            continue;
        if (out != NULL)
            out[n] = (char)(bits >> (6 - 2 * (i % 4)));
        n++;
    }
    if (out_n != NULL)
        *out_n = n;
    return true;
}

static bool is_json_type(struct so_str type)
{
    size_t end = so_str_find_char(type, ';', 0);
    type = so_str_trim(so_str_slice(type, 0, end == SO_STR_NONE ? type.n : end));
    return so_str_eq_nocase(type, SO_STR("application/json")) ||
           (type.n > 5 && so_str_eq_nocase(so_str_slice(type, type.n - 5, type.n), SO_STR("+json")));
}

static bool check_document(struct so_run *run, const struct so_rule *schema, struct so_str text)
{
    struct so_arena arena;
    struct so_json document;
    run->chosen = (struct so_chosen){.branches = NULL}; /* may be about a document that lay here before */
    so_arena_init(&arena, (size_t)CONTENT_MAX * 4);
    int rc = so_json_parse(&arena, text, NULL, &document, NULL);
    bool good = rc == SO_OK && (schema == NULL || so_run_node(run, schema->u.node, &document));
    if (rc == SO_ENOMEM)
        so_run_fail(run, rc, NULL);
    so_arena_deinit(&arena);
    return good;
}

bool so_check_content(struct so_run *run, const struct so_node *node, struct so_str text)
{
    const struct so_rule *encoding = so_node_rule(node, RULE_CONTENT_ENCODING);
    const struct so_rule *type = so_node_rule(node, RULE_CONTENT_MEDIA_TYPE);
    bool is_base64 = encoding != NULL && so_str_eq_nocase(so_json_str(encoding->value), SO_STR("base64"));
    bool is_json = type != NULL && is_json_type(so_json_str(type->value));
    if (is_base64 && !decode_base64(text, NULL, NULL))
        return false;
    if (!is_json || (encoding != NULL && !is_base64))
        return true; /* other encodings and types are not looked into */
    if (!is_base64)
        return check_document(run, so_node_rule(node, RULE_CONTENT_SCHEMA), text);
    char *decoded = so_malloc(text.n + 1);
    if (decoded == NULL) {
        so_run_fail(run, SO_ENOMEM, NULL);
        return false;
    }
    size_t n = 0;
    decode_base64(text, decoded, &n);
    bool good = check_document(run, so_node_rule(node, RULE_CONTENT_SCHEMA), so_str(decoded, n));
    so_free(decoded);
    return good;
}
