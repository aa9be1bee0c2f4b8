/* filter.c: a=eq.1, rel.a=not.in.(1,2), or=(a.eq.1,not.and(b.gt.2,c.is.null)) into conditions.
 *
 *   condition = ["not."] operator ["(any)" | "(all)" | "(language)"] "." value
 *   tree      = field "." condition | ["not."] ("and" | "or") "(" tree *("," tree) ")"
 */
#include "rest/errors.h"
#include "rest/scan.h"

/* What may stand between the operator's name and its value. */
enum operand { ONE, ONE_OR_QUANTIFIED, LIST, TRUTH, SEARCH };

static const struct operator_row {
    struct so_str name;
    enum so_op op;
    enum operand operand;
} OPERATORS[] = {
    /* in the order of enum so_op */
    {SO_STR_INIT("eq"), SO_OP_EQ, ONE_OR_QUANTIFIED},
    {SO_STR_INIT("neq"), SO_OP_NEQ, ONE},
    {SO_STR_INIT("gt"), SO_OP_GT, ONE_OR_QUANTIFIED},
    {SO_STR_INIT("gte"), SO_OP_GTE, ONE_OR_QUANTIFIED},
    {SO_STR_INIT("lt"), SO_OP_LT, ONE_OR_QUANTIFIED},
    {SO_STR_INIT("lte"), SO_OP_LTE, ONE_OR_QUANTIFIED},
    {SO_STR_INIT("like"), SO_OP_LIKE, ONE_OR_QUANTIFIED},
    {SO_STR_INIT("ilike"), SO_OP_ILIKE, ONE_OR_QUANTIFIED},
    {SO_STR_INIT("match"), SO_OP_MATCH, ONE_OR_QUANTIFIED},
    {SO_STR_INIT("imatch"), SO_OP_IMATCH, ONE_OR_QUANTIFIED},
    {SO_STR_INIT("in"), SO_OP_IN, LIST},
    {SO_STR_INIT("is"), SO_OP_IS, TRUTH},
    {SO_STR_INIT("isdistinct"), SO_OP_ISDISTINCT, ONE},
    {SO_STR_INIT("cs"), SO_OP_CS, ONE},
    {SO_STR_INIT("cd"), SO_OP_CD, ONE},
    {SO_STR_INIT("ov"), SO_OP_OV, ONE},
    {SO_STR_INIT("sl"), SO_OP_SL, ONE},
    {SO_STR_INIT("sr"), SO_OP_SR, ONE},
    {SO_STR_INIT("nxr"), SO_OP_NXR, ONE},
    {SO_STR_INIT("nxl"), SO_OP_NXL, ONE},
    {SO_STR_INIT("adj"), SO_OP_ADJ, ONE},
    {SO_STR_INIT("fts"), SO_OP_FTS, SEARCH},
    {SO_STR_INIT("plfts"), SO_OP_PLFTS, SEARCH},
    {SO_STR_INIT("phfts"), SO_OP_PHFTS, SEARCH},
    {SO_STR_INIT("wfts"), SO_OP_WFTS, SEARCH},
};
_Static_assert(COUNT_OF(OPERATORS) == SO_OP_COUNT, "every operator has a row");

const char *so_op_name(enum so_op op) { return OPERATORS[op].name.p; }

static const struct {
    struct so_str name;
    enum so_is is;
} TRUTHS[] = {
    {SO_STR_INIT("null"), SO_IS_NULL},   {SO_STR_INIT("not_null"), SO_IS_NOT_NULL}, {SO_STR_INIT("true"), SO_IS_TRUE},
    {SO_STR_INIT("false"), SO_IS_FALSE}, {SO_STR_INIT("unknown"), SO_IS_UNKNOWN},
};

/* Whether values end at ',' and ')' (inside and(), or()) or at the end of the parameter. */
enum place { AT_TOP, IN_TREE };

/* NULL, and the cursor unmoved, when no operator is there. */
static const struct operator_row *take_operator(struct so_scan *s)
{
    size_t from = s->at, at = from;
    while (at < s->text.n && s->text.p[at] >= 'a' && s->text.p[at] <= 'z')
        at++;
    struct so_str word = so_str_slice(s->text, from, at);
    for (size_t i = 0; i < COUNT_OF(OPERATORS); i++)
        if (so_str_eq(word, OPERATORS[i].name)) {
            s->at = at;
            return &OPERATORS[i];
        }
    return NULL;
}

bool so_filter_is_one(struct so_str text)
{
    struct so_scan s = {.text = text};
    so_scan_word(&s, SO_STR("not."));
    return take_operator(&s) != NULL && (so_scan_peek(&s) == '.' || so_scan_peek(&s) == '(');
}

static int scan_suffix(struct so_scan *s, enum operand operand, struct so_filter *f)
{
    if (operand == ONE_OR_QUANTIFIED && so_scan_word(s, SO_STR("(any)")))
        f->quantifier = SO_QUANT_ANY;
    else if (operand == ONE_OR_QUANTIFIED && so_scan_word(s, SO_STR("(all)")))
        f->quantifier = SO_QUANT_ALL;
    else if (operand == SEARCH && so_scan_take(s, '(')) {
        int rc = so_scan_identifier(s, &f->language);
        if (rc != SO_OK)
            return rc;
        if (!so_scan_take(s, ')'))
            return so_scan_fail(s, "\")\"");
    }
    if (!so_scan_take(s, '.'))
        return so_scan_fail(s, "delimiter (.)");
    return SO_OK;
}

/* One element of in.(...): quoted, or everything up to ',' or ')'. */
static int scan_element(struct so_scan *s, const char *stops, size_t stop_count, struct so_str *out)
{
    size_t from = s->at;
    if (so_scan_peek(s) == '"') {
        struct so_err ignored = SO_ERR_INIT;
        struct so_scan quoted = *s;
        quoted.err = &ignored;
        bool whole = so_scan_quoted(&quoted, out) == SO_OK &&
                     (so_scan_end(&quoted) || memchr(stops, so_scan_peek(&quoted), stop_count) != NULL);
        if (ignored.code == SO_ENOMEM)
            return so_err_oom(s->err);
        if (whole) {
            s->at = quoted.at;
            return SO_OK;
        }
    }
    while (!so_scan_end(s) && memchr(stops, s->text.p[s->at], stop_count) == NULL)
        s->at++;
    *out = so_str_slice(s->text, from, s->at);
    return SO_OK;
}

static int scan_list(struct so_scan *s, char open, char close, struct so_name **out)
{
    struct so_name **end = out;
    const char stops[2] = {',', close};
    so_scan_blanks(s);
    if (!so_scan_take(s, open))
        return so_scan_fail(s, open == '(' ? "\"(\"" : "\"{\"");
    do {
        struct so_name *item = so_alloc_zero(s->arena, sizeof(*item));
        if (item == NULL)
            return so_err_oom(s->err);
        int rc = scan_element(s, stops, sizeof(stops), &item->name);
        if (rc != SO_OK)
            return rc;
        *end = item;
        end = &item->next;
    } while (so_scan_take(s, ','));
    if (!so_scan_take(s, close))
        return so_scan_fail(s, close == ')' ? "\",\" or \")\"" : "\",\" or \"}\"");
    so_scan_blanks(s);
    return SO_OK;
}

static int scan_truth(struct so_scan *s, struct so_filter *f)
{
    size_t at = s->at;
    while (at < s->text.n && memchr(",)", s->text.p[at], 2) == NULL)
        at++;
    struct so_str word = so_str_slice(s->text, s->at, at);
    for (size_t i = 0; i < COUNT_OF(TRUTHS); i++)
        if (so_str_eq_nocase(word, TRUTHS[i].name)) {
            f->is = TRUTHS[i].is;
            s->at = at;
            return SO_OK;
        }
    return so_scan_fail(s, "isVal: (null, not_null, true, false, unknown)");
}

static int scan_value(struct so_scan *s, enum place place, struct so_str *out)
{
    if (place == AT_TOP) {
        *out = so_str_slice(s->text, s->at, s->text.n);
        s->at = s->text.n;
        return SO_OK;
    }
    if (so_scan_peek(s) == '{') { /* an array may hold commas */
        size_t end = so_str_find_char(s->text, '}', s->at);
        size_t open = so_str_find_char(s->text, '{', s->at + 1);
        if (end != SO_STR_NONE && (open == SO_STR_NONE || open > end)) {
            *out = so_str_slice(s->text, s->at, end + 1);
            s->at = end + 1;
            return SO_OK;
        }
    }
    return scan_element(s, ",)", 2, out);
}

static int scan_condition(struct so_scan *s, enum place place, struct so_filter *f)
{
    f->negated = so_scan_word(s, SO_STR("not."));
    const struct operator_row *row = take_operator(s);
    if (row == NULL)
        return so_scan_fail(s, "\"not\" or operator (eq, gt, ...)");
    f->op = row->op;
    int rc = scan_suffix(s, row->operand, f);
    if (rc != SO_OK)
        return rc;
    if (row->operand == LIST)
        return scan_list(s, '(', ')', &f->list);
    if (row->operand == TRUTH)
        return scan_truth(s, f);
    if (f->quantifier != SO_QUANT_NONE)
        return scan_list(s, '{', '}', &f->list);
    return scan_value(s, place, &f->value);
}

static int scan_tree(struct so_scan *s, unsigned depth, struct so_filter **out);

static int scan_branches(struct so_scan *s, unsigned depth, struct so_filter *tree)
{
    struct so_filter **end = &tree->sub;
    so_scan_blanks(s);
    if (!so_scan_take(s, '('))
        return so_scan_fail(s, "\"(\"");
    do {
        so_scan_blanks(s);
        int rc = scan_tree(s, depth + 1, end);
        if (rc != SO_OK)
            return rc;
        so_scan_blanks(s);
        end = &(*end)->next;
    } while (so_scan_take(s, ','));
    if (!so_scan_take(s, ')'))
        return so_scan_fail(s, "\",\" or \")\"");
    so_scan_blanks(s);
    return SO_OK;
}

/* "not." and "and(" / "or(" at the cursor begin a subtree; anything else is a field, even one named "and". */
static bool take_logic(struct so_scan *s, struct so_filter *tree)
{
    struct so_scan ahead = *s;
    tree->negated = so_scan_word(&ahead, SO_STR("not."));
    tree->logic = so_scan_word(&ahead, SO_STR("and"))  ? SO_LOGIC_AND
                  : so_scan_word(&ahead, SO_STR("or")) ? SO_LOGIC_OR
                                                       : SO_LOGIC_LEAF;
    so_scan_blanks(&ahead);
    if (tree->logic == SO_LOGIC_LEAF || so_scan_peek(&ahead) != '(') {
        *tree = (struct so_filter){.logic = SO_LOGIC_LEAF};
        return false;
    }
    s->at = ahead.at;
    return true;
}

static int scan_tree(struct so_scan *s, unsigned depth, struct so_filter **out)
{
    if (depth > SO_REST_DEPTH_MAX)
        return so_fail_http(s->err, PGRST100_DEPTH, s->what, SO_REST_DEPTH_MAX);
    int rc = so_scan_count(s);
    if (rc != SO_OK)
        return rc;
    struct so_filter *f = so_alloc_zero(s->arena, sizeof(*f));
    if (f == NULL)
        return so_err_oom(s->err);
    if (take_logic(s, f)) {
        rc = scan_branches(s, depth, f);
    } else {
        rc = so_scan_field(s, &f->field);
        if (rc == SO_OK && !so_scan_take(s, '.'))
            rc = so_scan_fail(s, "delimiter (.)");
        if (rc == SO_OK)
            rc = scan_condition(s, IN_TREE, f);
    }
    *out = f;
    return rc;
}

static int add(struct so_request *r, const struct so_name *path, struct so_filter *f, struct so_err *err)
{
    struct so_scope *scope = so_request_scope(r, path);
    if (scope == NULL)
        return so_err_oom(err);
    *scope->filters_end = f;
    scope->filters_end = &f->next;
    return SO_OK;
}

int so_filter_parse(struct so_request *r, struct so_str key, struct so_str value, struct so_err *err)
{
    struct so_scan k = {.text = key, .what = "failed to parse tree path", .arena = r->arena, .err = err};
    struct so_scan v = {.text = value, .what = "failed to parse filter", .arena = r->arena, .err = err};
    struct so_name *path = NULL;
    struct so_filter *f = so_alloc_zero(r->arena, sizeof(*f));
    if (f == NULL)
        return so_err_oom(err);
    int rc = so_scan_path(&k, &path, &f->field);
    if (rc == SO_OK)
        rc = scan_condition(&v, AT_TOP, f);
    if (rc == SO_OK && !so_scan_end(&v))
        rc = so_scan_fail(&v, "end of input");
    return rc == SO_OK ? add(r, path, f, err) : rc;
}

/* rel.not.or=(...): the path is what is before "not", "and" or "or". */
int so_logic_parse(struct so_request *r, struct so_str key, struct so_str value, struct so_err *err)
{
    struct so_scan k = {.text = key, .what = "failed to parse logic path", .arena = r->arena, .err = err};
    struct so_scan v = {.text = value, .what = "failed to parse logic tree", .arena = r->arena, .err = err};
    struct so_field_name last;
    struct so_name *path = NULL, **end = &path;
    struct so_filter *tree = so_alloc_zero(r->arena, sizeof(*tree));
    if (tree == NULL)
        return so_err_oom(err);
    int rc = so_scan_path(&k, &path, &last);
    if (rc != SO_OK)
        return rc;
    tree->logic = so_str_eq(last.name, SO_STR("and")) ? SO_LOGIC_AND : SO_LOGIC_OR;
    while (*end != NULL && !so_str_eq((*end)->name, SO_STR("not")))
        end = &(*end)->next;
    tree->negated = *end != NULL;
    *end = NULL;
    rc = scan_branches(&v, 0, tree);
    if (rc == SO_OK && !so_scan_end(&v))
        rc = so_scan_fail(&v, "end of input");
    return rc == SO_OK ? add(r, path, tree, err) : rc;
}
