/* pointer.c: JSON Pointer (RFC 6901). */
#include "json/json.h"

/* Whether the reference token, with ~0 and ~1 undone (section 4), is this name. */
static bool token_is(struct so_str token, struct so_str name)
{
    size_t at = 0;
    for (size_t i = 0; i < token.n; i++, at++) {
        char c = token.p[i];
        if (c == '~')
            c = token.p[++i] == '0' ? '~' : '/';
        if (at == name.n || name.p[at] != c)
            return false;
    }
    return at == name.n;
}

static bool is_well_formed(struct so_str token)
{
    for (size_t i = 0; i < token.n; i++)
        if (token.p[i] == '~' && (++i == token.n || (token.p[i] != '0' && token.p[i] != '1')))
            return false;
    return true;
}

static const struct so_json *find_member(const struct so_json *v, struct so_str token)
{
    if (so_str_find_char(token, '~', 0) == SO_STR_NONE)
        return so_json_get(v, token);
    for (uint32_t i = v->len; i-- > 0;)
        if (token_is(token, so_json_key(&v->u.members[i])))
            return &v->u.members[i].value;
    return NULL;
}

/* Digits without a leading zero.  "-", the place after the last item, names nothing that could be read. */
static const struct so_json *find_item(const struct so_json *v, struct so_str token)
{
    uint64_t at;
    if ((token.n > 1 && token.p[0] == '0') || !so_str_to_u64(token, &at) || at >= v->len)
        return NULL;
    return &v->u.items[at];
}

const struct so_json *so_json_at(const struct so_json *v, struct so_str pointer)
{
    if (pointer.n == 0 || v == NULL)
        return v;
    if (pointer.p[0] != '/')
        return NULL;
    struct so_str rest = so_str_slice(pointer, 1, pointer.n), token;
    while (v != NULL && so_str_split(&rest, '/', &token)) {
        if (!is_well_formed(token))
            return NULL;
        v = v->type == SO_JSON_OBJECT ? find_member(v, token) : v->type == SO_JSON_ARRAY ? find_item(v, token) : NULL;
    }
    return v;
}
