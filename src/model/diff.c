/* diff.c: one table of the model beside the database's: which column continues which, and what differs.
 *
 * A column continues the one of its name; else, if x-renamed-from names a column that no property claims, that one. */
#include "model/plan.h"

/* Notes a difference that takes a rebuild, for people. */
#define REBUILD(d, ...)                                                                                                     \
    ((d)->rebuild = true, so_buf_puts(&(d)->reasons, (d)->reasons.len > 0 ? ", " : ""),                                     \
     so_buf_printf(&(d)->reasons, __VA_ARGS__))

/* ---- what continues what ---- */

static const struct so_column *column_nocase(const struct so_relation *r, struct so_str name)
{
    for (size_t i = 0; i < r->column_count; i++) {
        if (so_str_eq_nocase(r->columns[i].name, name))
            return &r->columns[i];
    }
    return NULL;
}

static bool has_field_nocase(const struct so_table *t, struct so_str name)
{
    for (size_t i = 0; i < t->field_count; i++) {
        if (so_str_eq_nocase(t->fields[i].name, name))
            return true;
    }
    return false;
}

static const struct so_relation *relation_nocase(const struct so_catalog *c, struct so_str name)
{
    for (size_t i = 0; i < c->relation_count; i++) {
        const struct so_relation *r = c->relations[i];
        if (so_str_eq_nocase(r->name, name) && so_catalog_find(c, r->name) == r)
            return r;
    }
    return NULL;
}

static int find_table(struct so_planner *p, const struct so_table *table, const struct so_relation **out)
{
    const struct so_relation *old = so_catalog_find(p->catalog, table->name);
    const struct so_relation *near = old != NULL ? old : relation_nocase(p->catalog, table->name);
    if (near != old)
        return so_fail(p->err, SO_EINVAL, "%.*s: the database has a table \"%.*s\", which differs in case only",
                       SO_STR_ARG(table->file), SO_STR_ARG(near->name));
    if (old == NULL && table->renamed_from.n > 0 && so_model_find(p->model, table->renamed_from) == NULL)
        old = so_catalog_find(p->catalog, table->renamed_from);
    if (old != NULL && (old->is_view || old->internal))
        return so_fail(p->err, SO_EINVAL, "%.*s: the database has a view \"%.*s\" already", SO_STR_ARG(table->file),
                       SO_STR_ARG(old->name));
    *out = old;
    return SO_OK;
}

static const struct so_column *find_column(const struct so_table_diff *d, const struct so_field_rule *field)
{
    const struct so_column *found = column_nocase(d->old, field->name);
    if (found == NULL && field->renamed_from.n > 0 && !has_field_nocase(d->table, field->renamed_from))
        found = column_nocase(d->old, field->renamed_from);
    return found;
}

static int match_columns(struct so_planner *p, struct so_table_diff *d)
{
    const struct so_table *t = d->table;
    size_t old_count = d->old == NULL ? 0 : d->old->column_count;
    d->from = so_alloc_array(p->arena, t->field_count, sizeof(*d->from));
    d->dropped = so_alloc_array(p->arena, so_max_size(old_count, 1), sizeof(*d->dropped));
    bool *taken = so_alloc_array(p->arena, so_max_size(old_count, 1), sizeof(*taken));
    if (d->from == NULL || d->dropped == NULL || taken == NULL)
        return so_err_oom(p->err);
    for (size_t f = 0; d->old != NULL && f < t->field_count; f++) {
        const struct so_column *found = find_column(d, &t->fields[f]);
        if (found == NULL || taken[found->index])
            continue; /* two properties may claim one old name: the first has it */
        taken[found->index] = true;
        d->from[f] = found;
    }
    for (size_t c = 0; c < old_count; c++) {
        if (!taken[c])
            d->dropped[d->dropped_count++] = &d->old->columns[c];
    }
    return SO_OK;
}

/* ---- what differs ---- */

bool so_key_has(const struct so_foreign_key *key, const struct so_column *column)
{
    for (size_t i = 0; i < key->column_count; i++) {
        if (key->from_columns[i] == column->index)
            return true;
    }
    return false;
}

/* The name that a table of the catalog will have. */
static struct so_str name_after(const struct so_planner *p, const struct so_relation *relation)
{
    for (size_t i = 0; i < p->model->table_count; i++) {
        if (p->diffs[i].old == relation)
            return p->diffs[i].table->name;
    }
    return relation->name;
}

/* The name that a column of the catalog will have. */
static struct so_str column_after(const struct so_planner *p, const struct so_relation *relation, uint16_t column)
{
    for (size_t i = 0; i < p->model->table_count; i++) {
        const struct so_table_diff *d = &p->diffs[i];
        for (size_t f = 0; d->old == relation && d->from != NULL && f < d->table->field_count; f++) {
            if (d->from[f] == &relation->columns[column])
                return d->table->fields[f].name;
        }
    }
    return relation->columns[column].name;
}

bool so_diff_reference_changed(const struct so_planner *p, const struct so_table_diff *d, size_t field)
{
    const struct so_field_rule *rule = &d->table->fields[field];
    bool wanted = rule->references_table.n > 0, found = false;
    for (size_t i = 0; i < d->old->out_key_count; i++) {
        const struct so_foreign_key *key = d->old->out_keys[i];
        if (!so_key_has(key, d->from[field]))
            continue;
        if (!wanted || found || key->column_count != 1 || !so_str_eq(name_after(p, key->to), rule->references_table) ||
            !so_str_eq(column_after(p, key->to, key->to_columns[0]), rule->references_column) ||
            !so_str_eq_nocase(key->on_delete, rule->on_delete))
            return true;
        found = true;
    }
    return wanted && !found;
}

/* As CREATE TABLE spells it, without the parentheses round an expression. */
static struct so_str plain_default(struct so_str sql)
{
    sql = so_str_trim(sql);
    while (sql.n >= 2 && sql.p[0] == '(' && sql.p[sql.n - 1] == ')') {
        size_t depth = 0, closes = 0;
        for (size_t i = 0; i + 1 < sql.n; i++) {
            depth += sql.p[i] == '(';
            depth -= sql.p[i] == ')' && depth > 0;
            closes += depth == 0;
        }
        if (closes > 0)
            break; /* (a) + (b) */
        sql = so_str_trim(so_str_slice(sql, 1, sql.n - 1));
    }
    return sql;
}

static bool default_changed(const struct so_field_rule *field, const struct so_column *old)
{
    if (old->default_sql.p == NULL || !field->default_in_ddl)
        return (old->default_sql.p != NULL) != field->default_in_ddl;
    return !so_str_eq(plain_default(old->default_sql), plain_default(field->default_ddl));
}

static void compare_column(struct so_planner *p, struct so_table_diff *d, size_t f)
{
    const struct so_field_rule *field = &d->table->fields[f];
    const struct so_column *old = d->from[f];
    bool row_number = so_ddl_is_row_number(d->table, field);
    if (old->type != field->type)
        REBUILD(d, "%.*s %s -> %s", SO_STR_ARG(field->name), so_type_info(old->type)->name, so_type_info(field->type)->name);
    else if (row_number && !so_str_eq_nocase(old->declared, SO_STR("INTEGER")))
        REBUILD(d, "%.*s becomes the row's number", SO_STR_ARG(field->name));
    if (old->not_null != field->required && old->pk == 0)
        REBUILD(d, "%.*s %s", SO_STR_ARG(field->name), field->required ? "not null" : "may be null");
    if (!row_number && default_changed(field, old))
        REBUILD(d, "%.*s %s default", SO_STR_ARG(field->name), field->default_in_ddl ? "another" : "no");
    if (so_diff_reference_changed(p, d, f))
        REBUILD(d, "%.*s another foreign key", SO_STR_ARG(field->name));
}

/* ALTER TABLE ADD COLUMN takes no key and no expression as a default, and needs one for NOT NULL. */
static bool can_be_added(const struct so_field_rule *field)
{
    bool constant = false;
    if (field->default_in_ddl) {
        char first = field->default_ddl.p[0];
        constant = first == '\'' || first == '-' || first == '.' || (first >= '0' && first <= '9');
    }
    if (field->references_table.n > 0 && field->default_in_ddl)
        return false;
    return field->default_in_ddl ? constant : !field->required;
}

static bool can_be_dropped(const struct so_table_diff *d, const struct so_column *column)
{
    for (size_t i = 0; i < d->old->out_key_count; i++) {
        if (so_key_has(d->old->out_keys[i], column))
            return false;
    }
    return column->pk == 0 && !column->generated;
}

bool so_diff_primary_key_changed(const struct so_table_diff *d)
{
    const struct so_index *old = d->old->primary;
    const struct so_table *t = d->table;
    bool same = (old == NULL ? 0 : old->column_count) == t->primary_key_count;
    for (size_t i = 0; same && i < t->primary_key_count; i++) {
        const struct so_field_rule *field = so_table_field(t, t->primary_key[i]);
        const struct so_column *from = d->from[field - t->fields];
        same = from != NULL && from->index == old->columns[i];
    }
    return !same;
}

/* ---- indexes ---- */

static bool index_matches(const struct so_table_diff *d, const struct so_index *old, const struct so_index_rule *rule)
{
    if (old->primary || old->unique != rule->unique || old->column_count != rule->column_count)
        return false;
    for (size_t i = 0; i < rule->column_count; i++) {
        const struct so_field_rule *field = so_table_field(d->table, rule->columns[i]);
        const struct so_column *from = d->from[field - d->table->fields];
        if (from == NULL || from->index != old->columns[i])
            return false;
    }
    return true;
}

static bool touches_dropped(const struct so_table_diff *d, const struct so_index *index)
{
    for (size_t i = 0; i < index->column_count; i++) {
        for (size_t c = 0; c < d->dropped_count; c++) {
            if (d->dropped[c]->index == index->columns[i])
                return true;
        }
    }
    return false;
}

/* Whether Socle gave the index its name: made of its table's and columns' names as they are in the database. */
static int is_ours(struct so_planner *p, const struct so_relation *r, const struct so_index *index, bool *out)
{
    struct so_str *names = so_alloc_array(p->arena, so_max_size(index->column_count, 1), sizeof(*names));
    if (names == NULL)
        return so_err_oom(p->err);
    for (size_t i = 0; i < index->column_count; i++)
        names[i] = r->columns[index->columns[i]].name;
    struct so_str name = so_ddl_index_name(p->arena, r->name, names, index->column_count, index->unique);
    if (name.p == NULL)
        return so_err_oom(p->err);
    *out = so_str_eq(name, index->name);
    return SO_OK;
}

/* An index that a UNIQUE clause made has no SQL of its own and cannot be dropped. */
static int is_clause(struct so_planner *p, const struct so_index *index, bool *out)
{
    struct so_stmt *st;
    int rc = so_conn_prepare(p->conn, SO_STR("SELECT 1 FROM sqlite_schema WHERE type = 'index' AND name = ?1"), &st, p->err);
    if (rc != SO_OK)
        return rc;
    bool row = false;
    so_stmt_bind_text(st, 1, index->name);
    rc = so_stmt_step(st, &row, p->err);
    so_stmt_done(st);
    *out = !row;
    return rc;
}

static int compare_index(struct so_planner *p, struct so_table_diff *d, const struct so_index *old)
{
    bool ours = false, clause = false;
    bool wanted = false;
    int rc = is_ours(p, d->old, old, &ours);
    for (size_t i = 0; rc == SO_OK && i < d->index_count; i++) {
        if (!index_matches(d, old, &d->indexes[i]) || (ours && !so_str_eq(old->name, d->indexes[i].name)))
            continue;
        d->index_there[i] = true;
        wanted = true;
    }
    if (rc != SO_OK || wanted || !(ours || touches_dropped(d, old)))
        return rc;
    rc = is_clause(p, old, &clause);
    if (rc != SO_OK)
        return rc;
    if (clause)
        REBUILD(d, "no longer unique by a clause");
    else
        d->unused[d->unused_count++] = old;
    return SO_OK;
}

static int compare_indexes(struct so_planner *p, struct so_table_diff *d)
{
    int rc = so_ddl_indexes(d->table, p->arena, &d->indexes, &d->index_count, p->err);
    if (rc != SO_OK)
        return rc;
    d->index_there = so_alloc_array(p->arena, so_max_size(d->index_count, 1), sizeof(*d->index_there));
    size_t old_count = d->old == NULL ? 0 : d->old->index_count;
    d->unused = so_alloc_array(p->arena, so_max_size(old_count, 1), sizeof(*d->unused));
    if (d->index_there == NULL || d->unused == NULL)
        return so_err_oom(p->err);
    for (size_t i = 0; rc == SO_OK && i < old_count; i++) {
        if (!d->old->indexes[i].primary)
            rc = compare_index(p, d, &d->old->indexes[i]);
    }
    return rc;
}

/* The rows of a table made anew have other numbers, and the index of a renamed one another name. */
static int compare_search(struct so_planner *p, struct so_table_diff *d)
{
    int rc = so_search_look(d->table, d->old == NULL ? d->table->name : d->old->name, p->conn, &d->search, p->err);
    d->search.fits &= !d->search.wanted || (d->old != NULL && !d->rebuild && !so_diff_renames_table(d));
    return rc;
}

int so_diff_make(struct so_planner *p, const struct so_table *table, struct so_table_diff *d)
{
    d->table = table;
    so_buf_init(&d->reasons, 256 * 1024);
    int rc = find_table(p, table, &d->old);
    return rc == SO_OK ? match_columns(p, d) : rc;
}

int so_diff_compare(struct so_planner *p, struct so_table_diff *d)
{
    for (size_t f = 0; d->old != NULL && f < d->table->field_count; f++) {
        if (d->from[f] != NULL)
            compare_column(p, d, f);
        else if (!can_be_added(&d->table->fields[f]))
            REBUILD(d, "add column %.*s", SO_STR_ARG(d->table->fields[f].name));
    }
    for (size_t i = 0; i < d->dropped_count; i++) {
        if (!can_be_dropped(d, d->dropped[i]))
            REBUILD(d, "drop column %.*s", SO_STR_ARG(d->dropped[i]->name));
    }
    if (d->old != NULL && so_diff_primary_key_changed(d))
        REBUILD(d, "another primary key");
    int rc = compare_indexes(p, d);
    if (rc == SO_OK)
        rc = compare_search(p, d);
    if (rc == SO_OK)
        rc = so_diff_compare_logging(p, d);
    return rc == SO_OK ? so_buf_check(&d->reasons, "the migration", p->err) : rc;
}

void so_diff_deinit(struct so_table_diff *d) { so_buf_deinit(&d->reasons); }
