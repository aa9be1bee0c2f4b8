/* sql_write.c: a write as one statement with RETURNING.
 *
 *   INSERT INTO "t"("a", "b") SELECT so_value(?input, i, 0), ... FROM so_input(?input) WHERE 1 [ON CONFLICT ...] RETURNING
 * ... UPDATE "t" SET "a" = so_value(?input, 0, 0) WHERE conditions AND policies RETURNING ... DELETE FROM "t" WHERE
 * conditions AND policies RETURNING ...
 *
 * so_input() makes any number of rows one text, so a bulk insert finds its statement in the cache.  The row that comes back
 * holds what the client asked for, the verdict of the policies on the new row, the whole row for the schema file, the key.
 */
#include "rest/sql_int.h"

static void put_input(struct so_sqlb *b)
{
    if (b->input == 0)
        b->input = so_sqlb_add_param(b, &(struct so_param){.kind = SO_PARAM_INPUT, .pointer = &b->plan->write.input});
    so_sqlb_put_number(b, b->input);
}

void so_sqlb_put_input_rows(struct so_sqlb *b)
{
    so_text_c(&b->text, b->dialect->input_rows);
    put_input(b);
    so_text_char(&b->text, ')');
}

/* One member of the body's row `row` ("i" in a SELECT over all rows). */
static void put_member(struct so_sqlb *b, const char *function, const char *row, int column)
{
    so_text_c(&b->text, function);
    put_input(b);
    so_text_lit(&b->text, ", ");
    so_text_c(&b->text, row);
    so_text_lit(&b->text, ", ");
    so_text_u64(&b->text, (uint64_t)column);
    so_text_char(&b->text, ')');
}

static void put_default(struct so_sqlb *b, const struct so_set *set)
{
    if (set->default_sql.p == NULL) {
        so_text_lit(&b->text, "NULL");
        return;
    }
    so_text_char(&b->text, '(');
    so_text_str(&b->text, set->default_sql);
    so_text_char(&b->text, ')');
}

void so_sqlb_put_set_value(struct so_sqlb *b, const struct so_set *set, const char *row)
{
    if (set->input < 0) {
        put_default(b, set);
        return;
    }
    if (!b->plan->write.missing_default) {
        put_member(b, b->dialect->input_value, row, set->input);
        return;
    }
    so_text_lit(&b->text, "CASE WHEN ");
    put_member(b, b->dialect->input_has, row, set->input);
    so_text_lit(&b->text, " THEN ");
    put_member(b, b->dialect->input_value, row, set->input);
    so_text_lit(&b->text, " ELSE ");
    put_default(b, set);
    so_text_lit(&b->text, " END");
}

static void put_policy(struct so_sqlb *b, const struct so_policy *policy)
{
    so_text_char(&b->text, '(');
    if (policy->kind == SO_POLICY_SQL)
        so_text_str(&b->text, policy->sql);
    else
        so_text_char(&b->text, policy->kind == SO_POLICY_ALLOW ? '1' : '0');
    so_text_char(&b->text, ')');
}

static void put_policies(struct so_sqlb *b, const struct so_policy *const *policies, size_t count, bool *first)
{
    for (size_t i = 0; i < count; i++)
        if (policies[i]->kind != SO_POLICY_ALLOW) {
            so_sqlb_put_and(b, first);
            put_policy(b, policies[i]);
        }
}

/* The policy over the row that an upsert leaves: the names it uses stand for the new values. */
static void put_changed_policy(struct so_sqlb *b)
{
    const struct so_rest_plan *p = b->plan;
    const struct so_relation *r = p->top.entity->relation;
    so_text_lit(&b->text, "(SELECT ");
    put_policy(b, p->write.changed_row);
    so_text_lit(&b->text, " FROM (SELECT ");
    for (size_t i = 0; i < r->column_count; i++) {
        bool from_body = false;
        for (const struct so_set *s = p->write.sets; s != NULL; s = s->next)
            from_body |= s->column->column == &r->columns[i] && s->input >= 0;
        if (i > 0)
            so_text_lit(&b->text, ", ");
        if (from_body)
            so_text_lit(&b->text, "excluded");
        else
            so_text_name(&b->text, r->name);
        so_text_char(&b->text, '.');
        so_text_name(&b->text, r->columns[i].name);
        so_text_lit(&b->text, " AS ");
        so_text_name(&b->text, r->columns[i].name);
    }
    so_text_lit(&b->text, "))");
}

static void put_merge(struct so_sqlb *b)
{
    const struct so_write *w = &b->plan->write;
    const char *before = " DO UPDATE SET ";
    bool first = true;
    for (const struct so_set *s = w->sets; s != NULL; s = s->next) {
        if (s->input < 0)
            continue;
        so_text_c(&b->text, before);
        so_text_name(&b->text, s->column->column->name);
        so_text_lit(&b->text, " = excluded.");
        so_text_name(&b->text, s->column->column->name);
        before = ", ";
    }
    if (before[0] != ',') {
        so_text_lit(&b->text, " DO NOTHING");
        return;
    }
    put_policies(b, w->old_row, COUNT_OF(w->old_row), &first);
    if (w->changed_row->kind != SO_POLICY_ALLOW) {
        so_sqlb_put_and(b, &first);
        put_changed_policy(b);
    }
}

static void put_conflict(struct so_sqlb *b)
{
    const struct so_write *w = &b->plan->write;
    if (w->resolution == SO_RESOLUTION_NONE)
        return;
    so_text_lit(&b->text, " ON CONFLICT (");
    for (size_t i = 0; i < w->conflict_count; i++) {
        if (i > 0)
            so_text_lit(&b->text, ", ");
        so_text_name(&b->text, w->conflict[i]->column->name);
    }
    so_text_char(&b->text, ')');
    if (w->resolution == SO_RESOLUTION_MERGE)
        put_merge(b);
    else
        so_text_lit(&b->text, " DO NOTHING");
}

static void put_insert(struct so_sqlb *b)
{
    const struct so_write *w = &b->plan->write;
    so_text_lit(&b->text, "INSERT INTO ");
    so_text_name(&b->text, b->plan->top.entity->relation->name);
    for (const struct so_set *s = w->sets; s != NULL; s = s->next) {
        so_text_c(&b->text, s == w->sets ? "(" : ", ");
        so_text_name(&b->text, s->column->column->name);
    }
    so_text_c(&b->text, w->sets == NULL ? " SELECT " : ") SELECT ");
    for (const struct so_set *s = w->sets; s != NULL; s = s->next) {
        if (s != w->sets)
            so_text_lit(&b->text, ", ");
        so_sqlb_put_set_value(b, s, "i");
    }
    so_text_lit(&b->text, " FROM ");
    so_sqlb_put_input_rows(b);
    so_text_lit(&b->text, " WHERE 1"); /* without WHERE, ON could belong to a join (sqlite.org/lang_upsert.html) */
    put_conflict(b);
}

static void put_changes(struct so_sqlb *b)
{
    const struct so_write *w = &b->plan->write;
    const struct so_node *top = &b->plan->top;
    bool first = true;
    if (b->plan->request->verb == SO_VERB_DELETE) {
        so_text_lit(&b->text, "DELETE FROM ");
        so_text_name(&b->text, top->entity->relation->name);
    } else {
        so_text_lit(&b->text, "UPDATE ");
        so_text_name(&b->text, top->entity->relation->name);
    }
    for (const struct so_set *s = w->sets; s != NULL; s = s->next) {
        so_text_c(&b->text, s == w->sets ? " SET " : ", ");
        so_text_name(&b->text, s->column->column->name);
        so_text_lit(&b->text, " = ");
        so_sqlb_put_set_value(b, s, "0");
    }
    for (const struct so_cond *c = top->where; c != NULL; c = c->next) {
        so_sqlb_put_and(b, &first);
        so_sqlb_put_cond(b, top, c);
    }
    put_policies(b, w->old_row, COUNT_OF(w->old_row), &first);
}

/* The next part of a RETURNING list. */
static void put_comma(struct so_sqlb *b, int count) { so_text_c(&b->text, count == 0 ? " RETURNING " : ", "); }

static void put_check(struct so_sqlb *b)
{
    const struct so_write *w = &b->plan->write;
    const char *before = "((";
    for (size_t i = 0; i < COUNT_OF(w->new_row); i++)
        if (w->new_row[i]->kind != SO_POLICY_ALLOW) {
            so_text_c(&b->text, before);
            put_policy(b, w->new_row[i]);
            before = " AND ";
        }
    so_text_lit(&b->text, ") IS TRUE)"); /* NULL is no yes */
}

static int put_row(struct so_sqlb *b, int count)
{
    const struct so_relation *r = b->plan->top.entity->relation;
    for (size_t i = 0; i < r->column_count; i++) {
        put_comma(b, count++);
        so_text_name(&b->text, r->columns[i].name);
    }
    return count;
}

static int put_key(struct so_sqlb *b, int count)
{
    const struct so_relation *r = b->plan->top.entity->relation;
    for (size_t i = 0; i < r->primary->column_count; i++) {
        put_comma(b, count++);
        so_text_name(&b->text, r->columns[r->primary->columns[i]].name);
    }
    return count;
}

static void put_returning(struct so_sqlb *b, struct so_sql_layout *layout)
{
    const struct so_rest_plan *p = b->plan;
    int count = 0;
    *layout = (struct so_sql_layout){.check = -1, .row = -1, .key = -1};
    if (p->request->prefer.ret == SO_RETURN_FULL) {
        layout->has_outs = true;
        put_comma(b, count);
        so_sqlb_put_outs(b, &p->top, false);
        count = (int)so_max_size(p->top.shape.field_count, 1);
    }
    if (p->write.checks_new_row) {
        layout->check = count;
        put_comma(b, count++);
        put_check(b);
    }
    if (p->write.validates_new_row) {
        layout->row = count;
        count = put_row(b, count);
    }
    if (p->write.returns_key) {
        layout->key = count;
        count = put_key(b, count);
    }
    if (count == 0)
        so_text_lit(&b->text, " RETURNING 1");
}

int so_sql_write(struct so_rest_plan *p, struct so_sql *out, struct so_sql_layout *out_layout)
{
    struct so_sqlb b;
    so_sqlb_start(&b, p);
    if (p->request->verb == SO_VERB_INSERT || p->request->verb == SO_VERB_PUT)
        put_insert(&b);
    else
        put_changes(&b);
    put_returning(&b, out_layout);
    return so_sqlb_finish(&b, out);
}

int so_sql_existing(struct so_rest_plan *p, struct so_sql *out)
{
    const struct so_write *w = &p->write;
    struct so_sqlb b;
    bool first = true;
    *out = (struct so_sql){.text = {NULL, 0}};
    so_sqlb_start(&b, p);
    so_text_lit(&b.text, "SELECT count(*) FROM ");
    so_text_c(&b.text, b.dialect->input_rows);
    put_input(&b);
    so_text_lit(&b.text, ") WHERE EXISTS (SELECT 1 FROM ");
    so_text_name(&b.text, p->top.entity->relation->name);
    for (size_t i = 0; i < w->conflict_count; i++) {
        const struct so_set *set = w->sets;
        while (set != NULL && set->column != w->conflict[i])
            set = set->next;
        if (set == NULL || set->input < 0)
            return SO_OK;
        so_sqlb_put_and(&b, &first);
        so_text_name(&b.text, set->column->column->name);
        so_text_lit(&b.text, " = ");
        put_member(&b, b.dialect->input_value, "i", set->input);
    }
    so_text_char(&b.text, ')');
    return so_sqlb_finish(&b, out);
}
