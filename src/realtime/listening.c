/* listening.c: where a change finds its listeners: by the value of a column that they ask for, or in a list. */
#include <stdio.h>

#include "core/mem.h"
#include "realtime/changes_int.h"

enum {
    ARENA_MAX = 1 << 30,
    COLUMN_DIGITS = 4, /* at the front of a bucket's key, as hexadecimal; SQLite has at most 32767 columns */
    KEY_MAX = SO_FILTER_BYTES_MAX + COLUMN_DIGITS + 1
};

static void list_add(struct so_listening **list, struct so_listening *l)
{
    l->list = list;
    l->prev = NULL;
    l->next = *list;
    if (*list != NULL)
        (*list)->prev = l;
    *list = l;
}

/* "0003" and the value; p == NULL: the cell has no key, or is longer than any value of a filter. */
static struct so_str bucket_key(size_t column, const struct so_cell *cell, char buf[KEY_MAX])
{
    char number[24];
    struct so_str value = so_filter_key(cell, number);
    if (value.p == NULL || value.n > SO_FILTER_BYTES_MAX)
        return (struct so_str){NULL, 0};
    snprintf(buf, COLUMN_DIGITS + 1, "%04x", (unsigned)column & 0xFFFF);
    memcpy(buf + COLUMN_DIGITS, value.p, value.n);
    return (struct so_str){buf, COLUMN_DIGITS + value.n};
}

static struct so_bucket *find_bucket(const struct so_watch *w, struct so_str key)
{
    struct so_table_entry *entry = so_hash_table_find(&w->buckets, key);
    return entry == NULL ? NULL : SO_CONTAINER_OF(entry, struct so_bucket, entry);
}

static struct so_bucket *make_bucket(struct so_watch *w, size_t column, struct so_str key)
{
    struct so_bucket *b = so_calloc(1, sizeof(*b) + key.n);
    if (b == NULL)
        return NULL;
    memcpy(b->key, key.p, key.n);
    b->entry.key = (struct so_str){b->key, key.n};
    b->column = column;
    if (!so_hash_table_put(&w->buckets, &b->entry)) {
        so_free(b);
        return NULL;
    }
    w->bucketed[column]++;
    return b;
}

int so_listening_link(struct so_changes *c, struct so_listening *l, struct so_err *err)
{
    const struct so_filter_term *by = l->watch == NULL ? NULL : so_change_filter_equality(&l->filter);
    if (by == NULL) {
        list_add(l->watch == NULL ? &c->any_table : &l->watch->others, l);
        return SO_OK;
    }
    char buf[KEY_MAX];
    struct so_str key = bucket_key(by->column->index, &by->values[0].cell, buf);
    struct so_bucket *bucket = find_bucket(l->watch, key);
    if (bucket == NULL)
        bucket = make_bucket(l->watch, by->column->index, key);
    if (bucket == NULL)
        return so_err_oom(err);
    list_add(&bucket->first, l);
    l->bucket = bucket;
    return SO_OK;
}

void so_listening_unlink(struct so_listening *l)
{
    if (l->list == NULL)
        return;
    if (l->prev != NULL)
        l->prev->next = l->next;
    else
        *l->list = l->next;
    if (l->next != NULL)
        l->next->prev = l->prev;
    l->list = NULL;
    struct so_bucket *bucket = l->bucket;
    l->bucket = NULL;
    if (bucket == NULL || bucket->first != NULL)
        return;
    l->watch->bucketed[bucket->column]--;
    so_hash_table_remove(&l->watch->buckets, &bucket->entry);
    so_free(bucket);
}

struct so_bucket *so_watch_bucket(const struct so_watch *w, size_t column, const struct so_row *row)
{
    const struct so_column *of = &w->relation->columns[column];
    struct so_cell cell;
    struct so_arena arena; /* allocates nothing for what is stored as it is compared */
    so_arena_init(&arena, ARENA_MAX);
    char buf[KEY_MAX];
    struct so_bucket *found = NULL;
    if (so_cell_comparable(so_row_find(row, of->name, column), of->type, &arena, &cell, NULL) == SO_OK) {
        struct so_str key = bucket_key(column, &cell, buf);
        found = key.p == NULL ? NULL : find_bucket(w, key);
    }
    so_arena_deinit(&arena);
    return found;
}
