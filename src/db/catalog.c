/* catalog.c: read the database's tables, views, keys and foreign keys with SQLite's pragma functions.
 *
 *   names -> columns -> indexes -> primary keys        a relation at a time
 *         -> foreign keys                              when all relations are known, both directions
 *
 * All in one read transaction, so that the parts fit together. */
#include "db/catalog.h"

#include <stdlib.h>

#include "core/list.h"
#include "core/mem.h"
#include "db/sqlite_int.h"

enum { CATALOG_MAX = 64 << 20 /* bytes */ };

struct reading {
    struct so_conn *conn;
    struct so_catalog *catalog;
    struct so_arena *arena;   /* the catalog's */
    struct so_list relations; /* struct so_relation, while they may change */
    struct so_list keys;      /* struct so_foreign_key */
    struct so_err *err;
};

static int list_add(struct reading *r, struct so_list *list, void *item)
{
    return so_list_add(list, item, r->arena, r->err);
}

/* Calls each() for every row of `sql`, whose ?1 is `argument`. */
static int each_row(struct reading *r, struct so_str sql, struct so_str argument,
                    int (*each)(struct reading *, struct so_stmt *, void *), void *arg)
{
    struct so_stmt *st;
    bool row = true;
    int rc = so_conn_prepare(r->conn, sql, &st, r->err);
    if (rc != SO_OK)
        return rc;
    if (so_stmt_parameter(st, "?1") > 0)
        so_stmt_bind_text(st, 1, argument);
    while (rc == SO_OK) {
        rc = so_stmt_step(st, &row, r->err);
        if (rc != SO_OK || !row)
            break;
        rc = each(r, st, arg);
    }
    so_stmt_done(st);
    return rc;
}

/* A copy in the catalog of the statement's text; NULL stays {NULL,0}. */
static int copy_text(struct reading *r, struct so_stmt *st, int column, struct so_str *out)
{
    struct so_str text = so_stmt_text(st, column);
    *out = (struct so_str){NULL, 0};
    if (text.p == NULL)
        return so_stmt_is_null(st, column) ? SO_OK : so_err_oom(r->err);
    *out = so_arena_dup(r->arena, text);
    return out->p == NULL ? so_err_oom(r->err) : SO_OK;
}

/* ---- relations and their columns ---- */

static bool is_internal(struct so_str name)
{
    return so_str_starts(name, SO_STR("_socle_")) || so_str_starts(name, SO_STR("auth_"));
}

static int add_relation(struct reading *r, struct so_stmt *st, void *unused)
{
    (void)unused;
    struct so_relation *relation = so_alloc_zero(r->arena, sizeof(*relation));
    if (relation == NULL)
        return so_err_oom(r->err);
    int rc = copy_text(r, st, 0, &relation->name);
    if (rc != SO_OK)
        return rc;
    relation->is_view = so_stmt_i64(st, 1) != 0;
    relation->schema = SO_STR("public");
    relation->insertable = relation->updatable = relation->deletable = !relation->is_view;
    relation->internal = is_internal(relation->name);
    so_map_init(&relation->by_name, r->arena);
    return list_add(r, &r->relations, relation);
}

enum { HIDDEN_NO = 0, HIDDEN_OF_VIRTUAL_TABLE = 1 }; /* more: generated (pragma table_xinfo) */

static int add_column(struct reading *r, struct so_stmt *st, void *arg)
{
    struct so_list *columns = arg;
    int64_t hidden = so_stmt_i64(st, 5);
    if (hidden == HIDDEN_OF_VIRTUAL_TABLE)
        return SO_OK;
    struct so_column *c = so_alloc_zero(r->arena, sizeof(*c));
    if (c == NULL)
        return so_err_oom(r->err);
    int rc = copy_text(r, st, 0, &c->name);
    if (rc == SO_OK)
        rc = copy_text(r, st, 1, &c->declared);
    if (rc == SO_OK)
        rc = copy_text(r, st, 3, &c->default_sql);
    if (rc != SO_OK)
        return rc;
    c->type = so_type_from_sqlite(c->declared);
    c->index = (uint16_t)columns->count; /* SQLite allows 32767 at most */
    c->not_null = so_stmt_i64(st, 2) != 0;
    c->pk = (uint16_t)so_stmt_i64(st, 4);
    c->generated = hidden > HIDDEN_OF_VIRTUAL_TABLE;
    c->has_default = c->default_sql.p != NULL;
    return list_add(r, columns, c);
}

/* An INTEGER PRIMARY KEY is the row's number: SQLite gives one to a row that has none (sqlite.org/lang_createtable.html). */
static void mark_row_number(struct so_column *columns, size_t count)
{
    struct so_column *key = NULL;
    size_t parts = 0;
    for (size_t i = 0; i < count; i++)
        if (columns[i].pk > 0) {
            key = &columns[i];
            parts++;
        }
    if (parts == 1 && so_str_eq_nocase(key->declared, SO_STR("INTEGER")))
        key->has_default = true;
}

static int read_columns(struct reading *r, struct so_relation *relation)
{
    static const struct so_str SQL =
        SO_STR_INIT("SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo(?1) ORDER BY cid");
    struct so_list found = {0};
    int rc = each_row(r, SQL, relation->name, add_column, &found);
    if (rc != SO_OK)
        return rc;
    struct so_column *columns = so_alloc_array(r->arena, found.count, sizeof(columns[0]));
    if (columns == NULL)
        return so_err_oom(r->err);
    for (size_t i = 0; i < found.count; i++)
        columns[i] = *(struct so_column *)found.items[i];
    if (!relation->is_view)
        mark_row_number(columns, found.count);
    for (size_t i = 0; i < found.count; i++)
        if (!so_map_put(&relation->by_name, columns[i].name, &columns[i]))
            return so_err_oom(r->err);
    relation->columns = columns;
    relation->column_count = found.count;
    return SO_OK;
}

/* ---- indexes ---- */

/* "books", "_", columns, "_key" */
static struct so_str constraint_name(struct reading *r, const struct so_relation *relation, const uint16_t *columns,
                                     size_t count, const char *suffix)
{
    struct so_str name = relation->name;
    for (size_t i = 0; i < count && name.p != NULL; i++)
        name = so_arena_printf(r->arena, "%.*s_%.*s", SO_STR_ARG(name), SO_STR_ARG(relation->columns[columns[i]].name));
    return name.p == NULL ? name : so_arena_printf(r->arena, "%.*s_%s", SO_STR_ARG(name), suffix);
}

static const struct so_column *find_nocase(const struct so_relation *relation, struct so_str name)
{
    for (size_t i = 0; i < relation->column_count; i++)
        if (so_str_eq_nocase(relation->columns[i].name, name))
            return &relation->columns[i];
    return NULL;
}

struct index_reading {
    const struct so_relation *relation;
    uint16_t *columns; /* room for all columns of the relation */
    size_t count;
    bool has_expression;
};

static int add_index_column(struct reading *r, struct so_stmt *st, void *arg)
{
    (void)r;
    struct index_reading *x = arg;
    const struct so_column *column = so_stmt_is_null(st, 0) ? NULL : find_nocase(x->relation, so_stmt_text(st, 0));
    if (column == NULL || x->count == x->relation->column_count)
        x->has_expression = true;
    else
        x->columns[x->count++] = column->index;
    return SO_OK;
}

struct indexes_reading {
    struct so_relation *relation;
    struct so_list list; /* struct so_index */
};

static int add_index(struct reading *r, struct so_stmt *st, void *arg)
{
    static const struct so_str SQL = SO_STR_INIT("SELECT name FROM pragma_index_info(?1) ORDER BY seqno");
    struct indexes_reading *all = arg;
    struct so_index *index = so_alloc_zero(r->arena, sizeof(*index));
    struct index_reading x = {.relation = all->relation};
    x.columns = so_alloc_array(r->arena, all->relation->column_count, sizeof(x.columns[0]));
    if (index == NULL || x.columns == NULL)
        return so_err_oom(r->err);
    int rc = copy_text(r, st, 0, &index->name);
    if (rc == SO_OK)
        rc = each_row(r, SQL, index->name, add_index_column, &x);
    if (rc != SO_OK || x.has_expression)
        return rc;
    index->unique = so_stmt_i64(st, 1) != 0 && so_stmt_i64(st, 3) == 0;
    index->columns = x.columns;
    index->column_count = x.count;
    if (so_str_eq_c(so_stmt_text(st, 2), "u")) /* made by UNIQUE in CREATE TABLE: has no name of its own */
        index->name = constraint_name(r, all->relation, x.columns, x.count, "key");
    return index->name.p == NULL ? so_err_oom(r->err) : list_add(r, &all->list, index);
}

/* The primary key is read off the columns: there is no index for a row's number. */
static int add_primary(struct reading *r, struct indexes_reading *all)
{
    struct so_relation *relation = all->relation;
    struct so_index *primary = so_alloc_zero(r->arena, sizeof(*primary));
    uint16_t *columns = so_alloc_array(r->arena, relation->column_count, sizeof(columns[0]));
    if (primary == NULL || columns == NULL)
        return so_err_oom(r->err);
    size_t count = 0;
    for (size_t i = 0; i < relation->column_count; i++)
        if (relation->columns[i].pk > 0) {
            columns[relation->columns[i].pk - 1] = relation->columns[i].index;
            count++;
        }
    if (count == 0)
        return SO_OK;
    struct so_str name = so_arena_printf(r->arena, "%.*s_pkey", SO_STR_ARG(relation->name));
    *primary = (struct so_index){name, columns, count, true, true};
    return name.p == NULL ? so_err_oom(r->err) : list_add(r, &all->list, primary);
}

static int read_indexes(struct reading *r, struct so_relation *relation)
{
    static const struct so_str SQL = SO_STR_INIT(
        "SELECT name, \"unique\", origin, partial FROM pragma_index_list(?1) WHERE origin <> 'pk' ORDER BY name");
    struct indexes_reading all = {.relation = relation};
    int rc = add_primary(r, &all);
    if (rc == SO_OK)
        rc = each_row(r, SQL, relation->name, add_index, &all);
    if (rc != SO_OK)
        return rc;
    struct so_index *indexes = so_alloc_array(r->arena, all.list.count, sizeof(indexes[0]));
    if (indexes == NULL)
        return so_err_oom(r->err);
    for (size_t i = 0; i < all.list.count; i++)
        indexes[i] = *(struct so_index *)all.list.items[i];
    relation->indexes = indexes;
    relation->index_count = all.list.count;
    if (all.list.count > 0 && indexes[0].primary)
        relation->primary = &indexes[0];
    return SO_OK;
}

/* ---- foreign keys ---- */

static struct so_relation *find_relation_nocase(const struct reading *r, struct so_str name)
{
    for (size_t i = 0; i < r->relations.count; i++) {
        struct so_relation *relation = r->relations.items[i];
        if (so_str_eq_nocase(relation->name, name))
            return relation;
    }
    return NULL;
}

struct key_reading {
    const struct so_relation *from;
    struct so_foreign_key *key; /* the one whose columns are coming; NULL when its table is not there */
    uint16_t *from_columns, *to_columns;
};

static int begin_key(struct reading *r, struct so_stmt *st, struct key_reading *k)
{
    const struct so_relation *to = find_relation_nocase(r, so_stmt_text(st, 2));
    k->key = NULL;
    if (to == NULL || to->is_view)
        return SO_OK; /* SQLite lets one refer to a table that is not there (yet) */
    k->key = so_alloc_zero(r->arena, sizeof(*k->key));
    k->from_columns = so_alloc_array(r->arena, k->from->column_count, sizeof(uint16_t));
    k->to_columns = so_alloc_array(r->arena, k->from->column_count, sizeof(uint16_t));
    if (k->key == NULL || k->from_columns == NULL || k->to_columns == NULL)
        return so_err_oom(r->err);
    *k->key = (struct so_foreign_key){
        .from = k->from, .to = to, .from_columns = k->from_columns, .to_columns = k->to_columns, .on_delete = {"", 0}};
    struct so_str action = so_stmt_text(st, 5);
    if (!so_str_eq_c(action, "NO ACTION") && copy_text(r, st, 5, &k->key->on_delete) != SO_OK)
        return SO_ENOMEM;
    return list_add(r, &r->keys, k->key);
}

/* Columns: id, seq, table, from, to, on_delete. */
static int add_key_column(struct reading *r, struct so_stmt *st, void *arg)
{
    struct key_reading *k = arg;
    int64_t seq = so_stmt_i64(st, 1);
    int rc = seq == 0 ? begin_key(r, st, k) : SO_OK;
    if (rc != SO_OK || k->key == NULL)
        return rc;
    const struct so_relation *to = k->key->to;
    const struct so_column *from_column = find_nocase(k->from, so_stmt_text(st, 3)), *to_column = NULL;
    if (!so_stmt_is_null(st, 4))
        to_column = find_nocase(to, so_stmt_text(st, 4));
    else if (to->primary != NULL && (size_t)seq < to->primary->column_count) /* REFERENCES t: its primary key */
        to_column = &to->columns[to->primary->columns[seq]];
    if (from_column == NULL || to_column == NULL || (size_t)seq >= k->from->column_count) {
        r->keys.count--; /* leads nowhere: SQLite refuses every write through it */
        k->key = NULL;
        return SO_OK;
    }
    k->from_columns[seq] = from_column->index;
    k->to_columns[seq] = to_column->index;
    k->key->column_count = (size_t)seq + 1;
    return SO_OK;
}

static bool is_subset(const uint16_t *part, size_t part_count, const uint16_t *whole, size_t whole_count)
{
    for (size_t i = 0; i < part_count; i++) {
        bool found = false;
        for (size_t k = 0; k < whole_count && !found; k++)
            found = part[i] == whole[k];
        if (!found)
            return false;
    }
    return true;
}

static bool is_unique(const struct so_relation *relation, const uint16_t *columns, size_t count)
{
    for (size_t i = 0; i < relation->index_count; i++) {
        const struct so_index *x = &relation->indexes[i];
        if (x->unique && is_subset(x->columns, x->column_count, columns, count))
            return true;
    }
    return false;
}

/* PostgreSQL's name, and its way to tell two of one name apart: a number. */
static struct so_str key_name(struct reading *r, const struct so_foreign_key *key, size_t at)
{
    struct so_str name = constraint_name(r, key->from, key->from_columns, key->column_count, "fkey");
    size_t same = 0;
    for (size_t i = 0; i < at; i++) {
        const struct so_foreign_key *before = r->keys.items[i];
        same += before->from == key->from && before->column_count == key->column_count &&
                memcmp(before->from_columns, key->from_columns, key->column_count * sizeof(uint16_t)) == 0;
    }
    return same == 0 || name.p == NULL ? name : so_arena_printf(r->arena, "%.*s%zu", SO_STR_ARG(name), same);
}

/* The keys of one side of every relation: those with `relation` at the end that `is_out` says. */
static int collect_keys(struct reading *r, const struct so_relation *relation, bool is_out,
                        const struct so_foreign_key *const **out, size_t *out_count)
{
    struct so_list found = {0};
    for (size_t i = 0; i < r->keys.count; i++) {
        struct so_foreign_key *key = r->keys.items[i];
        if ((is_out ? key->from : key->to) == relation && list_add(r, &found, key) != SO_OK)
            return SO_ENOMEM;
    }
    *out = (const struct so_foreign_key *const *)(void *)found.items;
    *out_count = found.count;
    return SO_OK;
}

static int read_keys(struct reading *r)
{
    static const struct so_str SQL = SO_STR_INIT(
        "SELECT id, seq, \"table\", \"from\", \"to\", on_delete FROM pragma_foreign_key_list(?1) ORDER BY id DESC, seq");
    int rc = SO_OK;
    for (size_t i = 0; i < r->relations.count && rc == SO_OK; i++) {
        struct key_reading k = {.from = r->relations.items[i]};
        rc = each_row(r, SQL, k.from->name, add_key_column, &k);
    }
    for (size_t i = 0; i < r->keys.count && rc == SO_OK; i++) {
        struct so_foreign_key *key = r->keys.items[i];
        key->from_unique = is_unique(key->from, key->from_columns, key->column_count);
        key->name = key_name(r, key, i);
        rc = key->name.p == NULL ? so_err_oom(r->err) : SO_OK;
    }
    for (size_t i = 0; i < r->relations.count && rc == SO_OK; i++) {
        struct so_relation *relation = r->relations.items[i];
        rc = collect_keys(r, relation, true, &relation->out_keys, &relation->out_key_count);
        if (rc == SO_OK)
            rc = collect_keys(r, relation, false, &relation->in_keys, &relation->in_key_count);
    }
    return rc;
}

/* ---- the whole ---- */

/* A view whose tables are gone cannot be read by anyone: it is left out, and must not stop the start. */
static int read_relation(struct reading *r, struct so_relation *relation, bool *out_is_broken)
{
    struct so_err err = SO_ERR_INIT, *outer = r->err;
    r->err = &err;
    int rc = read_columns(r, relation);
    if (rc == SO_OK)
        rc = read_indexes(r, relation);
    r->err = outer;
    *out_is_broken = rc == SO_EDB && relation->is_view;
    if (rc != SO_OK && !*out_is_broken && outer != NULL && outer->code == SO_OK)
        *outer = err;
    return *out_is_broken ? SO_OK : rc;
}

static int read_relations(struct reading *r)
{
    /* Virtual tables are read like views: RETURNING does not work on them.  Shadow tables are their insides. */
    static const struct so_str SQL =
        SO_STR_INIT("SELECT name, type <> 'table' FROM pragma_table_list WHERE schema = 'main' AND type <> 'shadow'"
                    " AND substr(name, 1, 7) <> 'sqlite_' ORDER BY name");
    int rc = each_row(r, SQL, SO_STR(""), add_relation, NULL);
    size_t kept = 0;
    for (size_t i = 0; i < r->relations.count && rc == SO_OK; i++) {
        struct so_relation *relation = r->relations.items[i];
        bool is_broken;
        rc = read_relation(r, relation, &is_broken);
        if (rc != SO_OK || is_broken)
            continue;
        relation->index = kept;
        r->relations.items[kept++] = relation;
        if (!so_map_put(&r->catalog->by_name, relation->name, relation))
            rc = so_err_oom(r->err);
    }
    r->relations.count = kept;
    return rc;
}

static int read_all(struct reading *r)
{
    int rc = read_relations(r);
    if (rc == SO_OK)
        rc = read_keys(r);
    /* Times are served in UTC: that is the one zone that can be granted. */
    if (!so_map_put(&r->catalog->timezones, SO_STR("UTC"), r->catalog) ||
        !so_map_put(&r->catalog->timezones, SO_STR("utc"), r->catalog))
        rc = so_err_oom(r->err);
    r->catalog->relations = (const struct so_relation *const *)(void *)r->relations.items;
    r->catalog->relation_count = r->relations.count;
    return rc;
}

int so_catalog_read(struct so_conn *conn, struct so_catalog **out, struct so_err *err)
{
    struct so_catalog *catalog = so_calloc(1, sizeof(*catalog));
    if (catalog == NULL)
        return so_err_oom(err);
    so_arena_init(&catalog->arena, CATALOG_MAX);
    so_map_init(&catalog->by_name, &catalog->arena);
    so_map_init(&catalog->timezones, &catalog->arena);
    catalog->refs = 1;
    struct reading r = {.conn = conn, .catalog = catalog, .arena = &catalog->arena, .err = err};
    bool is_outermost = !so_conn_in_transaction(conn);
    int rc = is_outermost ? so_conn_exec(conn, "BEGIN", err) : SO_OK;
    if (rc == SO_OK)
        rc = read_all(&r);
    if (is_outermost && so_conn_in_transaction(conn)) {
        int end = so_conn_exec(conn, "COMMIT", rc == SO_OK ? err : NULL);
        rc = rc == SO_OK ? end : rc;
    }
    if (rc != SO_OK) {
        so_catalog_unref(catalog);
        return rc;
    }
    *out = catalog;
    return SO_OK;
}

const struct so_relation *so_catalog_find(const struct so_catalog *c, struct so_str name)
{
    return so_map_find(&c->by_name, name);
}

uint64_t so_catalog_role_bit(const struct so_catalog *c, struct so_str role)
{
    for (size_t i = 0; i < c->known_role_count; i++)
        if (so_str_eq(c->known_roles[i], role))
            return (uint64_t)1 << i;
    return 0;
}

const struct so_schema *so_catalog_schema(const struct so_catalog *c, struct so_str name)
{
    for (size_t i = 0; i < c->schema_count; i++)
        if (so_str_eq(c->schemas[i].name, name))
            return &c->schemas[i];
    return NULL;
}

const struct so_column *so_relation_column(const struct so_relation *r, struct so_str name)
{
    return so_map_find(&r->by_name, name);
}

struct so_catalog *so_catalog_ref(struct so_catalog *c)
{
    __atomic_add_fetch(&c->refs, 1, __ATOMIC_RELAXED);
    return c;
}

void so_catalog_unref(struct so_catalog *c)
{
    if (c == NULL || __atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    so_arena_deinit(&c->arena);
    so_free(c);
}
