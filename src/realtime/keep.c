/* keep.c: a few texts in one block of memory: there may be ten thousand subscriptions, and an arena begins with 4 KiB. */
#include "core/mem.h"
#include "realtime/changes_int.h"

int so_keep_texts(struct so_str *const *texts, size_t count, char **out, struct so_err *err)
{
    size_t size = 1;
    for (size_t i = 0; i < count; i++)
        size += texts[i]->n;
    char *block = so_malloc(size), *at = block;
    if (block == NULL)
        return so_err_oom(err);
    for (size_t i = 0; i < count; i++) {
        if (texts[i]->p == NULL)
            continue;
        if (texts[i]->n > 0)
            memcpy(at, texts[i]->p, texts[i]->n);
        texts[i]->p = at;
        at += texts[i]->n;
    }
    *out = block;
    return SO_OK;
}

int so_keep_identity(const struct so_identity *who, struct so_identity *out, char **out_block, struct so_err *err)
{
    struct so_identity copy = *who;
    struct so_str *const texts[] = {&copy.uid, &copy.claims, &copy.session_id, &copy.role_name};
    int rc = so_keep_texts(texts, COUNT_OF(texts), out_block, err);
    if (rc == SO_OK)
        *out = copy;
    return rc;
}
