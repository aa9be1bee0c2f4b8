/* catalog_pg_views.c: the keys of tables as views show them.  Spec: PostgREST, SchemaCache.hs: allViewsKeyDependencies.
 *
 * A view's rule is a query tree in PostgreSQL's own notation.  Each entry of its target list says which column of which
 * relation it passes on (resorigtbl, resorigcol); that relation may be a view again.  A foreign key whose columns a view
 * passes on all, on either side, is one of the view, too. */
#include "db/catalog_pg_int.h"

#include <string.h>

enum {
    VIEW_DEPTH_MAX = 32,  /* views over views */
    COMBINATIONS_MAX = 32 /* a view may show a key's column more than once: each way is a relationship of its own */
};

/* Column `to` of the view `relation` shows `from`. */
struct so_pg_view {
    struct so_relation *relation;
    const struct so_relation *from;
    uint16_t to_column, from_column;
};

/* ---- the query tree ---- */

struct tree {
    struct so_pg_reading *r;
    struct so_str text, view_oid;
    int depth; /* of braces: 1 is the query, 2 an entry of its target list */
    bool in_targets;
    struct so_str number, table, column; /* of the entry */
};

static struct so_str next_word(const struct tree *t, size_t from)
{
    size_t to = from;
    while (to < t->text.n && t->text.p[to] != ' ' && t->text.p[to] != '}' && t->text.p[to] != ')')
        to++;
    return so_str_slice(t->text, from, to);
}

static void take_field(struct tree *t, size_t at)
{
    struct so_str name = next_word(t, at), value = next_word(t, at + name.n + 1);
    if (t->depth == 1)
        t->in_targets = so_str_eq(name, SO_STR(":targetList"));
    if (t->depth != 2 || !t->in_targets)
        return;
    if (so_str_eq(name, SO_STR(":resno")))
        t->number = value;
    else if (so_str_eq(name, SO_STR(":resorigtbl")))
        t->table = value;
    else if (so_str_eq(name, SO_STR(":resorigcol")))
        t->column = value;
}

static int find_attribute(struct tree *t, struct so_str oid, struct so_str number, const struct so_column **out)
{
    struct so_str key = so_arena_printf(&t->r->scratch, "%.*s.%.*s", SO_STR_ARG(oid), SO_STR_ARG(number));
    if (key.p == NULL)
        return so_err_oom(t->r->err);
    *out = so_map_find(&t->r->by_attribute, key);
    return SO_OK;
}

static int end_entry(struct tree *t)
{
    const struct so_column *to = NULL, *from = NULL;
    struct so_relation *relation = so_pg_find_relation(t->r, t->view_oid), *table = so_pg_find_relation(t->r, t->table);
    int rc = SO_OK;
    if (relation != NULL && table != NULL)
        rc = find_attribute(t, t->view_oid, t->number, &to);
    if (rc == SO_OK && to != NULL)
        rc = find_attribute(t, t->table, t->column, &from);
    if (rc != SO_OK || from == NULL)
        return rc;
    struct so_pg_view *shown = so_alloc(t->r->arena, sizeof(*shown));
    if (shown == NULL)
        return so_err_oom(t->r->err);
    *shown = (struct so_pg_view){relation, table, to->index, from->index};
    return so_pg_list_add(t->r, &t->r->views, shown);
}

/* Braces, blanks and backslashes of names have a backslash before them, in quotes, too (PostgreSQL, outfuncs.c: outToken).
 */
static int read_tree(struct tree *t)
{
    int rc = SO_OK;
    for (size_t i = 0; rc == SO_OK && i < t->text.n; i++) {
        char c = t->text.p[i];
        if (c == '\\')
            i++;
        else if (c == '{')
            t->depth++;
        else if (c == ':' && i > 0 && t->text.p[i - 1] == ' ')
            take_field(t, i);
        else if (c == '}') {
            if (t->depth == 2 && t->in_targets)
                rc = end_entry(t);
            t->depth--;
        }
    }
    return rc;
}

static const struct so_str VIEWS = SO_STR_INIT(
    "SELECT c.oid::text, w.ev_action::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_rewrite w ON w.ev_class = c.oid"
    " WHERE c.relkind IN ('v','m') AND w.rulename = '_RETURN' AND c.relnamespace NOT IN"
    " ('pg_catalog'::pg_catalog.regnamespace, 'information_schema'::pg_catalog.regnamespace) ORDER BY c.oid");

static int read_view(struct so_pg_reading *r, struct so_stmt *st, void *unused)
{
    (void)unused;
    struct tree t = {.r = r, .view_oid = so_stmt_text(st, 0), .text = so_stmt_text(st, 1)};
    return read_tree(&t);
}

/* ---- keys through views ---- */

/* The columns of `view` that show column `column` of `table`, also through other views. */
struct shown {
    uint16_t columns[COMBINATIONS_MAX];
    size_t count;
};

static void find_shown(const struct so_pg_reading *r, const struct so_relation *view, const struct so_relation *table,
                       uint16_t column, int depth, struct shown *out)
{
    for (size_t i = 0; i < r->views.count && depth < VIEW_DEPTH_MAX; i++) {
        const struct so_pg_view *v = r->views.items[i];
        if (v->from != table || v->from_column != column)
            continue;
        if (v->relation != view)
            find_shown(r, view, v->relation, v->to_column, depth + 1, out);
        else if (out->count < COMBINATIONS_MAX)
            out->columns[out->count++] = v->to_column;
    }
}

/* Every way in which `view` shows all of `columns` of `table`: lists of positions in the view, one after another. */
struct ways {
    uint16_t *positions;
    size_t count;
};

static int find_ways(struct so_pg_reading *r, const struct so_relation *view, const struct so_relation *table,
                     const uint16_t *columns, size_t column_count, struct ways *out)
{
    size_t count = 1;
    struct shown *shown = so_alloc_array(&r->scratch, column_count, sizeof(*shown));
    if (shown == NULL)
        return so_err_oom(r->err);
    for (size_t i = 0; i < column_count && count > 0; i++) {
        find_shown(r, view, table, columns[i], 0, &shown[i]);
        count *= shown[i].count;
    }
    count = count > COMBINATIONS_MAX ? COMBINATIONS_MAX : count;
    out->count = count;
    out->positions = so_alloc_array(r->arena, count * column_count + 1, sizeof(uint16_t));
    if (out->positions == NULL)
        return so_err_oom(r->err);
    for (size_t way = 0; way < count; way++) {
        size_t rest = way;
        for (size_t i = column_count; i-- > 0;) {
            out->positions[way * column_count + i] = shown[i].columns[rest % shown[i].count];
            rest /= shown[i].count;
        }
    }
    return SO_OK;
}

static int add_key(struct so_pg_reading *r, const struct so_foreign_key *of, const struct so_relation *from,
                   const uint16_t *from_columns, const struct so_relation *to, const uint16_t *to_columns)
{
    struct so_foreign_key *key = so_alloc(r->arena, sizeof(*key));
    if (key == NULL)
        return so_err_oom(r->err);
    *key = *of;
    key->from = from;
    key->to = to;
    key->from_columns = from_columns;
    key->to_columns = to_columns;
    key->traced = true;
    return so_pg_list_add(r, &r->keys, key);
}

/* The views, each once: the list of what they show is in their order. */
static const struct so_relation *next_view(const struct so_pg_reading *r, size_t *at)
{
    const struct so_relation *last = *at > 0 ? ((struct so_pg_view *)r->views.items[*at - 1])->relation : NULL;
    while (*at < r->views.count && ((struct so_pg_view *)r->views.items[*at])->relation == last)
        (*at)++;
    return *at < r->views.count ? ((struct so_pg_view *)r->views.items[(*at)++])->relation : NULL;
}

/* view -> table for every view of the referencing side, table -> view of the other, and view -> view. */
static int trace_key(struct so_pg_reading *r, const struct so_foreign_key *key)
{
    struct ways from, to;
    size_t n = key->column_count;
    int rc = SO_OK;
    const struct so_relation *view, *other;
    for (size_t i = 0; rc == SO_OK && (view = next_view(r, &i)) != NULL;) {
        rc = find_ways(r, view, key->from, key->from_columns, n, &from);
        for (size_t f = 0; rc == SO_OK && f < from.count; f++)
            rc = add_key(r, key, view, from.positions + f * n, key->to, key->to_columns);
        for (size_t k = 0; rc == SO_OK && from.count > 0 && (other = next_view(r, &k)) != NULL;) {
            rc = find_ways(r, other, key->to, key->to_columns, n, &to);
            for (size_t f = 0; rc == SO_OK && f < from.count * to.count; f++)
                rc = add_key(r, key, view, from.positions + f / to.count * n, other, to.positions + f % to.count * n);
        }
    }
    for (size_t k = 0; rc == SO_OK && (other = next_view(r, &k)) != NULL;) {
        rc = find_ways(r, other, key->to, key->to_columns, n, &to);
        for (size_t t = 0; rc == SO_OK && t < to.count; t++)
            rc = add_key(r, key, key->from, key->from_columns, other, to.positions + t * n);
    }
    return rc;
}

/* A view's primary key: those of its tables, of each column the first that shows it. */
static int trace_primary(struct so_pg_reading *r, struct so_relation *view)
{
    uint16_t *columns = so_alloc_array(r->arena, view->column_count + 1, sizeof(*columns));
    struct so_index *index = so_alloc_zero(r->arena, sizeof(*index));
    size_t count = 0;
    if (columns == NULL || index == NULL)
        return so_err_oom(r->err);
    for (size_t i = 0; i < r->relations.count; i++) {
        const struct so_relation *table = r->relations.items[i];
        struct shown first[COMBINATIONS_MAX] = {0};
        const struct so_index *primary = table->primary;
        bool whole = primary != NULL && !table->is_view && primary->column_count <= COMBINATIONS_MAX;
        for (size_t k = 0; whole && k < primary->column_count; k++) {
            find_shown(r, view, table, primary->columns[k], 0, &first[k]);
            whole = first[k].count > 0;
        }
        for (size_t k = 0; whole && k < primary->column_count && count < view->column_count; k++)
            columns[count++] = first[k].columns[0];
    }
    if (count == 0)
        return SO_OK;
    *index = (struct so_index){.columns = columns, .column_count = count, .primary = true, .unique = true};
    view->primary = view->indexes = index;
    view->index_count = 1;
    for (size_t i = 0; i < count; i++)
        ((struct so_column *)so_pg_own(view->columns))[columns[i]].pk = (uint16_t)(i + 1);
    return SO_OK;
}

int so_pg_trace_views(struct so_pg_reading *r)
{
    size_t key_count = r->keys.count;
    int rc = so_pg_each_row(r, VIEWS, read_view, NULL);
    for (size_t i = 0; rc == SO_OK && i < key_count; i++)
        rc = trace_key(r, r->keys.items[i]);
    const struct so_relation *view;
    for (size_t i = 0; rc == SO_OK && (view = next_view(r, &i)) != NULL;)
        rc = trace_primary(r, so_pg_own(view));
    return rc;
}
