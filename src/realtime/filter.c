/* filter.c: a filter's text into terms; compare.c evaluates them. */
#include "realtime/filter_int.h"

#include "db/input.h"

struct parser {
    const struct so_relation *relation;
    bool (*may_read)(const void *arg, const struct so_column *column);
    const void *arg;
    struct so_arena *arena;
    struct so_err *err;
};

/* ---- cutting ---- */

/* The text up to a comma that stands in no parentheses and no quotes.  A quote opens only where a value begins, so that a
 * text may hold one. */
static struct so_str take_segment(struct so_str *rest, char open, char close)
{
    size_t depth = 0, i = 0;
    bool quoted = false;
    char before = '.';
    for (; i < rest->n; i++) {
        char c = rest->p[i];
        if (quoted && c == '\\')
            i++;
        else if (c == '"' && (quoted || strchr(".(,", before) != NULL))
            quoted = !quoted;
        else if (!quoted && c == open)
            depth++;
        else if (!quoted && c == close && depth > 0)
            depth--;
        else if (!quoted && c == ',' && depth == 0)
            break;
        before = c == '\0' ? ' ' : c;
    }
    i = so_min_size(i, rest->n);
    struct so_str segment = so_str_slice(*rest, 0, i);
    *rest = i < rest->n ? so_str_slice(*rest, i + 1, rest->n) : (struct so_str){NULL, 0};
    return segment;
}

/* "a \"b\"" without its quotes; a text that is not whole in quotes stays as it is. */
static int unquote(struct parser *p, struct so_str text, struct so_str *out)
{
    *out = text;
    if (text.n < 2 || text.p[0] != '"')
        return SO_OK;
    char *plain = so_alloc_text(p->arena, text.n);
    if (plain == NULL)
        return so_err_oom(p->err);
    size_t n = 0, i = 1;
    for (; i < text.n && text.p[i] != '"'; i++) {
        if (text.p[i] == '\\' && i + 1 < text.n)
            i++;
        plain[n++] = text.p[i];
    }
    if (i == text.n - 1)
        *out = (struct so_str){plain, n};
    return SO_OK;
}

/* ---- values ---- */

static int fail_value(struct parser *p, const struct so_filter_term *t, const char *reason)
{
    return so_fail(p->err, SO_EINVAL, "filter %.*s: %s", SO_STR_ARG(t->column->name), reason);
}

static int parse_json(struct parser *p, const struct so_filter_term *t, struct so_str text, struct so_filter_value *out)
{
    struct so_err cause = SO_ERR_INIT;
    struct so_json *json = so_alloc_zero(p->arena, sizeof(*json));
    if (json == NULL)
        return so_err_oom(p->err);
    int rc = so_json_parse(p->arena, text, &(struct so_json_options){.depth_max = 64}, json, &cause);
    if (rc == SO_ENOMEM)
        return so_err_oom(p->err);
    *out = (struct so_filter_value){.cell = {.kind = SO_CELL_TEXT, .bytes = text}, .json = json};
    return rc == SO_OK ? SO_OK : fail_value(p, t, "invalid input syntax for type json");
}

/* As a request's body would bring it into the column. */
static int convert(struct parser *p, const struct so_filter_term *t, struct so_str text, struct so_filter_value *out)
{
    struct so_err cause = SO_ERR_INIT;
    struct so_json as_json = so_json_make_str(text), stored;
    if (t->column->type == SO_TYPE_JSON && !so_filter_is_pattern(t->op))
        return parse_json(p, t, text, out);
    int rc = SO_OK;
    if (so_filter_is_pattern(t->op))
        stored = as_json;
    else
        rc = so_input_convert(&as_json, t->column->type, p->arena, &stored, &cause);
    if (rc == SO_ENOMEM)
        return so_err_oom(p->err);
    if (rc != SO_OK)
        return fail_value(p, t, cause.message);
    struct so_cell cell = {.kind = t->column->type == SO_TYPE_BLOB ? SO_CELL_BLOB : SO_CELL_TEXT};
    if (stored.type == SO_JSON_INT)
        cell = (struct so_cell){.kind = SO_CELL_INTEGER, .integer = stored.u.i};
    else if (stored.type == SO_JSON_NUMBER)
        cell = (struct so_cell){.kind = SO_CELL_REAL, .real = so_json_to_double(&stored)};
    else
        cell.bytes = so_json_str(&stored);
    *out = (struct so_filter_value){.cell = cell};
    return SO_OK;
}

static int parse_one(struct parser *p, struct so_filter_term *t, struct so_str text)
{
    struct so_filter_value *value = so_alloc_zero(p->arena, sizeof(*value));
    struct so_str plain = text;
    if (value == NULL)
        return so_err_oom(p->err);
    int rc = unquote(p, text, &plain);
    if (rc == SO_OK)
        rc = convert(p, t, plain, value);
    t->values = value;
    t->count = 1;
    return rc;
}

/* (a,"b,c") */
static int parse_list(struct parser *p, struct so_filter_term *t, struct so_str text)
{
    if (text.n < 2 || text.p[0] != '(' || text.p[text.n - 1] != ')')
        return fail_value(p, t, "`in` filter value must be wrapped by parentheses");
    struct so_str rest = so_str_slice(text, 1, text.n - 1);
    struct so_filter_value *values = so_alloc_array(p->arena, SO_FILTER_VALUES_MAX, sizeof(*values));
    if (values == NULL)
        return so_err_oom(p->err);
    t->values = values;
    if (so_str_trim(rest).n == 0)
        return SO_OK; /* in () nothing is */
    while (rest.p != NULL) {
        struct so_str plain, item = so_str_trim(take_segment(&rest, '\0', '\0'));
        if (t->count == SO_FILTER_VALUES_MAX)
            return fail_value(p, t, "`in` takes at most 100 values");
        int rc = unquote(p, item, &plain);
        if (rc == SO_OK)
            rc = convert(p, t, plain, &values[t->count++]);
        if (rc != SO_OK)
            return rc;
    }
    return SO_OK;
}

/* null, true, false, unknown: a NULL, or a truth value of a boolean column. */
static int parse_truth(struct parser *p, struct so_filter_term *t, struct so_str text)
{
    bool is_boolean = t->column->type == SO_TYPE_BOOLEAN;
    struct so_filter_value *value = so_alloc_zero(p->arena, sizeof(*value));
    if (value == NULL)
        return so_err_oom(p->err);
    t->values = value;
    t->count = 1;
    if (so_str_eq_nocase(text, SO_STR("null")) || (is_boolean && so_str_eq_nocase(text, SO_STR("unknown"))))
        return SO_OK; /* the NULL cell */
    bool is_true = so_str_eq_nocase(text, SO_STR("true"));
    if (!is_boolean || (!is_true && !so_str_eq_nocase(text, SO_STR("false"))))
        return fail_value(p, t, "`is` takes null, and for a boolean column true, false and unknown");
    value->cell = (struct so_cell){.kind = SO_CELL_INTEGER, .integer = is_true};
    return SO_OK;
}

static int parse_regex(struct parser *p, struct so_filter_term *t, struct so_str text)
{
    struct so_err cause = SO_ERR_INIT;
    int rc = parse_one(p, t, text);
    if (rc != SO_OK)
        return rc;
    rc = so_db_regex_new(t->values[0].cell.bytes, so_filter_folds(t->op), &t->regex, &cause);
    if (rc == SO_ENOMEM || (rc == SO_OK && !so_defer(p->arena, so_db_regex_free, t->regex)))
        return so_err_oom(p->err);
    return rc == SO_OK ? SO_OK : fail_value(p, t, cause.message);
}

static int parse_value(struct parser *p, struct so_filter_term *t, struct so_str text)
{
    static int (*const PARSE[])(struct parser *, struct so_filter_term *, struct so_str) = {
        [SO_OPERAND_ONE] = parse_one,     [SO_OPERAND_LIST] = parse_list,   [SO_OPERAND_TRUTH] = parse_truth,
        [SO_OPERAND_PATTERN] = parse_one, [SO_OPERAND_REGEX] = parse_regex,
    };
    if (!so_filter_op_fits(t->op, t->column->type))
        return so_fail(p->err, SO_EINVAL, "filter %.*s: a column of type %s has no operator %s", SO_STR_ARG(t->column->name),
                       so_type_info(t->column->type)->name, so_filter_op_name(t->op));
    return PARSE[so_filter_operand(t->op)](p, t, text);
}

/* ---- terms ---- */

static bool take_word(struct so_str *text, struct so_str word)
{
    if (!so_str_starts(*text, word))
        return false;
    *text = so_str_slice(*text, word.n, text->n);
    return true;
}

static int parse_term(struct parser *p, struct so_str text, struct so_filter_term *t)
{
    size_t equals = so_str_find_char(text, '=', 0);
    if (text.n == 0 || equals == SO_STR_NONE)
        return so_fail(p->err, SO_EINVAL,
                       text.n == 0 ? "filter must not contain empty segments (check for extra commas)"
                                   : "filter: expected column=operator.value");
    struct so_str column = so_str_slice(text, 0, equals), rest = so_str_slice(text, equals + 1, text.n);
    t->negated = take_word(&rest, SO_STR("not."));
    size_t dot = so_str_find_char(rest, '.', 0);
    struct so_str op = so_str_slice(rest, 0, dot);
    t->op = dot == SO_STR_NONE ? NULL : so_filter_op_find(op);
    if (t->op == NULL)
        return so_fail(p->err, SO_EINVAL, "filter: there is no operator \"%.*s\"", SO_STR_ARG(so_str_slice(op, 0, 40)));
    t->column = so_relation_column(p->relation, column);
    if (t->column == NULL || !p->may_read(p->arg, t->column))
        return so_fail(p->err, SO_EINVAL, "filter: there is no column \"%.*s\"", SO_STR_ARG(so_str_slice(column, 0, 63)));
    return parse_value(p, t, so_str_slice(rest, dot + 1, rest.n));
}

int so_change_filter_parse(struct so_str text, const struct so_relation *relation,
                           bool (*may_read)(const void *arg, const struct so_column *column), const void *arg,
                           struct so_arena *arena, struct so_change_filter *out, struct so_err *err)
{
    struct parser p = {relation, may_read, arg, arena, err};
    struct so_str rest = so_arena_dup(arena, so_str_trim(text));
    struct so_change_filter filter = {.terms = so_alloc_array(arena, SO_FILTER_TERMS_MAX, sizeof(*filter.terms))};
    if (filter.terms == NULL || rest.p == NULL)
        return so_err_oom(err);
    if (text.n > SO_FILTER_BYTES_MAX)
        return so_fail(err, SO_EINVAL, "filter is longer than %d bytes", SO_FILTER_BYTES_MAX);
    while (rest.p != NULL && rest.n + filter.count > 0) {
        struct so_str segment = so_str_trim(take_segment(&rest, '(', ')'));
        if (filter.count == SO_FILTER_TERMS_MAX)
            return so_fail(err, SO_EINVAL, "filter has more than %d terms", SO_FILTER_TERMS_MAX);
        int rc = parse_term(&p, segment, &filter.terms[filter.count++]);
        if (rc != SO_OK)
            return rc;
    }
    *out = filter;
    return SO_OK;
}
