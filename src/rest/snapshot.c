/* snapshot.c: join the catalog and the model. */
#include "rest/snapshot.h"

#include "core/mem.h"
#include "rest/dialect.h"
#include "rest/text.h"

enum { JOINED_MAX = 64 * 1024 * 1024 };

/* so_snapshot is its first member, so that a pointer to one is a pointer to the other. */
struct joined {
    struct so_snapshot base;
    struct so_arena arena;
    struct so_map entities;            /* of the first schema: -> struct so_entity */
    const struct so_entity **by_index; /* by the relation's place in the catalog; NULL where it is not served */
    struct so_map routines;            /* -> struct so_routine */
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
    j->by_index = so_alloc_array(&j->arena, catalog->relation_count + 1, sizeof(struct so_entity *));
    if (j->by_index == NULL)
        return so_err_oom(err);
    for (size_t i = 0; i < catalog->relation_count; i++) {
        const struct so_relation *relation = catalog->relations[i];
        if (relation->internal)
            continue;
        struct so_entity *e = so_alloc_zero(&j->arena, sizeof(*e));
        if (e == NULL)
            return so_err_oom(err);
        bool is_default = so_catalog_find(catalog, relation->name) == relation;
        e->relation = relation;
        e->table = j->base.model == NULL || !is_default ? NULL : so_model_find(j->base.model, relation->name);
        e->guards_itself = catalog->engine == SO_ENGINE_POSTGRES;
        j->by_index[i] = e;
        int rc = join_columns(&j->arena, e, err);
        if (rc != SO_OK)
            return rc;
        if (is_default && !so_map_put(&j->entities, relation->name, e))
            return so_err_oom(err);
    }
    return SO_OK;
}

/* ---- functions ---- */

static const struct so_entity *find_nocase(const struct joined *j, struct so_str name)
{
    const struct so_catalog *catalog = j->base.catalog;
    for (size_t i = 0; i < catalog->relation_count; i++)
        if (so_str_eq_nocase(catalog->relations[i]->name, name))
            return so_map_find(&j->entities, catalog->relations[i]->name);
    return NULL;
}

/* Every relation that the statement names, once.  A name that is none, or a text that happens to be one, costs nothing. */
static int join_guards(struct joined *j, struct so_routine *r, struct so_err *err)
{
    const struct so_function *f = r->function;
    const struct so_entity **guards = so_alloc_array(&j->arena, f->name_count + 1, sizeof(struct so_entity *));
    if (guards == NULL)
        return so_err_oom(err);
    r->guards = guards;
    for (size_t i = 0; !f->definer && i < f->name_count; i++) {
        const struct so_entity *e = find_nocase(j, f->names[i]);
        bool is_new = e != NULL;
        for (size_t g = 0; g < r->guard_count; g++)
            is_new &= guards[g] != e;
        if (is_new)
            guards[r->guard_count++] = e;
    }
    return SO_OK;
}

/* A relation that is in no database: the columns that the function's file promises. */
static int make_relation(struct joined *j, struct so_routine *r, struct so_err *err)
{
    const struct so_function *f = r->function;
    struct so_column *columns = so_alloc_array(&j->arena, f->column_count + 1, sizeof(*columns));
    struct so_relation *relation = so_alloc_zero(&j->arena, sizeof(*relation));
    struct so_entity *e = so_alloc_zero(&j->arena, sizeof(*e));
    if (columns == NULL || relation == NULL || e == NULL)
        return so_err_oom(err);
    so_map_init(&relation->by_name, &j->arena);
    for (size_t i = 0; i < f->column_count; i++) {
        columns[i] = (struct so_column){
            .name = f->columns[i].name, .declared = SO_STR(""), .type = f->columns[i].type, .index = (uint16_t)i};
        if (!so_map_put(&relation->by_name, columns[i].name, &columns[i]))
            return so_err_oom(err);
    }
    relation->name = f->name;
    relation->is_view = true;
    relation->columns = columns;
    relation->column_count = f->column_count;
    e->relation = relation;
    r->entity = e;
    return join_columns(&j->arena, e, err);
}

static int join_functions(struct joined *j, struct so_err *err)
{
    const struct so_model *model = j->base.model;
    int rc = SO_OK;
    for (size_t i = 0; rc == SO_OK && model != NULL && i < model->function_count; i++) {
        struct so_routine *r = so_alloc_zero(&j->arena, sizeof(*r));
        if (r == NULL || !so_map_put(&j->routines, model->functions[i]->name, r))
            return so_err_oom(err);
        r->function = model->functions[i];
        if (r->function->table.n > 0)
            r->entity = so_map_find(&j->entities, r->function->table);
        else
            rc = make_relation(j, r, err);
        if (rc == SO_OK)
            rc = join_guards(j, r, err);
        if (rc == SO_OK && r->entity == NULL)
            rc = so_fail(err, SO_EINVAL, "%.*s: there is no table \"%.*s\"", SO_STR_ARG(r->function->file),
                         SO_STR_ARG(r->function->table));
    }
    return rc;
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
    so_map_init(&j->routines, &j->arena);
    int rc = join_all(j, err);
    if (rc == SO_OK)
        rc = join_functions(j, err);
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

const struct so_entity *so_snapshot_entity(const struct so_snapshot *s, const struct so_relation *relation)
{
    const struct joined *j = (const struct joined *)(const void *)s;
    return relation->internal ? NULL : j->by_index[relation->index];
}

const struct so_entity *so_snapshot_find_in(const struct so_snapshot *s, const struct so_schema *schema, struct so_str name)
{
    const struct so_relation *relation = schema == NULL ? NULL : so_map_find(&schema->relations, name);
    if (schema == NULL)
        return so_snapshot_find(s, name);
    return relation == NULL ? NULL : so_snapshot_entity(s, relation);
}

const struct so_dialect *so_snapshot_dialect(const struct so_snapshot *s)
{
    static const struct so_dialect *const DIALECTS[] = {
        [SO_ENGINE_SQLITE] = &so_dialect_sqlite, [SO_ENGINE_POSTGRES] = &so_dialect_postgres};
    return DIALECTS[s->catalog->engine];
}

const struct so_routine *so_snapshot_function(const struct so_snapshot *s, struct so_str name)
{
    return so_map_find(&((const struct joined *)(const void *)s)->routines, name);
}

bool so_routine_may(const struct so_routine *r, const struct so_identity *who)
{
    return who->role == SO_ROLE_SERVICE || (r->function->roles & 1u << who->role) != 0;
}

bool so_entity_hides(const struct so_entity *e, const struct so_identity *who)
{
    for (size_t i = 0; e->table != NULL && i < e->relation->column_count; i++)
        if (so_entity_column_hidden(&e->columns[i], who))
            return true;
    return false;
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

const struct so_policy *so_policy_allow(void) { return &ALLOW; }

const struct so_policy *so_entity_policy(const struct so_entity *e, enum so_command command, const struct so_identity *who)
{
    if (who->role == SO_ROLE_SERVICE || e->guards_itself)
        return &ALLOW;
    return e->table == NULL ? &DENY : &e->table->policies[command];
}

const struct so_policy *so_entity_check(const struct so_entity *e, const struct so_identity *who)
{
    if (who->role == SO_ROLE_SERVICE || e->table == NULL || e->guards_itself)
        return &ALLOW;
    return &e->table->check;
}
