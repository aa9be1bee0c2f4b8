/* value.c: the text of a filter as the value that the database compares with.
 *
 * Text is turned into the column's stored form, so that a comparison is one of equals and can use an index; text that is no
 * value of the type is 22P02, as in PostgreSQL.  What an operator needs in another form has its own converter:
 *
 *   like, ilike    '*' is an alias of '%'            in    a JSON array of stored forms
 *   cs, cd, ov     a JSON array, or PostgreSQL's {a,b} turned into one */
#include "rest/dialect.h"
#include "rest/errors.h"
#include "rest/plan.h"

static struct so_param text_param(struct so_str text) { return (struct so_param){.kind = SO_PARAM_TEXT, .text = text}; }

/* A converted JSON value as a parameter. */
static struct so_param param_of(const struct so_json *v)
{
    switch ((enum so_json_type)v->type) {
    case SO_JSON_NULL: return (struct so_param){.kind = SO_PARAM_NULL};
    case SO_JSON_TRUE: return (struct so_param){.kind = SO_PARAM_INT, .i = 1};
    case SO_JSON_FALSE: return (struct so_param){.kind = SO_PARAM_INT, .i = 0};
    case SO_JSON_INT: return (struct so_param){.kind = SO_PARAM_INT, .i = v->u.i};
    case SO_JSON_NUMBER: return (struct so_param){.kind = SO_PARAM_DOUBLE, .d = so_json_to_double(v)};
    default: return text_param(so_json_str(v));
    }
}

/* The stored form of one text, as JSON. */
static int convert(struct so_rest_plan *p, enum so_type type, struct so_str text, struct so_json *out)
{
    *out = so_json_make_str(text);
    if (type == SO_TYPE_TEXT || type == SO_TYPE_JSON)
        return SO_OK;
    return so_input_convert(out, type, p->arena, out, p->err);
}

static int convert_scalar(struct so_rest_plan *p, struct so_cond *c, struct so_str text)
{
    struct so_json stored;
    enum so_type type = c->expr.path.p != NULL ? SO_TYPE_TEXT : c->expr.column->column->type;
    int rc = convert(p, type, text, &stored);
    if (rc != SO_OK)
        return rc;
    c->value = param_of(&stored);
    if (type == SO_TYPE_BLOB)
        c->value.kind = SO_PARAM_BLOB;
    return SO_OK;
}

/* data->a=gt.5: the path's value is JSON, and so is the operand: a number compares as a number. */
static int convert_json(struct so_rest_plan *p, struct so_cond *c, struct so_str text)
{
    struct so_json v;
    struct so_err why = SO_ERR_INIT;
    int rc = so_json_parse(p->arena, text, NULL, &v, &why);
    if (rc == SO_ENOMEM)
        return so_err_oom(p->err);
    if (rc != SO_OK)
        return so_fail_http(p->err, SQL_JSON);
    c->as_json = !so_json_is_number(&v);
    c->value = c->as_json ? text_param(text) : param_of(&v);
    return SO_OK;
}

static int convert_pattern(struct so_rest_plan *p, struct so_cond *c, struct so_str text)
{
    struct so_str pattern;
    if (!p->dialect->operators[c->op].pattern(p->arena, text, &pattern))
        return so_err_oom(p->err);
    c->value = text_param(pattern);
    return SO_OK;
}

/* ---- arrays ---- */

static void put_json_str(struct so_text *t, struct so_str s)
{
    static const char HEX[] = "0123456789abcdef";
    so_text_char(t, '"');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '"' || c == '\\')
            so_text_put(t, (char[]){'\\', (char)c}, 2);
        else if (c < 0x20)
            so_text_put(t, (char[]){'\\', 'u', '0', '0', HEX[c >> 4], HEX[c & 15]}, 6);
        else
            so_text_char(t, (char)c);
    }
    so_text_char(t, '"');
}

static void put_json_scalar(struct so_text *t, const struct so_json *v)
{
    switch ((enum so_json_type)v->type) {
    case SO_JSON_NULL: so_text_lit(t, "null"); break;
    case SO_JSON_TRUE: so_text_lit(t, "1"); break; /* as stored */
    case SO_JSON_FALSE: so_text_lit(t, "0"); break;
    case SO_JSON_INT:
        if (v->u.i < 0)
            so_text_char(t, '-');
        so_text_u64(t, v->u.i < 0 ? 0 - (uint64_t)v->u.i : (uint64_t)v->u.i);
        break;
    case SO_JSON_NUMBER: so_text_str(t, so_json_str(v)); break;
    default: put_json_str(t, so_json_str(v)); break;
    }
}

int so_value_convert_list(struct so_rest_plan *p, struct so_cond *c, const struct so_name *list)
{
    struct so_text t;
    so_text_init(&t, p->arena, 128);
    so_text_char(&t, '[');
    enum so_type type = c->expr.path.p != NULL ? SO_TYPE_TEXT : c->expr.column->column->type;
    for (const struct so_name *item = list; item != NULL; item = item->next) {
        struct so_json stored;
        if (item == list && item->next == NULL && item->name.n == 0)
            break; /* in.() is the empty list */
        int rc = convert(p, type, item->name, &stored);
        if (rc != SO_OK)
            return rc;
        if (item != list)
            so_text_char(&t, ',');
        put_json_scalar(&t, &stored);
    }
    so_text_char(&t, ']');
    if (t.failed)
        return so_err_oom(p->err);
    c->value = text_param(so_text_get(&t));
    return SO_OK;
}

/* Whether the elements of the column are strings, by its schema file; {1,2} is then ["1","2"]. */
static bool holds_strings(const struct so_entity_column *column)
{
    const struct so_json *items = column->rule == NULL ? NULL : so_json_get(column->rule->schema, SO_STR("items"));
    struct so_str type = so_json_get_str(items, SO_STR("type"));
    return type.p == NULL || so_str_eq(type, SO_STR("string"));
}

/* PostgreSQL's array literal: {a,"b c"} as ["a","b c"]. */
static int convert_array_literal(struct so_rest_plan *p, struct so_cond *c, struct so_str text)
{
    struct so_str inner = so_str_slice(text, 1, text.n - 1);
    struct so_text t;
    so_text_init(&t, p->arena, text.n + 16);
    so_text_char(&t, '[');
    bool strings = holds_strings(c->expr.column);
    for (size_t at = 0; at < inner.n;) {
        size_t from = at;
        bool quoted = inner.p[at] == '"';
        for (at += quoted; at < inner.n && inner.p[at] != (quoted ? '"' : ','); at++)
            at += quoted && inner.p[at] == '\\';
        at = so_min_size(at + quoted, inner.n);
        struct so_str item = so_str_slice(inner, from, at);
        if (t.len > 1)
            so_text_char(&t, ',');
        if (quoted || !strings)
            so_text_str(&t, item);
        else
            put_json_str(&t, so_str_trim(item));
        at += at < inner.n; /* the comma */
    }
    so_text_char(&t, ']');
    if (t.failed)
        return so_err_oom(p->err);
    c->value = text_param(so_text_get(&t));
    return SO_OK;
}

/* {} is an object, and the empty array as PostgreSQL writes it. */
static bool holds_array(const struct so_expr *e)
{
    const struct so_field_rule *rule = e->path.p == NULL ? e->column->rule : NULL;
    struct so_str type = rule == NULL ? (struct so_str){NULL, 0} : so_json_get_str(rule->schema, SO_STR("type"));
    return so_str_eq(type, SO_STR("array"));
}

static int convert_json_set(struct so_rest_plan *p, struct so_cond *c, struct so_str text)
{
    struct so_json v;
    struct so_err why = SO_ERR_INIT;
    if (c->expr.column->column->type != SO_TYPE_JSON)
        return so_fail_http(p->err, SQL_OPERATOR, so_type_info(c->expr.column->column->type)->name, so_op_name(c->op));
    c->value = text_param(text);
    int rc = so_json_parse(p->arena, text, NULL, &v, &why);
    if (rc == SO_ENOMEM)
        return so_err_oom(p->err);
    if (rc != SO_OK && text.n >= 2 && text.p[0] == '{' && text.p[text.n - 1] == '}')
        rc = convert_array_literal(p, c, text);
    else if (rc == SO_OK && v.type == SO_JSON_OBJECT && v.len == 0 && holds_array(&c->expr))
        c->value = text_param(SO_STR("[]"));
    if (rc == SO_OK) {
        rc = so_json_parse(p->arena, c->value.text, NULL, &v, &why);
        if (rc == SO_ENOMEM)
            return so_err_oom(p->err);
    }
    if (rc != SO_OK)
        return so_fail_http(p->err, SQL_ARRAY, SO_STR_ARG(text));
    return SO_OK;
}

int so_value_convert(struct so_rest_plan *p, struct so_cond *c, const struct so_filter *f, struct so_str text)
{
    const struct so_dialect_operator *op = &p->dialect->operators[f->op];
    if (op->sql == NULL) {
        int rc = so_fail_http(p->err, PGRST127);
        so_err_details(p->err, "The operator '%s' is not available on this database: %s", so_op_name(f->op), op->missing);
        return rc;
    }
    if (op->convert != NULL)
        return op->convert(p, c, f, text);
    if (op->pattern != NULL)
        return convert_pattern(p, c, text);
    if (op->is_set)
        return convert_json_set(p, c, text);
    if (op->is_text) {
        c->value = text_param(text);
        return SO_OK;
    }
    if (c->expr.path.p != NULL && !c->expr.as_text)
        return convert_json(p, c, text);
    return convert_scalar(p, c, text);
}
