/* snapshot.c: join the catalog and the model. */
#include "rest/snapshot.h"

#include "core/mem.h"
#include "rest/text.h"

enum { JOINED_MAX = 64 * 1024 * 1024 };

/* so_snapshot is its first member, so that a pointer to one is a pointer to the other. */
struct joined {
    struct so_snapshot base;
    struct so_arena arena;
    struct so_map entities; /* -> struct so_entity */
};

static int join_columns(struct so_arena *arena, struct so_entity *e, struct so_err *err)
{
    size_t count = e->relation->column_count;
    struct so_entity_column *columns = so_alloc_array(arena, count, sizeof(*columns));
    struct so_field *fields = so_alloc_array(arena, count, sizeof(*fields));
    if (columns == NULL || fields == NULL)
        return so_err_oom(err);
    for (size_t i = 0; i < count; i++) {
        const struct so_column *column = &e->relation->columns[i];
        fields[i] = (struct so_field){so_field_key(arena, column->name), SO_FIELD_VALUE, column->type};
        struct so_text quoted;
        so_text_init(&quoted, arena, column->name.n + 2);
        so_text_name(&quoted, column->name);
        if (fields[i].key.p == NULL || quoted.failed)
            return so_err_oom(err);
        columns[i] = (struct so_entity_column){
            .column = column,
            .rule = e->table == NULL ? NULL : so_table_field(e->table, column->name),
            .field = fields[i],
            .quoted = so_text_get(&quoted),
        };
    }
    e->columns = columns;
    e->row = (struct so_shape){.fields = fields, .field_count = count};
    return SO_OK;
}

static int join_all(struct joined *j, struct so_err *err)
{
    const struct so_catalog *catalog = j->base.catalog;
    for (size_t i = 0; i < catalog->relation_count; i++) {
        const struct so_relation *relation = catalog->relations[i];
        if (relation->internal)
            continue;
        struct so_entity *e = so_alloc_zero(&j->arena, sizeof(*e));
        if (e == NULL)
            return so_err_oom(err);
        e->relation = relation;
        e->table = j->base.model == NULL ? NULL : so_model_find(j->base.model, relation->name);
        int rc = join_columns(&j->arena, e, err);
        if (rc != SO_OK)
            return rc;
        if (!so_map_put(&j->entities, relation->name, e))
            return so_err_oom(err);
    }
    return SO_OK;
}

static void snapshot_free(struct joined *j)
{
    so_catalog_unref(j->base.catalog);
    so_model_unref(j->base.model);
    so_arena_deinit(&j->arena);
    so_free(j);
}

int so_snapshot_new(struct so_catalog *catalog, struct so_model *model, struct so_snapshot **out, struct so_err *err)
{
    struct joined *j = so_calloc(1, sizeof(*j));
    if (j == NULL) {
        so_catalog_unref(catalog);
        so_model_unref(model);
        return so_err_oom(err);
    }
    j->base = (struct so_snapshot){catalog, model, 1};
    so_arena_init(&j->arena, JOINED_MAX);
    so_map_init(&j->entities, &j->arena);
    int rc = join_all(j, err);
    if (rc == SO_OK)
        *out = &j->base;
    else
        snapshot_free(j);
    return rc;
}

struct so_snapshot *so_snapshot_ref(struct so_snapshot *s)
{
    __atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
    return s;
}

void so_snapshot_unref(struct so_snapshot *s)
{
    if (s != NULL && __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) == 0)
        snapshot_free((struct joined *)(void *)s);
}

const struct so_entity *so_snapshot_find(const struct so_snapshot *s, struct so_str name)
{
    return so_map_find(&((const struct joined *)(const void *)s)->entities, name);
}

const struct so_entity_column *so_entity_column(const struct so_entity *e, struct so_str name, const struct so_identity *who)
{
    const struct so_column *column = so_relation_column(e->relation, name);
    if (column == NULL)
        return NULL;
    const struct so_entity_column *found = &e->columns[column->index];
    return so_entity_column_hidden(found, who) ? NULL : found;
}

static const struct so_policy ALLOW = {.kind = SO_POLICY_ALLOW}, DENY = {.kind = SO_POLICY_DENY};

const struct so_policy *so_entity_policy(const struct so_entity *e, enum so_command command, const struct so_identity *who)
{
    if (who->role == SO_ROLE_SERVICE)
        return &ALLOW;
    return e->table == NULL ? &DENY : &e->table->policies[command];
}

const struct so_policy *so_entity_check(const struct so_entity *e, const struct so_identity *who)
{
    if (who->role == SO_ROLE_SERVICE || e->table == NULL)
        return &ALLOW;
    return &e->table->check;
}
