/* watch.c: the tables that can be listened to, and what their listeners have in common. */
#include "realtime/changes_int.h"

#include "core/mem.h"
#include "json/write.h"

enum { WATCHES_MAX = 256 << 20, VIEWER_MAX = 1 << 20, PROJECTION_MAX = 8 << 20 };

/* ---- all tables ---- */

/* On PostgreSQL tables of several schemas may have one name.  p == NULL: no memory. */
static struct so_str key_of(struct so_watches *w, const struct so_relation *relation)
{
    if (w->catalog->engine == SO_ENGINE_SQLITE)
        return relation->name;
    return so_arena_printf(&w->arena, "%.*s.%.*s", SO_STR_ARG(relation->schema), SO_STR_ARG(relation->name));
}

static int add_watch(struct so_watches *w, const struct so_relation *relation, const struct so_table *table,
                     struct so_err *err)
{
    struct so_watch *watch = so_alloc_zero(&w->arena, sizeof(*watch));
    if (watch == NULL)
        return so_err_oom(err);
    const struct so_policy *policy = table == NULL ? NULL : &table->policies[SO_CMD_SELECT];
    bool asks = policy != NULL && policy->kind == SO_POLICY_SQL;
    struct so_str key = key_of(w, relation);
    *watch = (struct so_watch){
        .all = w,
        .relation = relation,
        .table = table,
        .asks_uid = asks && so_str_find(policy->sql, SO_STR(":auth_uid")) != SO_STR_NONE,
        .asks_role = asks && so_str_find(policy->sql, SO_STR(":auth_role")) != SO_STR_NONE,
        .asks_jwt = asks && so_str_find(policy->sql, SO_STR(":auth_jwt")) != SO_STR_NONE,
        .bucketed = so_alloc_array(&w->arena, relation->column_count, sizeof(watch->bucketed[0])),
    };
    return watch->bucketed != NULL && key.p != NULL && so_map_put(&w->by_name, key, watch) ? SO_OK : so_err_oom(err);
}

static int add_modelled(struct so_watches *w, const struct so_catalog *catalog, const struct so_model *model,
                        struct so_err *err)
{
    int rc = SO_OK;
    for (size_t i = 0; rc == SO_OK && i < model->table_count; i++) {
        const struct so_table *table = model->tables[i];
        const struct so_relation *relation = so_catalog_find(catalog, table->name);
        if (model->realtime && table->realtime && relation != NULL && !relation->is_view)
            rc = add_watch(w, relation, table, err);
    }
    return rc;
}

/* PostgreSQL: whatever has the log's trigger. */
static int add_logged(struct so_watches *w, const struct so_catalog *catalog, const struct so_model *model,
                      struct so_err *err)
{
    int rc = SO_OK;
    for (size_t i = 0; rc == SO_OK && i < catalog->relation_count; i++) {
        const struct so_relation *relation = catalog->relations[i];
        bool may_be_ours = so_str_eq_c(relation->schema, "public");
        if (relation->logged)
            rc = add_watch(w, relation, may_be_ours ? so_model_find(model, relation->name) : NULL, err);
    }
    return rc;
}

int so_watches_new(const struct so_catalog *catalog, const struct so_model *model, struct so_str anon_role,
                   struct so_watches **out, struct so_err *err)
{
    struct so_watches *w = so_calloc(1, sizeof(*w));
    if (w == NULL)
        return so_err_oom(err);
    so_arena_init(&w->arena, WATCHES_MAX);
    so_map_init(&w->by_name, &w->arena);
    /* Both are counted atomically, and otherwise never change. */
    w->catalog = so_catalog_ref((struct so_catalog *)(uintptr_t)catalog);
    w->model = so_model_ref((struct so_model *)(uintptr_t)model);
    w->anon_role = anon_role;
    int rc = catalog->engine == SO_ENGINE_SQLITE ? add_modelled(w, catalog, model, err) : add_logged(w, catalog, model, err);
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

struct so_watch *so_watches_find_in(const struct so_watches *w, struct so_str schema, struct so_str table)
{
    enum { NAME_MAX_BYTES = 63 }; /* PostgreSQL's limit */
    char key[2 * NAME_MAX_BYTES + 1];
    struct so_str in = schema.p == NULL ? SO_STR("public") : schema;
    if (w->catalog->engine == SO_ENGINE_SQLITE)
        return so_str_eq_c(in, "public") ? so_watches_find(w, table) : NULL;
    if (in.n > NAME_MAX_BYTES || table.n > NAME_MAX_BYTES)
        return NULL;
    memcpy(key, in.p, in.n);
    key[in.n] = '.';
    memcpy(key + in.n + 1, table.p, table.n);
    return so_watches_find(w, (struct so_str){key, in.n + 1 + table.n});
}

struct so_str so_watch_role(const struct so_watch *w, const struct so_identity *who)
{
    if (who->role_name.p != NULL)
        return who->role_name;
    return who->role == SO_ROLE_ANON && w->all->anon_role.p != NULL ? w->all->anon_role : so_str_c(so_role_name(who->role));
}

bool so_watch_shows(const struct so_watch *w, const struct so_column *column, const struct so_identity *who)
{
    const struct so_field_rule *rule = w->table == NULL ? NULL : so_table_field(w->table, column->name);
    const struct so_catalog *catalog = w->all->catalog;
    if (catalog->engine == SO_ENGINE_POSTGRES &&
        (column->readable_to & so_catalog_role_bit(catalog, so_watch_role(w, who))) == 0)
        return false;
    return who->role == SO_ROLE_SERVICE || rule == NULL || !rule->write_only;
}

/* ---- viewers ---- */

/* What the policy asks about the caller; what it does not ask is left out. */
static void put_viewer_key(struct so_buf *b, const struct so_watch *w, const struct so_identity *who)
{
    if (w->all->catalog->engine == SO_ENGINE_POSTGRES) { /* its policies are functions of who knows what */
        struct so_str role = so_watch_role(w, who);
        so_buf_printf(b, "%zu|%.*s", role.n, SO_STR_ARG(role));
        so_buf_put_str(b, who->claims.p == NULL ? SO_STR("") : who->claims);
        return;
    }
    if (who->role == SO_ROLE_SERVICE) {
        so_buf_lit(b, "service");
        return;
    }
    bool has_uid = w->asks_uid && who->uid.p != NULL, has_claims = w->asks_jwt && who->claims.p != NULL;
    so_buf_printf(b, "%s|%d%d%zu|", w->asks_role ? so_role_name(who->role) : "", has_uid, has_claims,
                  has_uid ? who->uid.n : 0);
    if (has_uid)
        so_buf_put_str(b, who->uid);
    if (has_claims)
        so_buf_put_str(b, who->claims);
}

static void free_viewer(struct so_viewer *v)
{
    so_free(v->texts);
    so_free(v->key);
    so_free(v);
}

/* Takes the key's bytes. */
static int make_viewer(struct so_watch *w, const struct so_identity *who, struct so_buf *key, struct so_viewer **out,
                       struct so_err *err)
{
    struct so_viewer *v = so_calloc(1, sizeof(*v));
    if (v == NULL)
        return so_err_oom(err);
    v->refs = 1;
    v->key = so_buf_take(key, &v->entry.key.n);
    v->entry.key.p = v->key;
    int rc = so_keep_identity(who, &v->who, &v->texts, err);
    if (rc == SO_OK && !so_hash_table_put(&w->viewers, &v->entry))
        rc = so_err_oom(err);
    if (rc != SO_OK) {
        free_viewer(v);
        return rc;
    }
    *out = v;
    return SO_OK;
}

int so_viewer_get(struct so_watch *w, const struct so_identity *who, struct so_viewer **out, struct so_err *err)
{
    struct so_buf key;
    so_buf_init(&key, VIEWER_MAX);
    put_viewer_key(&key, w, who);
    int rc = so_buf_check(&key, "the caller's claims", err);
    struct so_table_entry *found = rc == SO_OK ? so_hash_table_find(&w->viewers, so_buf_str(&key)) : NULL;
    if (found != NULL) {
        *out = SO_CONTAINER_OF(found, struct so_viewer, entry);
        (*out)->refs++;
    } else if (rc == SO_OK) {
        rc = make_viewer(w, who, &key, out, err);
    }
    so_buf_deinit(&key);
    return rc;
}

void so_viewer_put(struct so_watch *w, struct so_viewer *v)
{
    if (v == NULL || --v->refs > 0)
        return;
    so_hash_table_remove(&w->viewers, &v->entry);
    free_viewer(v);
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
        so_jw_member_str(&j, "type",
                         column->type_name.p != NULL ? column->type_name : so_str_c(so_type_info(column->type)->pg_name));
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
