/* jwks.c: key sets (RFC 7517 section 5): a plain array of references. */
#include "jose/jwk.h"
#include "jose/jwk_int.h"

void so_jwks_clear(struct so_jwks *set)
{
    for (size_t i = 0; i < set->count; i++)
        so_jwk_unref(set->keys[i]);
    set->count = 0;
}

/* Passes over a key that is well but not for us. */
static int add(const struct so_json *jwk, struct so_jwks *set, struct so_err *err)
{
    struct so_err own = SO_ERR_INIT;
    struct so_jwk *key;
    int rc = so_jwk_read(jwk, SO_ALG_NONE, &key, &own);
    if (rc == SO_ENOTFOUND)
        return SO_OK;
    if (rc != SO_OK) {
        if (err != NULL && err->code == SO_OK)
            *err = own;
        return rc;
    }
    set->keys[set->count++] = key;
    return SO_OK;
}

int so_jwks_parse(const struct so_json *doc, struct so_jwks *out, struct so_err *err)
{
    const struct so_json *keys = so_json_get(doc, SO_STR("keys"));
    const struct so_json *items = keys == NULL ? doc : keys->u.items;
    size_t count = keys == NULL ? 1 : keys->len;
    if (doc->type != SO_JSON_OBJECT || (keys != NULL && keys->type != SO_JSON_ARRAY))
        return so_fail(err, SO_EINVAL, "a key set is an object with an array \"keys\", or a single JWK");
    if (count > SO_JWKS_MAX)
        return so_fail(err, SO_ELIMIT, "a key set has at most %d keys", SO_JWKS_MAX);
    struct so_jwks set = {.count = 0};
    for (size_t i = 0; i < count; i++) {
        int rc = add(&items[i], &set, err);
        if (rc != SO_OK) {
            so_jwks_clear(&set);
            return rc;
        }
    }
    *out = set;
    return SO_OK;
}
