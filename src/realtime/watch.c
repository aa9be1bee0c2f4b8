/* watch.c: the tables that can be listened to, and what their listeners have in common. */
#include "realtime/changes_int.h"

#include "core/mem.h"
#include "json/write.h"

enum { WATCHES_MAX = 256 << 20, VIEWER_MAX = 1 << 20, PROJECTION_MAX = 8 << 20 };

/* ---- all tables ---- */

static int add_watch(struct so_watches *w, const struct so_relation *relation, const struct so_table *table,
                     struct so_err *err)
{
    struct so_watch *watch = so_alloc_zero(&w->arena, sizeof(*watch));
    if (watch == NULL)
        return so_err_oom(err);
    const struct so_policy *policy = &table->policies[SO_CMD_SELECT];
    bool asks = policy->kind == SO_POLICY_SQL;
    *watch = (struct so_watch){
        .relation = relation,
        .table = table,
        .asks_uid = asks && so_str_find(policy->sql, SO_STR(":auth_uid")) != SO_STR_NONE,
        .asks_role = asks && so_str_find(policy->sql, SO_STR(":auth_role")) != SO_STR_NONE,
        .asks_jwt = asks && so_str_find(policy->sql, SO_STR(":auth_jwt")) != SO_STR_NONE,
        .bucketed = so_alloc_array(&w->arena, relation->column_count, sizeof(watch->bucketed[0])),
    };
    return watch->bucketed != NULL && so_map_put(&w->by_name, relation->name, watch) ? SO_OK : so_err_oom(err);
}

int so_watches_new(const struct so_catalog *catalog, const struct so_model *model, struct so_watches **out,
                   struct so_err *err)
{
    struct so_watches *w = so_calloc(1, sizeof(*w));
    if (w == NULL)
        return so_err_oom(err);
    so_arena_init(&w->arena, WATCHES_MAX);
    so_map_init(&w->by_name, &w->arena);
    /* Both are counted atomically, and otherwise never change. */
    w->catalog = so_catalog_ref((struct so_catalog *)(uintptr_t)catalog);
    w->model = so_model_ref((struct so_model *)(uintptr_t)model);
    int rc = SO_OK;
    for (size_t i = 0; rc == SO_OK && i < model->table_count; i++) {
        const struct so_table *table = model->tables[i];
        const struct so_relation *relation = so_catalog_find(catalog, table->name);
        if (model->realtime && table->realtime && relation != NULL && !relation->is_view)
            rc = add_watch(w, relation, table, err);
    }
    if (rc != SO_OK) {
        so_watches_free(w);
        return rc;
    }
    *out = w;
    return SO_OK;
}

void so_watches_free(struct so_watches *w)
{
    if (w == NULL)
        return;
    struct so_str name;
    void *value;
    for (size_t i = 0; so_map_next(&w->by_name, &i, &name, &value);) {
        struct so_watch *watch = value;
        so_hash_table_deinit(&watch->viewers);
        so_hash_table_deinit(&watch->projections);
        so_hash_table_deinit(&watch->buckets);
    }
    so_catalog_unref(w->catalog);
    so_model_unref(w->model);
    so_arena_deinit(&w->arena);
    so_free(w);
}

struct so_watch *so_watches_find(const struct so_watches *w, struct so_str table) { return so_map_find(&w->by_name, table); }

bool so_watch_shows(const struct so_watch *w, const struct so_column *column, const struct so_identity *who)
{
    const struct so_field_rule *rule = so_table_field(w->table, column->name);
    return who->role == SO_ROLE_SERVICE || rule == NULL || !rule->write_only;
}

/* ---- viewers ---- */

/* What the policy asks, and what it does not is left out; p == NULL: no memory. */
static struct so_str viewer_key(const struct so_watch *w, const struct so_identity *who, struct so_arena *arena)
{
    if (who->role == SO_ROLE_SERVICE)
        return SO_STR("service");
    struct so_str uid = w->asks_uid && who->uid.p != NULL ? who->uid : SO_STR("");
    struct so_str claims = w->asks_jwt && who->claims.p != NULL ? who->claims : SO_STR("");
    return so_arena_printf(arena, "%s|%d%d%zu|%.*s%.*s", w->asks_role ? so_role_name(who->role) : "",
                           w->asks_uid && who->uid.p != NULL, w->asks_jwt && who->claims.p != NULL, uid.n, SO_STR_ARG(uid),
                           SO_STR_ARG(claims));
}

int so_viewer_get(struct so_watch *w, const struct so_identity *who, struct so_viewer **out, struct so_err *err)
{
    struct so_viewer *fresh = so_calloc(1, sizeof(*fresh));
    if (fresh == NULL)
        return so_err_oom(err);
    so_arena_init(&fresh->arena, VIEWER_MAX);
    fresh->refs = 1;
    fresh->entry.key = viewer_key(w, who, &fresh->arena);
    int rc = fresh->entry.key.p == NULL ? so_err_oom(err) : SO_OK;
    struct so_table_entry *found = rc == SO_OK ? so_hash_table_find(&w->viewers, fresh->entry.key) : NULL;
    if (found != NULL) {
        *out = SO_CONTAINER_OF(found, struct so_viewer, entry);
        (*out)->refs++;
    } else if (rc == SO_OK) {
        rc = so_identity_copy(who, &fresh->arena, &fresh->who, err);
        if (rc == SO_OK && so_hash_table_put(&w->viewers, &fresh->entry)) {
            *out = fresh;
            return SO_OK;
        }
        rc = so_err_oom(err);
    }
    so_arena_deinit(&fresh->arena);
    so_free(fresh);
    return rc;
}

void so_viewer_put(struct so_watch *w, struct so_viewer *v)
{
    if (v == NULL || --v->refs > 0)
        return;
    so_hash_table_remove(&w->viewers, &v->entry);
    so_arena_deinit(&v->arena);
    so_free(v);
}

/* ---- projections ---- */

static int show_one(const struct so_watch *w, const struct so_identity *who, struct so_str name, char *shown,
                    struct so_err *err)
{
    const struct so_column *column = so_relation_column(w->relation, so_str_trim(name));
    if (column == NULL || !so_watch_shows(w, column, who))
        return so_fail(err, SO_EINVAL, "select: there is no column \"%.*s\"", SO_STR_ARG(so_str_slice(name, 0, 63)));
    shown[column->index] = 1;
    return SO_OK;
}

/* ["a","b"], or a,b */
static int show_selected(const struct so_watch *w, const struct so_identity *who, struct so_str select,
                         struct so_arena *arena, char *shown, struct so_err *err)
{
    struct so_str rest = so_str_trim(select), name;
    int rc = SO_OK;
    if (rest.n == 0 || rest.p[0] != '[') {
        while (rc == SO_OK && rest.p != NULL && so_str_split(&rest, ',', &name))
            rc = show_one(w, who, name, shown, err);
        return rc;
    }
    struct so_json list;
    struct so_err cause = SO_ERR_INIT;
    rc = so_json_parse(arena, rest, NULL, &list, &cause);
    if (rc == SO_ENOMEM)
        return so_err_oom(err);
    if (rc != SO_OK)
        return so_fail(err, SO_EINVAL, "select: expected a list of column names");
    for (uint32_t i = 0; rc == SO_OK && i < list.len; i++) {
        bool is_name = list.u.items[i].type == SO_JSON_STRING;
        rc = is_name ? show_one(w, who, so_json_str(&list.u.items[i]), shown, err)
                     : so_fail(err, SO_EINVAL, "select: expected a list of column names");
    }
    return rc;
}

/* A byte per column.  The key always comes. */
static int show_columns(const struct so_watch *w, const struct so_identity *who, struct so_str select,
                        struct so_arena *arena, char *shown, struct so_err *err)
{
    for (size_t i = 0; i < w->relation->column_count; i++) {
        const struct so_column *column = &w->relation->columns[i];
        shown[i] = (select.p == NULL || column->pk > 0) && so_watch_shows(w, column, who);
    }
    return select.p == NULL ? SO_OK : show_selected(w, who, select, arena, shown, err);
}

static int describe_columns(const struct so_watch *w, struct so_projection *p, struct so_err *err)
{
    struct so_buf b;
    struct so_jw j;
    so_buf_init(&b, PROJECTION_MAX);
    so_jw_init(&j, &b);
    so_jw_array(&j);
    for (size_t i = 0; i < w->relation->column_count; i++) {
        const struct so_column *column = &w->relation->columns[i];
        if (!so_projection_shows(p, i))
            continue;
        so_jw_object(&j);
        so_jw_member_str(&j, "name", column->name);
        so_jw_member_cstr(&j, "type", so_type_info(column->type)->pg_name);
        so_jw_end_object(&j);
    }
    so_jw_end_array(&j);
    int rc = so_buf_check(&b, "the description of the columns", err);
    if (rc == SO_OK) {
        p->columns_json = so_arena_dup(&p->arena, so_buf_str(&b));
        rc = p->columns_json.p == NULL ? so_err_oom(err) : SO_OK;
    }
    so_buf_deinit(&b);
    return rc;
}

int so_projection_get(struct so_watch *w, const struct so_identity *who, struct so_str select, struct so_projection **out,
                      struct so_err *err)
{
    struct so_projection *fresh = so_calloc(1, sizeof(*fresh));
    if (fresh == NULL)
        return so_err_oom(err);
    so_arena_init(&fresh->arena, PROJECTION_MAX);
    fresh->refs = 1;
    char *shown = so_alloc_text(&fresh->arena, w->relation->column_count);
    fresh->entry.key = (struct so_str){shown, w->relation->column_count};
    int rc = shown == NULL ? so_err_oom(err) : show_columns(w, who, select, &fresh->arena, shown, err);
    struct so_table_entry *found = rc == SO_OK ? so_hash_table_find(&w->projections, fresh->entry.key) : NULL;
    if (found != NULL) {
        *out = SO_CONTAINER_OF(found, struct so_projection, entry);
        (*out)->refs++;
    } else if (rc == SO_OK) {
        rc = describe_columns(w, fresh, err);
        if (rc == SO_OK && so_hash_table_put(&w->projections, &fresh->entry)) {
            *out = fresh;
            return SO_OK;
        }
        rc = so_err_oom(err);
    }
    so_arena_deinit(&fresh->arena);
    so_free(fresh);
    return rc;
}

void so_projection_put(struct so_watch *w, struct so_projection *p)
{
    if (p == NULL || --p->refs > 0)
        return;
    so_hash_table_remove(&w->projections, &p->entry);
    so_arena_deinit(&p->arena);
    so_free(p);
}
