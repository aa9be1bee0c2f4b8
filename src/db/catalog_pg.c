/* catalog_pg.c: read PostgreSQL's schemas: relations, columns, keys and foreign keys.  Spec: PostgREST, SchemaCache.hs.
 *
 *   relations -> columns -> primary keys and unique constraints -> foreign keys
 *             -> both seen through views (catalog_pg_views.c) -> functions (catalog_pg_procs.c) -> roles
 *
 * Relations of all schemas are read, since the foreign keys of a served view are those of tables that may be hidden; what is
 * in no served schema is marked internal.  All in one transaction, with an empty search_path, so that PostgreSQL writes
 * every name in full.  Without JIT, whose compiling of these queries took three times as long as running them (464 ms
 * instead of 185 for 312 relations and 490 functions, a busy two-core machine). */
#include "db/catalog_pg_int.h"
#include "db/db_int.h"

#include <string.h>

#include "core/mem.h"

enum { CATALOG_MAX = 256 << 20 /* bytes */, SCRATCH_MAX = 64 << 20 };

/* ---- what the files share ---- */

int so_pg_list_add(struct so_pg_reading *r, struct so_list *list, void *item)
{
    return so_list_add(list, item, r->arena, r->err);
}

int so_pg_each_row(struct so_pg_reading *r, struct so_str sql, int (*each)(struct so_pg_reading *, struct so_stmt *, void *),
                   void *arg)
{
    struct so_stmt *st;
    bool row = true;
    int rc = so_conn_prepare(r->conn, sql, &st, r->err);
    if (rc != SO_OK)
        return rc;
    if (so_str_find(sql, SO_STR("$1")) != SO_STR_NONE)
        so_stmt_bind_text(st, 1, r->schemas);
    while (rc == SO_OK && (rc = so_stmt_step(st, &row, r->err)) == SO_OK && row)
        rc = each(r, st, arg);
    so_stmt_done(st);
    return rc;
}

int so_pg_copy(struct so_pg_reading *r, struct so_stmt *st, int column, struct so_str *out)
{
    *out = (struct so_str){NULL, 0};
    if (so_stmt_is_null(st, column))
        return SO_OK;
    *out = so_arena_dup(r->arena, so_stmt_text(st, column));
    return out->p == NULL ? so_err_oom(r->err) : SO_OK;
}

struct so_relation *so_pg_find_relation(const struct so_pg_reading *r, struct so_str oid)
{
    return so_map_find(&r->by_oid, oid);
}

int so_pg_positions(struct so_pg_reading *r, struct so_str oid, struct so_str numbers, uint16_t **out, size_t *out_count)
{
    size_t max = 1, count = 0;
    struct so_str number;
    for (size_t i = 0; i < numbers.n; i++)
        max += numbers.p[i] == ' ';
    uint16_t *positions = so_alloc_array(r->arena, max, sizeof(*positions));
    if (positions == NULL)
        return so_err_oom(r->err);
    while (so_str_split(&numbers, ' ', &number)) {
        struct so_str key = so_arena_printf(&r->scratch, "%.*s.%.*s", SO_STR_ARG(oid), SO_STR_ARG(number));
        const struct so_column *column = key.p == NULL ? NULL : so_map_find(&r->by_attribute, key);
        if (key.p == NULL)
            return so_err_oom(r->err);
        if (column == NULL)
            return SO_ENOTFOUND;
        positions[count++] = column->index;
    }
    *out = positions;
    *out_count = count;
    return SO_OK;
}

/* ---- relations and columns ---- */

/* pg_relation_is_updatable() answers with a bit per command: 1 << CMD_UPDATE, CMD_INSERT, CMD_DELETE. */
static const struct so_str RELATIONS =
    SO_STR_INIT("SELECT c.oid::text, n.nspname, c.relname, (c.relkind IN ('v','m'))::int,"
                " CASE WHEN c.relkind IN ('r','p') THEN 28 WHEN c.relkind IN ('v','f') THEN "
                "pg_catalog.pg_relation_is_updatable(c.oid, true)"
                " ELSE 0 END, d.description, (n.nspname = ANY($1::text[]))::int,"
                " EXISTS (SELECT FROM pg_catalog.pg_trigger g WHERE g.tgrelid = c.oid AND g.tgname = 'socle_log')::int"
                " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                " LEFT JOIN pg_catalog.pg_description d ON d.objoid = c.oid AND d.objsubid = 0"
                " AND d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass"
                " WHERE c.relkind IN ('r','p','v','m','f') AND NOT c.relispartition"
                " AND n.nspname NOT IN ('pg_catalog','information_schema','pg_toast') AND n.nspname !~ '^pg_(toast_)?temp_'"
                " ORDER BY n.nspname, c.relname");
enum { CAN_UPDATE = 1 << 2, CAN_INSERT = 1 << 3, CAN_DELETE = 1 << 4 };

static int add_relation(struct so_pg_reading *r, struct so_stmt *st, void *unused)
{
    (void)unused;
    struct so_relation *relation = so_alloc_zero(r->arena, sizeof(*relation));
    struct so_str oid = so_arena_dup(&r->scratch, so_stmt_text(st, 0));
    if (relation == NULL || oid.p == NULL)
        return so_err_oom(r->err);
    int rc = so_pg_copy(r, st, 1, &relation->schema);
    if (rc == SO_OK)
        rc = so_pg_copy(r, st, 2, &relation->name);
    if (rc == SO_OK)
        rc = so_pg_copy(r, st, 5, &relation->description);
    if (rc != SO_OK)
        return rc;
    int64_t can = so_stmt_i64(st, 4);
    relation->is_view = so_stmt_i64(st, 3) != 0;
    relation->insertable = (can & CAN_INSERT) != 0;
    relation->updatable = (can & CAN_UPDATE) != 0;
    relation->deletable = (can & CAN_DELETE) != 0;
    relation->internal = so_stmt_i64(st, 6) == 0;
    relation->logged = so_stmt_i64(st, 7) != 0;
    so_map_init(&relation->by_name, r->arena);
    if (!so_map_put(&r->by_oid, oid, relation))
        return so_err_oom(r->err);
    return so_pg_list_add(r, &r->relations, relation);
}

/* Implicit casts by functions say how a domain's values look outside; PostgreSQL itself does not heed them.
 * What a column is written as: a domain's default is the domain's, an identity column has one that cannot be named. */
static const struct so_str COLUMNS =
    SO_STR_INIT("WITH RECURSIVE bases(oid, base) AS ("
                " SELECT t.oid, t.oid FROM pg_catalog.pg_type t WHERE t.typbasetype = 0"
                " UNION ALL SELECT t.oid, b.base FROM bases b JOIN pg_catalog.pg_type t ON t.typbasetype = b.oid),"
                " casts AS (SELECT castfunc, castsource, casttarget FROM pg_catalog.pg_cast WHERE castcontext = 'i'"
                " AND castmethod = 'f' AND pg_catalog.has_function_privilege(castfunc, 'execute'))"
                " SELECT a.attrelid::text, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),"
                " pg_catalog.format_type(b.base, NULL), (a.attnotnull OR (t.typtype = 'd' AND t.typnotnull))::int,"
                " (a.attgenerated <> '' OR a.attidentity = 'a')::int,"
                " CASE WHEN t.typbasetype <> 0 AND d.adbin IS NULL THEN pg_catalog.pg_get_expr(t.typdefaultbin, 0)"
                " WHEN a.attidentity = 'd' THEN pg_catalog.format('nextval(%L)', pg_catalog.pg_get_serial_sequence("
                "pg_catalog.format('%I.%I', n.nspname, c.relname), a.attname))"
                " WHEN a.attgenerated = '' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END,"
                " s.description, a.attnum::text, t.typname, oj.castfunc::pg_catalog.regproc,"
                " ij.castfunc::pg_catalog.regproc, it.castfunc::pg_catalog.regproc"
                " FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid"
                " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                " JOIN pg_catalog.pg_type t ON t.oid = a.atttypid LEFT JOIN bases b ON b.oid = t.oid"
                " LEFT JOIN casts oj ON t.typtype = 'd' AND oj.castsource = t.oid"
                " AND oj.casttarget = 'pg_catalog.json'::pg_catalog.regtype"
                " LEFT JOIN casts ij ON t.typtype = 'd' AND ij.casttarget = t.oid"
                " AND ij.castsource = 'pg_catalog.json'::pg_catalog.regtype"
                " LEFT JOIN casts it ON t.typtype = 'd' AND it.casttarget = t.oid"
                " AND it.castsource = 'pg_catalog.text'::pg_catalog.regtype"
                " LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum"
                " LEFT JOIN pg_catalog.pg_description s ON s.objoid = a.attrelid AND s.objsubid = a.attnum"
                " AND s.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass"
                " WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r','p','v','m','f') AND NOT c.relispartition"
                " AND n.nspname NOT IN ('pg_catalog','information_schema','pg_toast')"
                " ORDER BY a.attrelid, a.attnum");

struct columns {
    struct so_relation *relation; /* whose columns are coming */
    struct so_list list;
};

static int close_columns(struct so_pg_reading *r, struct columns *c)
{
    if (c->relation == NULL)
        return SO_OK;
    struct so_column *columns = so_alloc_array(r->arena, c->list.count, sizeof(*columns));
    if (columns == NULL)
        return so_err_oom(r->err);
    for (size_t i = 0; i < c->list.count; i++) {
        columns[i] = *(struct so_column *)c->list.items[i];
        if (!so_map_put(&c->relation->by_name, columns[i].name, &columns[i]))
            return so_err_oom(r->err);
    }
    c->relation->columns = columns;
    c->relation->column_count = c->list.count;
    c->list.count = 0;
    return SO_OK;
}

static int fill_column(struct so_pg_reading *r, struct so_stmt *st, struct so_column *column)
{
    const struct {
        int at;
        struct so_str *text;
    } TEXTS[] = {{1, &column->name},        {2, &column->declared},    {3, &column->base},
                 {6, &column->default_sql}, {7, &column->description}, {9, &column->type_name},
                 {10, &column->to_json},    {11, &column->from_json},  {12, &column->from_text}};
    int rc = SO_OK;
    for (size_t i = 0; rc == SO_OK && i < COUNT_OF(TEXTS); i++)
        rc = so_pg_copy(r, st, TEXTS[i].at, TEXTS[i].text);
    if (rc != SO_OK)
        return rc;
    if (!so_type_find(column->base, &column->type))
        column->type = SO_TYPE_TEXT;
    column->not_null = so_stmt_i64(st, 4) != 0;
    column->generated = so_stmt_i64(st, 5) != 0;
    column->has_default = column->default_sql.p != NULL;
    return SO_OK;
}

static int add_column(struct so_pg_reading *r, struct so_stmt *st, void *arg)
{
    struct columns *c = arg;
    struct so_relation *relation = so_pg_find_relation(r, so_stmt_text(st, 0));
    int rc = SO_OK;
    if (relation == NULL)
        return SO_OK;
    if (relation != c->relation)
        rc = close_columns(r, c);
    c->relation = relation;
    struct so_column *column = so_alloc_zero(r->arena, sizeof(*column));
    struct so_str key =
        so_arena_printf(&r->scratch, "%.*s.%.*s", SO_STR_ARG(so_stmt_text(st, 0)), SO_STR_ARG(so_stmt_text(st, 8)));
    if (column == NULL || key.p == NULL || !so_map_put(&r->by_attribute, key, column))
        return so_err_oom(r->err);
    if (rc == SO_OK)
        rc = fill_column(r, st, column);
    column->index = (uint16_t)c->list.count; /* PostgreSQL allows 1600 */
    return rc == SO_OK ? so_pg_list_add(r, &c->list, column) : rc;
}

static int read_relations(struct so_pg_reading *r)
{
    struct columns columns = {0};
    int rc = so_pg_each_row(r, RELATIONS, add_relation, NULL);
    if (rc == SO_OK)
        rc = so_pg_each_row(r, COLUMNS, add_column, &columns);
    return rc == SO_OK ? close_columns(r, &columns) : rc;
}

/* ---- keys ---- */

static const struct so_str UNIQUES =
    SO_STR_INIT("SELECT conrelid::text, conname, (contype = 'p')::int, pg_catalog.array_to_string(conkey, ' ') FROM "
                "pg_catalog.pg_constraint"
                " WHERE contype IN ('p','u') AND connamespace <> 'pg_catalog'::pg_catalog.regnamespace ORDER BY conrelid, "
                "contype, conname");

/* A relation's indexes come together; a longer array takes the place of the one before. */
static int add_unique(struct so_pg_reading *r, struct so_stmt *st, void *unused)
{
    (void)unused;
    struct so_relation *relation = so_pg_find_relation(r, so_stmt_text(st, 0));
    struct so_index index = {.unique = true, .primary = so_stmt_i64(st, 2) != 0};
    uint16_t *columns;
    if (relation == NULL)
        return SO_OK;
    int rc = so_pg_positions(r, so_stmt_text(st, 0), so_stmt_text(st, 3), &columns, &index.column_count);
    if (rc == SO_ENOTFOUND)
        return SO_OK;
    if (rc == SO_OK)
        rc = so_pg_copy(r, st, 1, &index.name);
    struct so_index *all = so_alloc_array(r->arena, relation->index_count + 1, sizeof(*all));
    if (rc != SO_OK || all == NULL)
        return rc != SO_OK ? rc : so_err_oom(r->err);
    index.columns = columns;
    if (relation->index_count > 0)
        memcpy(all, relation->indexes, relation->index_count * sizeof(*all));
    all[relation->index_count++] = index;
    relation->indexes = all;
    relation->primary = all[0].primary ? &all[0] : NULL;
    for (size_t i = 0; index.primary && i < index.column_count; i++)
        ((struct so_column *)so_pg_own(relation->columns))[columns[i]].pk = (uint16_t)(i + 1);
    return SO_OK;
}

static const struct so_str FOREIGN_KEYS = SO_STR_INIT(
    "SELECT conname, conrelid::text, confrelid::text, pg_catalog.array_to_string(conkey, ' '),"
    " pg_catalog.array_to_string(confkey, ' '), CASE confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL'"
    " WHEN 'd' THEN 'SET DEFAULT' WHEN 'r' THEN 'RESTRICT' ELSE '' END"
    " FROM pg_catalog.pg_constraint WHERE contype = 'f' AND conparentid = 0 ORDER BY conrelid, conname");

/* The key's columns are those of a unique constraint, no fewer and no more. */
static bool is_unique(const struct so_relation *relation, const uint16_t *columns, size_t count)
{
    for (size_t i = 0; i < relation->index_count; i++) {
        const struct so_index *index = &relation->indexes[i];
        size_t found = 0;
        for (size_t a = 0; a < index->column_count; a++)
            for (size_t b = 0; b < count; b++)
                found += index->columns[a] == columns[b];
        if (index->unique && index->column_count == count && found == count)
            return true;
    }
    return false;
}

static int add_foreign_key(struct so_pg_reading *r, struct so_stmt *st, void *unused)
{
    (void)unused;
    struct so_str from = so_stmt_text(st, 1), to = so_stmt_text(st, 2);
    struct so_foreign_key *key = so_alloc_zero(r->arena, sizeof(*key));
    uint16_t *from_columns, *to_columns;
    if (key == NULL)
        return so_err_oom(r->err);
    key->from = so_pg_find_relation(r, from);
    key->to = so_pg_find_relation(r, to);
    if (key->from == NULL || key->to == NULL)
        return SO_OK;
    int rc = so_pg_copy(r, st, 0, &key->name);
    if (rc == SO_OK)
        rc = so_pg_copy(r, st, 5, &key->on_delete);
    if (rc == SO_OK)
        rc = so_pg_positions(r, from, so_stmt_text(st, 3), &from_columns, &key->column_count);
    if (rc == SO_OK)
        rc = so_pg_positions(r, to, so_stmt_text(st, 4), &to_columns, &key->column_count);
    if (rc != SO_OK)
        return rc == SO_ENOTFOUND ? SO_OK : rc;
    key->from_columns = from_columns;
    key->to_columns = to_columns;
    key->from_unique = is_unique(key->from, from_columns, key->column_count);
    return so_pg_list_add(r, &r->keys, key);
}

/* Each relation's keys, both ways. */
static int hang_keys(struct so_pg_reading *r)
{
    for (size_t i = 0; i < r->relations.count; i++) {
        struct so_relation *relation = r->relations.items[i];
        struct so_list out = {0}, in = {0};
        for (size_t k = 0; k < r->keys.count; k++) {
            struct so_foreign_key *key = r->keys.items[k];
            int rc = key->from == relation ? so_pg_list_add(r, &out, key) : SO_OK;
            if (rc == SO_OK && key->to == relation)
                rc = so_pg_list_add(r, &in, key);
            if (rc != SO_OK)
                return rc;
        }
        relation->out_keys = (const struct so_foreign_key *const *)(void *)out.items;
        relation->out_key_count = out.count;
        relation->in_keys = (const struct so_foreign_key *const *)(void *)in.items;
        relation->in_key_count = in.count;
    }
    return SO_OK;
}

/* ---- the whole ---- */

static int add_schemas(struct so_pg_reading *r, const struct so_str *names, size_t count)
{
    struct so_schema *schemas = so_alloc_array(r->arena, count, sizeof(*schemas));
    if (schemas == NULL)
        return so_err_oom(r->err);
    for (size_t i = 0; i < count; i++) {
        schemas[i].name = so_arena_dup(r->arena, names[i]);
        if (schemas[i].name.p == NULL)
            return so_err_oom(r->err);
        so_map_init(&schemas[i].relations, r->arena);
        so_map_init(&schemas[i].procs, r->arena);
    }
    r->catalog->schemas = schemas;
    r->catalog->schema_count = count;
    return SO_OK;
}

static int index_relations(struct so_pg_reading *r)
{
    for (size_t i = 0; i < r->relations.count; i++) {
        struct so_relation *relation = r->relations.items[i];
        relation->index = i;
        struct so_schema *schema = so_pg_own(so_catalog_schema(r->catalog, relation->schema));
        if (schema != NULL && !so_map_put(&schema->relations, relation->name, relation))
            return so_err_oom(r->err);
        if (schema == r->catalog->schemas && !so_map_put(&r->catalog->by_name, relation->name, relation))
            return so_err_oom(r->err);
    }
    r->catalog->relations = (const struct so_relation *const *)(void *)r->relations.items;
    r->catalog->relation_count = r->relations.count;
    return SO_OK;
}

/* {"a","b"}: an array as PostgreSQL reads it from text. */
static struct so_str array_literal(struct so_pg_reading *r, const struct so_str *names, size_t count)
{
    struct so_buf b;
    so_buf_init(&b, 64 * 1024);
    so_buf_putc(&b, '{');
    for (size_t i = 0; i < count; i++) {
        so_buf_puts(&b, i > 0 ? ",\"" : "\"");
        for (size_t k = 0; k < names[i].n; k++) {
            if (names[i].p[k] == '"' || names[i].p[k] == '\\')
                so_buf_putc(&b, '\\');
            so_buf_putc(&b, names[i].p[k]);
        }
        so_buf_putc(&b, '"');
    }
    so_buf_putc(&b, '}');
    struct so_str text = b.rc == SO_OK ? so_arena_dup(&r->scratch, so_buf_str(&b)) : (struct so_str){NULL, 0};
    so_buf_deinit(&b);
    return text;
}

static int read_all(struct so_pg_reading *r, const struct so_str *schemas, size_t schema_count)
{
    r->schemas = array_literal(r, schemas, schema_count);
    int rc = r->schemas.p == NULL ? so_err_oom(r->err) : add_schemas(r, schemas, schema_count);
    if (rc == SO_OK)
        rc = read_relations(r);
    if (rc == SO_OK)
        rc = so_pg_each_row(r, UNIQUES, add_unique, NULL);
    if (rc == SO_OK)
        rc = so_pg_each_row(r, FOREIGN_KEYS, add_foreign_key, NULL);
    if (rc == SO_OK)
        rc = so_pg_trace_views(r);
    if (rc == SO_OK)
        rc = hang_keys(r);
    if (rc == SO_OK)
        rc = index_relations(r);
    if (rc == SO_OK)
        rc = so_pg_read_procs(r);
    if (rc == SO_OK)
        rc = so_pg_read_handlers(r);
    return rc == SO_OK ? so_pg_read_roles(r) : rc;
}

int so_catalog_read_pg(struct so_conn *conn, const struct so_str *schemas, size_t schema_count, struct so_catalog **out,
                       struct so_err *err)
{
    struct so_catalog *catalog = so_calloc(1, sizeof(*catalog));
    if (catalog == NULL)
        return so_err_oom(err);
    so_arena_init(&catalog->arena, CATALOG_MAX);
    so_map_init(&catalog->by_name, &catalog->arena);
    so_map_init(&catalog->timezones, &catalog->arena);
    catalog->engine = SO_ENGINE_POSTGRES;
    catalog->refs = 1;
    struct so_pg_reading r = {.conn = conn, .catalog = catalog, .arena = &catalog->arena, .err = err};
    so_arena_init(&r.scratch, SCRATCH_MAX);
    so_map_init(&r.by_oid, &r.scratch);
    so_map_init(&r.procs_by_oid, &r.scratch);
    so_map_init(&r.by_attribute, &r.scratch);
    /* A migration reads it within its own transaction, whose search_path comes back. */
    bool is_inner = so_conn_in_transaction(conn);
    const char *end = is_inner ? "ROLLBACK TO socle_catalog; RELEASE socle_catalog" : "ROLLBACK";
    int rc = so_conn_exec(
        conn,
        is_inner ? "SAVEPOINT socle_catalog; SET LOCAL search_path = ''; SET LOCAL jit = off"
                 : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL search_path = ''; SET LOCAL jit = off",
        err);
    if (rc == SO_OK) {
        rc = read_all(&r, schemas, schema_count);
        int ended = so_conn_exec(conn, end, rc == SO_OK ? err : NULL);
        rc = rc == SO_OK ? ended : rc;
    }
    so_arena_deinit(&r.scratch);
    if (rc != SO_OK) {
        so_catalog_unref(catalog);
        return rc;
    }
    *out = catalog;
    return SO_OK;
}
