/* pg_filter.c: names, fields and conditions (PostgREST, SqlFragment.hs). */
#include "rest/pg.h"

void so_pg_put_value(struct so_sqlb *b, struct so_str text)
{
    so_text_char(&b->text, '$');
    so_text_u64(&b->text, (uint64_t)so_sqlb_add_param(b, &(struct so_param){.kind = SO_PARAM_TEXT, .text = text}));
}

void so_pg_put_int(struct so_sqlb *b, int64_t value)
{
    so_pg_put_value(b, so_arena_printf(b->plan->arena, "%lld", (long long)value));
}

void so_pg_put_table(struct so_sqlb *b, struct so_str schema, struct so_str name)
{
    so_text_name(&b->text, schema);
    so_text_char(&b->text, '.');
    so_text_name(&b->text, name);
}

/* Backslashes make it an E'' literal. */
void so_pg_put_literal(struct so_sqlb *b, struct so_str text)
{
    bool escaped = text.n > 0 && memchr(text.p, '\\', text.n) != NULL;
    so_text_c(&b->text, escaped ? "E'" : "'");
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\'' || text.p[i] == '\\')
            so_text_char(&b->text, text.p[i]);
        so_text_char(&b->text, text.p[i]);
    }
    so_text_char(&b->text, '\'');
}

struct so_str so_pg_join_name(struct so_sqlb *b, const struct so_node *child)
{
    struct so_str own = child->alias.p != NULL ? child->alias : child->name;
    struct so_str name = so_arena_printf(b->plan->arena, "%.*s_%.*s_%u", SO_STR_ARG(child->link.from->relation->name),
                                         SO_STR_ARG(own), child->depth);
    b->text.failed |= name.p == NULL;
    return name;
}

/* The top of a read goes by its own name; what a write or a function gave is aliased to it; a many-to-many target needs no
 * alias, since its junction stands beside it. */
void so_pg_put_source(struct so_sqlb *b, const struct so_node *node)
{
    const struct so_relation *r = node->entity->relation;
    if (node->depth > 0 && node->link.cardinality != SO_MANY_TO_MANY) {
        struct so_str alias = so_arena_printf(b->plan->arena, "%.*s_%u", SO_STR_ARG(r->name), node->depth);
        b->text.failed |= alias.p == NULL;
        so_text_name(&b->text, alias);
    } else if (node->depth == 0 && (node->is_target || node->proc != NULL)) {
        so_text_name(&b->text, r->name);
    } else {
        so_pg_put_table(b, r->schema, r->name);
    }
}

static bool is_json(const struct so_column *column)
{
    return column != NULL && (so_str_eq(column->declared, SO_STR("json")) || so_str_eq(column->declared, SO_STR("jsonb")));
}

static const struct so_column *column_of(const struct so_expr *e) { return e->column == NULL ? NULL : e->column->column; }

/* What is no JSON becomes it where a path leads into it. */
void so_pg_put_field(struct so_sqlb *b, const struct so_node *node, const struct so_expr *e)
{
    bool converts = e->field->path != NULL && !is_json(column_of(e));
    if (converts)
        so_text_lit(&b->text, "to_jsonb(");
    so_pg_put_source(b, node);
    so_text_char(&b->text, '.');
    so_text_name(&b->text, e->field->name);
    if (converts)
        so_text_char(&b->text, ')');
    for (const struct so_json_step *s = e->field->path; s != NULL; s = s->next) {
        so_text_c(&b->text, s->as_text ? "->>" : "->");
        if (!s->is_index) {
            so_pg_put_value(b, s->key);
            continue;
        }
        so_pg_put_int(b, s->index);
        so_text_lit(&b->text, "::int");
    }
}

/* ---- conditions ---- */

static void put_escaped(struct so_text *t, struct so_str item)
{
    so_text_char(t, '"');
    for (size_t i = 0; i < item.n; i++) {
        if (item.p[i] == '"' || item.p[i] == '\\')
            so_text_char(t, '\\');
        so_text_char(t, item.p[i]);
    }
    so_text_char(t, '"');
}

struct so_str so_pg_array(struct so_arena *arena, const struct so_name *list)
{
    struct so_text t;
    so_text_init(&t, arena, 64);
    so_text_char(&t, '{');
    for (const struct so_name *n = list; n != NULL; n = n->next) {
        if (n != list)
            so_text_char(&t, ',');
        put_escaped(&t, n->name);
    }
    so_text_char(&t, '}');
    return t.failed ? (struct so_str){NULL, 0} : so_text_get(&t);
}

static bool is_search(enum so_op op) { return op >= SO_OP_FTS && op <= SO_OP_WFTS; }

static void put_language(struct so_sqlb *b, const struct so_cond *c)
{
    if (c->language.p == NULL)
        return;
    so_pg_put_value(b, c->language);
    so_text_lit(&b->text, ", ");
}

/* col @@ to_tsquery(...) for a tsvector, to_tsvector(col) @@ ... for what is none. */
static void put_search(struct so_sqlb *b, const struct so_node *node, const struct so_cond *c)
{
    const struct so_column *column = column_of(&c->expr);
    bool is_vector = c->expr.field->path == NULL && column != NULL && so_str_eq(column->base, SO_STR("tsvector"));
    if (!is_vector) {
        so_text_lit(&b->text, "to_tsvector(");
        put_language(b, c);
    }
    so_pg_put_field(b, node, &c->expr);
    if (!is_vector)
        so_text_char(&b->text, ')');
    so_text_c(&b->text, b->dialect->operators[c->op].sql);
    so_text_char(&b->text, '(');
    put_language(b, c);
    so_pg_put_value(b, c->value.text);
    so_text_char(&b->text, ')');
}

/* A pattern's stars, of one value or of each in a list. */
static struct so_str pattern_of(struct so_sqlb *b, const struct so_cond *c, struct so_str text)
{
    const struct so_dialect_operator *op = &b->dialect->operators[c->op];
    if (op->pattern != NULL && !op->pattern(b->plan->arena, text, &text))
        b->text.failed = true;
    return text;
}

/* A domain's values look outside as its cast from text has it. */
static void put_operand(struct so_sqlb *b, const struct so_cond *c, struct so_str text, bool is_list)
{
    const struct so_column *column = column_of(&c->expr);
    bool converts = column != NULL && column->from_text.n > 0 && c->expr.field->path == NULL &&
                    b->dialect->operators[c->op].pattern == NULL && c->op != SO_OP_ISDISTINCT;
    if (!converts) {
        so_pg_put_value(b, text);
        return;
    }
    so_text_c(&b->text, is_list ? "ARRAY(SELECT " : "");
    so_text_str(&b->text, column->from_text);
    so_text_c(&b->text, is_list ? "(_) FROM unnest(" : "(");
    so_pg_put_value(b, text);
    so_text_c(&b->text, is_list ? "::text[]) AS _)" : "::text)");
}

/* Not IN: an empty list is no syntax error with ANY, and the statement's text is the same for every length. */
static void put_compare(struct so_sqlb *b, const struct so_node *node, const struct so_cond *c)
{
    static const char *const QUANTIFIERS[] = {[SO_QUANT_NONE] = "", [SO_QUANT_ANY] = "ANY(", [SO_QUANT_ALL] = "ALL("};
    enum so_quantifier quantifier = c->op == SO_OP_IN ? SO_QUANT_ANY : c->quantifier;
    if (is_search(c->op)) {
        put_search(b, node, c);
        return;
    }
    so_pg_put_field(b, node, &c->expr);
    so_text_c(&b->text, b->dialect->operators[c->op].sql);
    so_text_c(&b->text, QUANTIFIERS[quantifier]);
    bool is_empty = c->op == SO_OP_IN && (c->list == NULL || (c->list->next == NULL && c->list->name.n == 0));
    if (is_empty)
        so_text_lit(&b->text, "'{}'");
    else if (quantifier == SO_QUANT_NONE)
        put_operand(b, c, pattern_of(b, c, c->value.text), false);
    else
        put_operand(b, c, pattern_of(b, c, so_pg_array(b->plan->arena, c->list)), true);
    if (quantifier != SO_QUANT_NONE)
        so_text_char(&b->text, ')');
}

/* A join that found nothing gives a row of NULLs, which is not distinct from NULL. */
static void put_embed(struct so_sqlb *b, const struct so_node *node, const struct so_cond *c, bool counting)
{
    if (counting) {
        so_text_c(&b->text, c->negated ? "NOT EXISTS (" : "EXISTS (");
        so_pg_put_count(b, c->embed, node);
        so_text_char(&b->text, ')');
        return;
    }
    so_text_name(&b->text, so_pg_join_name(b, c->embed));
    so_text_c(&b->text, c->negated ? " IS NOT DISTINCT FROM NULL" : " IS DISTINCT FROM NULL");
}

static void put_list(struct so_sqlb *b, const struct so_node *node, const struct so_cond *c, bool counting)
{
    const char *between = c->kind == SO_COND_AND ? " AND " : " OR ";
    so_text_char(&b->text, '(');
    for (const struct so_cond *s = c->sub; s != NULL; s = s->next) {
        so_text_c(&b->text, s == c->sub ? "" : between);
        so_pg_put_cond(b, node, s, counting);
    }
    so_text_c(&b->text, c->sub == NULL ? "true)" : ")");
}

void so_pg_put_cond(struct so_sqlb *b, const struct so_node *node, const struct so_cond *c, bool counting)
{
    if (c->kind == SO_COND_EMBED) {
        put_embed(b, node, c, counting);
        return;
    }
    so_text_c(&b->text, c->negated ? "NOT " : "");
    switch (c->kind) {
    case SO_COND_AND:
    case SO_COND_OR: put_list(b, node, c, counting); break;
    case SO_COND_IS:
        so_pg_put_field(b, node, &c->expr);
        so_text_c(&b->text, b->dialect->is[c->is]);
        break;
    default: put_compare(b, node, c); break;
    }
}
