/* visible.c: what a viewer sees of a change: the table's select policy asked about the row that was and the row that is.
 *
 *   INSERT  new seen: INSERT                 DELETE  old seen: DELETE
 *   UPDATE  both: UPDATE    only new: UPDATE with the old key alone    only old: DELETE with the key alone
 *
 * The policy runs as it does in a query, over a row of the logged values:
 *
 *   SELECT 1 FROM (SELECT CAST(?1 AS TEXT) AS "isbn", CAST(?2 AS NUMERIC) AS "pages") AS "books" WHERE (policy)
 *
 * CAST gives an expression the affinity of the column (sqlite.org/datatype3.html section 3.3), so that comparisons convert
 * as they do over the table; a cell of another kind, which CAST would change, stands without it.  What the policy's
 * subqueries read is the database as it is now. */
#include "core/clock.h"
#include "model/sql_text.h"
#include "realtime/changes_int.h"

enum {
    SQL_MAX = 1 << 20,
    POLICY_MS = 200 /* that one policy may take on the loop for one row */
};

/* ---- the statement ---- */

static bool contains_nocase(struct so_str text, const char *part)
{
    struct so_str want = so_str_c(part);
    for (size_t i = 0; i + want.n <= text.n; i++)
        if (so_str_eq_nocase(so_str_slice(text, i, i + want.n), want))
            return true;
    return false;
}

/* The cast that gives the column's affinity and changes nothing; NULL: none does. */
static const char *cast_of(const struct so_column *column, const struct so_cell *cell)
{
    bool is_number = cell->kind == SO_CELL_INTEGER || cell->kind == SO_CELL_REAL;
    static const char *const TEXTS[] = {"CHAR", "CLOB", "TEXT"};
    if (!contains_nocase(column->declared, "INT")) {
        for (size_t i = 0; i < COUNT_OF(TEXTS); i++)
            if (contains_nocase(column->declared, TEXTS[i]))
                return cell->kind == SO_CELL_TEXT || cell->kind == SO_CELL_NULL ? "TEXT" : NULL;
        if (column->declared.n == 0 || contains_nocase(column->declared, "BLOB"))
            return NULL;
    }
    return is_number || cell->kind == SO_CELL_NULL ? "NUMERIC" : NULL;
}

static void put_statement(struct so_buf *b, const struct so_watch *w, const struct so_row *row)
{
    so_buf_lit(b, "SELECT 1 FROM (SELECT ");
    for (size_t i = 0; i < w->relation->column_count; i++) {
        const struct so_column *column = &w->relation->columns[i];
        const char *cast = cast_of(column, so_row_find(row, column->name, i));
        so_buf_printf(b, cast == NULL ? "%s?%zu%s AS " : "%sCAST(?%zu AS %s) AS ", i == 0 ? "" : ", ", i + 1,
                      cast == NULL ? "" : cast);
        so_sql_put_name(b, column->name);
    }
    so_buf_lit(b, ") AS ");
    so_sql_put_name(b, w->relation->name);
    so_buf_printf(b, " WHERE (%.*s)", SO_STR_ARG(w->table->policies[SO_CMD_SELECT].sql));
}

static void bind(struct so_stmt *st, int position, const struct so_cell *cell)
{
    switch (cell->kind) {
    case SO_CELL_INTEGER: so_stmt_bind_i64(st, position, cell->integer); break;
    case SO_CELL_REAL: so_stmt_bind_double(st, position, cell->real); break;
    case SO_CELL_TEXT: so_stmt_bind_text(st, position, cell->bytes.p == NULL ? SO_STR("") : cell->bytes); break;
    case SO_CELL_BLOB: so_stmt_bind_blob(st, position, cell->bytes); break;
    default: so_stmt_bind_null(st, position); break;
    }
}

static int ask(struct so_changes *c, const struct so_watch *w, const struct so_viewer *v, const struct so_row *row,
               struct so_str sql, bool *out, struct so_err *err)
{
    struct so_stmt *st;
    int rc = so_conn_prepare(c->reader, sql, &st, err);
    if (rc != SO_OK)
        return rc;
    for (size_t i = 0; i < w->relation->column_count; i++)
        bind(st, (int)i + 1, so_row_find(row, w->relation->columns[i].name, i));
    so_identity_bind(&v->who, st);
    so_conn_set_deadline(c->reader, so_clock_mono_ns() + POLICY_MS * INT64_C(1000000));
    rc = so_stmt_step(st, out, err);
    so_conn_set_deadline(c->reader, INT64_MAX);
    so_stmt_done(st);
    return rc;
}

static int question(struct so_changes *c, struct so_watch *w, const struct so_row *row, bool is_new, struct so_str *out,
                    struct so_err *err)
{
    struct so_question *q = &w->questions[is_new];
    if (q->generation != c->generation) {
        struct so_buf sql;
        so_buf_init(&sql, SQL_MAX);
        put_statement(&sql, w, row);
        int rc = so_buf_check(&sql, "the policy", err);
        struct so_str kept = rc == SO_OK ? so_arena_dup(&c->scratch, so_buf_str(&sql)) : (struct so_str){NULL, 0};
        so_buf_deinit(&sql);
        if (rc == SO_OK && kept.p == NULL)
            rc = so_err_oom(err);
        if (rc != SO_OK)
            return rc;
        *q = (struct so_question){c->generation, kept};
    }
    *out = q->sql;
    return SO_OK;
}

static int sees(struct so_changes *c, struct so_watch *w, const struct so_viewer *v, const struct so_row *row, bool is_new,
                bool *out, struct so_err *err)
{
    enum so_policy_kind kind = w->table->policies[SO_CMD_SELECT].kind;
    struct so_str sql;
    *out = kind == SO_POLICY_ALLOW || v->who.role == SO_ROLE_SERVICE;
    if (*out || kind == SO_POLICY_DENY)
        return SO_OK;
    int rc = question(c, w, row, is_new, &sql, err);
    return rc == SO_OK ? ask(c, w, v, row, sql, out, err) : rc;
}

/* ---- the form ---- */

enum so_form so_form_of(enum so_change_op op, bool old_seen, bool new_seen)
{
    static const enum so_form FORMS[3][2][2] = {
        /* [op][old seen][new seen] */
        [SO_CHANGE_INSERT] = {{SO_FORM_NOTHING, SO_FORM_INSERT}, {SO_FORM_NOTHING, SO_FORM_INSERT}},
        [SO_CHANGE_UPDATE] = {{SO_FORM_NOTHING, SO_FORM_UPDATE_KEY}, {SO_FORM_DELETE_KEY, SO_FORM_UPDATE}},
        [SO_CHANGE_DELETE] = {{SO_FORM_NOTHING, SO_FORM_NOTHING}, {SO_FORM_DELETE, SO_FORM_DELETE}},
    };
    return FORMS[op][old_seen][new_seen];
}

int so_viewer_form(struct so_changes *c, struct so_watch *w, struct so_viewer *v, const struct so_change *change,
                   enum so_form *out, struct so_err *err)
{
    if (c->sights != NULL)
        return so_sight_form(c, w, v, change, out, err);
    if (v->generation != c->generation) {
        bool old_seen = false, new_seen = false;
        int rc = SO_OK;
        if (change->op != SO_CHANGE_INSERT)
            rc = sees(c, w, v, &change->old_row, false, &old_seen, err);
        if (rc == SO_OK && change->op != SO_CHANGE_DELETE)
            rc = sees(c, w, v, &change->new_row, true, &new_seen, err);
        if (rc != SO_OK)
            return rc;
        v->form = so_form_of(change->op, old_seen, new_seen);
        v->generation = c->generation;
    }
    *out = v->form;
    return SO_OK;
}
