/* list.h: pointers in a list that grows in an arena: for what is read once and kept as long as the arena. */
#ifndef SO_CORE_LIST_H
#define SO_CORE_LIST_H

#include "core/arena.h"
#include "core/err.h"

/* Begins as {0}. */
struct so_list {
    void **items;
    size_t count, cap;
};

/* Adds to the end; SO_ENOMEM leaves the list as it was.  A growing list leaves its former places to the arena, which is at
 * most once more what it takes. */
static inline int so_list_add(struct so_list *list, void *item, struct so_arena *arena, struct so_err *err)
{
    if (list->count == list->cap) {
        size_t cap = list->cap == 0 ? 8 : list->cap * 2;
        void **items = so_alloc_array(arena, cap, sizeof(items[0]));
        if (items == NULL)
            return so_err_oom(err);
        for (size_t i = 0; i < list->count; i++)
            items[i] = list->items[i];
        list->items = items;
        list->cap = cap;
    }
    list->items[list->count++] = item;
    return SO_OK;
}

#endif
