/* role_claim.c: where in a token the role stands: ".role", "$.app_metadata.role", ".realm.roles[0]", ."https://x.y/role"
 * (PostgREST, Config/JSPath.hs, without its filters). */
#include "auth/auth_int.h"

static const struct so_json *step_name(const struct so_json *v, struct so_str path, size_t *at)
{
    bool quoted = *at < path.n && path.p[*at] == '"';
    size_t from = *at + quoted, to = from;
    while (to < path.n && (quoted ? path.p[to] != '"' : path.p[to] != '.' && path.p[to] != '['))
        to++;
    *at = to + quoted;
    return so_json_get(v, so_str_slice(path, from, to));
}

static const struct so_json *step_index(const struct so_json *v, struct so_str path, size_t *at)
{
    uint64_t index;
    size_t end = so_str_find_char(path, ']', *at);
    if (end == SO_STR_NONE || !so_str_to_u64(so_str_slice(path, *at, end), &index))
        return NULL;
    *at = end + 1;
    return v->type == SO_JSON_ARRAY && index < v->len ? &v->u.items[index] : NULL;
}

struct so_str so_auth_role_claim(const struct so_json *claims, struct so_str path)
{
    const struct so_json *v = claims;
    size_t at = path.n > 0 && path.p[0] == '$';
    while (v != NULL && at < path.n) {
        char c = path.p[at++];
        v = c == '.' ? step_name(v, path, &at) : c == '[' ? step_index(v, path, &at) : NULL;
    }
    return v != NULL && v->type == SO_JSON_STRING ? so_json_str(v) : (struct so_str){NULL, 0};
}
