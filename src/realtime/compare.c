/* compare.c: the meaning of a filter's operators.
 *
 * Cells are compared as SQLite compares what the column holds (numbers, then texts, then blobs; texts by their bytes), so
 * that a filter and a query agree; decimals by their value; JSON by what it says. */
#include <inttypes.h>
#include <stdio.h>

#include "db/jsontext.h"
#include "realtime/filter_int.h"

/* Truth of a comparison; unknown where a NULL is. */
enum truth { NO, YES, UNKNOWN };

struct test {
    const struct so_filter_term *term;
    const struct so_cell *cell;
    struct so_arena *scratch;
    struct so_err *err;
    int rc; /* the first failure */
};

/* ---- order ---- */

/* A long double holds every integer of 64 bits where it has 64 bits of mantissa; elsewhere both are rounded alike. */
static long double number_of(const struct so_cell *c)
{
    return c->kind == SO_CELL_INTEGER ? (long double)c->integer : (long double)c->real;
}

static int compare_numbers(const struct so_cell *a, const struct so_cell *b)
{
    if (a->kind == SO_CELL_INTEGER && b->kind == SO_CELL_INTEGER)
        return (a->integer > b->integer) - (a->integer < b->integer);
    long double x = number_of(a), y = number_of(b);
    return (x > y) - (x < y);
}

static bool is_decimal(const struct so_cell *c)
{
    return c->kind == SO_CELL_TEXT && c->bytes.n <= UINT32_MAX && so_json_text_is_number(c->bytes);
}

static int compare_decimals(const struct so_cell *a, const struct so_cell *b)
{
    const struct so_json x = {.type = SO_JSON_NUMBER, .len = (uint32_t)a->bytes.n, .u.text = a->bytes.p};
    const struct so_json y = {.type = SO_JSON_NUMBER, .len = (uint32_t)b->bytes.n, .u.text = b->bytes.p};
    return so_json_number_cmp(&x, &y);
}

static int rank(const struct so_cell *c) { return c->kind <= SO_CELL_REAL ? 0 : c->kind == SO_CELL_TEXT ? 1 : 2; }

/* Neither is NULL. */
static int compare(enum so_type type, const struct so_cell *a, const struct so_cell *b)
{
    if (rank(a) != rank(b))
        return rank(a) - rank(b);
    if (rank(a) == 0)
        return compare_numbers(a, b);
    if (type == SO_TYPE_DECIMAL && is_decimal(a) && is_decimal(b))
        return compare_decimals(a, b);
    return so_str_cmp(a->bytes, b->bytes);
}

/* ---- operators ---- */

static bool json_equals(struct test *t, const struct so_filter_value *value)
{
    if (t->cell->json != NULL)
        return so_json_eq(t->cell->json, value->json);
    struct so_json json;
    struct so_err ignored = SO_ERR_INIT;
    int rc = so_json_parse(t->scratch, t->cell->bytes, &(struct so_json_options){.depth_max = 64}, &json, &ignored);
    if (rc == SO_ENOMEM)
        t->rc = so_err_oom(t->err);
    return rc == SO_OK && so_json_eq(&json, value->json);
}

static bool equals(struct test *t, const struct so_filter_value *value)
{
    if (value->json != NULL && (t->cell->json != NULL || t->cell->kind == SO_CELL_TEXT))
        return json_equals(t, value);
    return compare(t->term->column->type, t->cell, &value->cell) == 0;
}

static int order(struct test *t) { return compare(t->term->column->type, t->cell, &t->term->values[0].cell); }

static bool test_eq(struct test *t) { return equals(t, &t->term->values[0]); }
static bool test_neq(struct test *t) { return !equals(t, &t->term->values[0]); }
static bool test_lt(struct test *t) { return order(t) < 0; }
static bool test_lte(struct test *t) { return order(t) <= 0; }
static bool test_gt(struct test *t) { return order(t) > 0; }
static bool test_gte(struct test *t) { return order(t) >= 0; }

static bool test_in(struct test *t)
{
    for (size_t i = 0; i < t->term->count; i++)
        if (equals(t, &t->term->values[i]))
            return true;
    return false;
}

/* NULL counts as a value. */
static bool test_is(struct test *t)
{
    const struct so_cell *want = &t->term->values[0].cell;
    if (want->kind == SO_CELL_NULL || t->cell->kind == SO_CELL_NULL)
        return want->kind == t->cell->kind;
    return t->cell->kind == SO_CELL_INTEGER && (t->cell->integer != 0) == (want->integer != 0);
}

static bool test_isdistinct(struct test *t) { return t->cell->kind == SO_CELL_NULL || !equals(t, &t->term->values[0]); }

static bool test_like(struct test *t)
{
    return t->cell->kind == SO_CELL_TEXT &&
           so_db_like(t->term->values[0].cell.bytes, t->cell->bytes, so_filter_folds(t->term->op));
}

static bool test_match(struct test *t)
{
    bool matches = false;
    if (t->cell->kind == SO_CELL_TEXT)
        t->rc = so_db_regex_match(t->term->regex, t->cell->bytes, &matches, t->err);
    return matches;
}

/* Sets of types that an operator fits. */
enum { ANY_TYPE, ORDERED, TEXTS };

struct so_filter_operator {
    const char *name;
    bool (*test)(struct test *t);
    enum so_operand operand;
    int types;
    bool takes_null; /* a NULL cell is no unknown to it */
    bool folds;
};

static const struct so_filter_operator OPERATORS[] = {
    {"eq", test_eq, SO_OPERAND_ONE, ANY_TYPE, false, false},
    {"neq", test_neq, SO_OPERAND_ONE, ANY_TYPE, false, false},
    {"lt", test_lt, SO_OPERAND_ONE, ORDERED, false, false},
    {"lte", test_lte, SO_OPERAND_ONE, ORDERED, false, false},
    {"gt", test_gt, SO_OPERAND_ONE, ORDERED, false, false},
    {"gte", test_gte, SO_OPERAND_ONE, ORDERED, false, false},
    {"in", test_in, SO_OPERAND_LIST, ANY_TYPE, false, false},
    {"is", test_is, SO_OPERAND_TRUTH, ANY_TYPE, true, false},
    {"isdistinct", test_isdistinct, SO_OPERAND_ONE, ANY_TYPE, true, false},
    {"like", test_like, SO_OPERAND_PATTERN, TEXTS, false, false},
    {"ilike", test_like, SO_OPERAND_PATTERN, TEXTS, false, true},
    {"match", test_match, SO_OPERAND_REGEX, TEXTS, false, false},
    {"imatch", test_match, SO_OPERAND_REGEX, TEXTS, false, true},
};

const struct so_filter_operator *so_filter_op_find(struct so_str name)
{
    for (size_t i = 0; i < COUNT_OF(OPERATORS); i++)
        if (so_str_eq_c(name, OPERATORS[i].name))
            return &OPERATORS[i];
    return NULL;
}

const char *so_filter_op_name(const struct so_filter_operator *op) { return op->name; }
enum so_operand so_filter_operand(const struct so_filter_operator *op) { return op->operand; }
bool so_filter_folds(const struct so_filter_operator *op) { return op->folds; }

bool so_filter_op_fits(const struct so_filter_operator *op, enum so_type type)
{
    if (op->types == TEXTS)
        return type == SO_TYPE_TEXT;
    return op->types == ANY_TYPE || type != SO_TYPE_JSON;
}

/* ---- a row ---- */

static enum truth test_term(struct test *t)
{
    if (t->cell->kind == SO_CELL_NULL && !t->term->op->takes_null)
        return UNKNOWN;
    return t->term->op->test(t) ? YES : NO;
}

int so_change_filter_test(const struct so_change_filter *filter, const struct so_row *row, struct so_arena *scratch,
                          bool *out, struct so_err *err)
{
    bool holds = true;
    for (size_t i = 0; holds && i < filter->count; i++) {
        const struct so_filter_term *term = &filter->terms[i];
        struct so_cell cell;
        struct test t = {.term = term, .cell = &cell, .scratch = scratch, .err = err};
        t.rc = so_cell_comparable(so_row_find(row, term->column->name, term->column->index), term->column->type, scratch,
                                  &cell, err);
        if (t.rc != SO_OK)
            return t.rc;
        enum truth truth = test_term(&t);
        if (t.rc != SO_OK)
            return t.rc;
        holds = truth == (term->negated ? NO : YES);
    }
    *out = holds;
    return SO_OK;
}

/* ---- by value ---- */

/* Types whose equal values are equal bytes: not numbers with a fraction (1 and 1.0), decimals (other programs' 1.50), JSON.
 */
static bool has_key(enum so_type type)
{
    return type != SO_TYPE_NUMERIC && type != SO_TYPE_DECIMAL && type != SO_TYPE_JSON && type != SO_TYPE_BLOB;
}

const struct so_filter_term *so_change_filter_equality(const struct so_change_filter *filter)
{
    for (size_t i = 0; i < filter->count; i++) {
        const struct so_filter_term *t = &filter->terms[i];
        if (t->op->test == test_eq && !t->negated && has_key(t->column->type) && t->values[0].cell.kind != SO_CELL_REAL)
            return t;
    }
    return NULL;
}

struct so_str so_filter_key(const struct so_cell *cell, char buf[24])
{
    double real = cell->kind == SO_CELL_REAL ? cell->real : 0.5;
    int64_t integer = cell->integer;
    if (real >= -9e15 && real <= 9e15 && real == (double)(int64_t)real) /* 2.0 in an integer column of other programs */
        integer = (int64_t)real;
    else if (cell->kind == SO_CELL_TEXT)
        return cell->bytes.p == NULL ? SO_STR("") : cell->bytes;
    else if (cell->kind != SO_CELL_INTEGER)
        return (struct so_str){NULL, 0};
    return (struct so_str){buf, (size_t)snprintf(buf, 24, "%" PRId64, integer)};
}
