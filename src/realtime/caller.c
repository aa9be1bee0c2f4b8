/* caller.c: one block of memory for an identity and its text. */
#include "realtime/caller.h"

#include "core/mem.h"

struct so_caller *so_caller_new(const struct so_guest *guest, struct so_str token)
{
    struct so_identity who = guest->who;
    struct so_str *const texts[] = {&who.uid, &who.claims, &who.session_id, &who.role_name, &token};
    size_t size = 0;
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        size += texts[i]->n;
    struct so_caller *c = so_malloc(sizeof(*c) + size);
    if (c == NULL)
        return NULL;
    char *at = (char *)(c + 1);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        if (texts[i]->p == NULL)
            continue; /* "none" is not the same as empty */
        memcpy(at, texts[i]->p, texts[i]->n);
        texts[i]->p = at;
        at += texts[i]->n;
    }
    *c = (struct so_caller){.refs = 1, .who = who, .expires = guest->expires, .token = token};
    return c;
}

struct so_caller *so_caller_ref(struct so_caller *caller)
{
    caller->refs++;
    return caller;
}

void so_caller_unref(struct so_caller *caller)
{
    if (caller != NULL && --caller->refs == 0)
        so_free(caller);
}
