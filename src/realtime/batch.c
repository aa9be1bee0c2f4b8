/* batch.c: rows of the log as changes. */
#include "realtime/batch.h"

#include "core/mem.h"

enum { BATCH_BYTES_MAX = 1 << 30 };

static const char *const NAMES[] = {
    [SO_CHANGE_INSERT] = "INSERT", [SO_CHANGE_UPDATE] = "UPDATE", [SO_CHANGE_DELETE] = "DELETE"};

const char *so_change_op_name(enum so_change_op op) { return NAMES[op]; }

struct so_batch *so_batch_new(size_t room, struct so_err *err)
{
    struct so_batch *b = so_calloc(1, sizeof(*b));
    if (b == NULL) {
        so_err_oom(err);
        return NULL;
    }
    b->refs = 1;
    so_arena_init(&b->arena, BATCH_BYTES_MAX);
    b->changes = so_alloc_array(&b->arena, room, sizeof(b->changes[0]));
    if (b->changes == NULL) {
        so_err_oom(err);
        so_batch_unref(b);
        return NULL;
    }
    return b;
}

struct so_batch *so_batch_ref(struct so_batch *b)
{
    __atomic_add_fetch(&b->refs, 1, __ATOMIC_RELAXED);
    return b;
}

void so_batch_unref(struct so_batch *b)
{
    if (b == NULL || __atomic_sub_fetch(&b->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    so_arena_deinit(&b->arena);
    so_free(b);
}

static bool find_op(struct so_str name, enum so_change_op *out)
{
    for (size_t i = 0; i < COUNT_OF(NAMES); i++)
        if (so_str_eq_c(name, NAMES[i])) {
            *out = (enum so_change_op)i;
            return true;
        }
    return false;
}

static int read_row(struct so_batch *b, struct so_str text, struct so_row *out, struct so_err *err)
{
    *out = (struct so_row){0};
    if (text.p == NULL)
        return SO_OK;
    struct so_str kept = so_arena_dup(&b->arena, text);
    if (kept.p == NULL)
        return so_err_oom(err);
    return b->is_json ? so_row_parse_json(kept, &b->arena, out, err) : so_row_parse(kept, &b->arena, out, err);
}

int so_batch_add(struct so_batch *b, int64_t seq, struct so_str at, struct so_str table, struct so_str op,
                 struct so_str old_row, struct so_str new_row, struct so_err *err)
{
    struct so_change *c = &b->changes[b->count];
    struct so_err cause = SO_ERR_INIT;
    *c = (struct so_change){.seq = seq, .at = so_arena_dup(&b->arena, at), .table = so_arena_dup(&b->arena, table)};
    if (c->at.p == NULL || c->table.p == NULL)
        return so_err_oom(err);
    int rc = find_op(op, &c->op) ? SO_OK : SO_EINVAL;
    if (rc == SO_OK)
        rc = read_row(b, old_row, &c->old_row, &cause);
    if (rc == SO_OK)
        rc = read_row(b, new_row, &c->new_row, &cause);
    if (rc == SO_ENOMEM)
        return so_err_oom(err);
    b->count += rc == SO_OK;
    b->last = seq;
    return SO_OK;
}
