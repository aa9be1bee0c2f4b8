/* search.c: a full text query as what FTS5 matches (sqlite.org/fts5.html section 3).
 *
 * FTS5 has no "not" of one operand: a query that says only what must not be there is the complement of one that it can
 * answer.  So each part of the tree is a set or the complement of a set, and the whole turns the condition round when it is
 * the latter:   a & !b = a NOT b     !a & !b = complement of (a OR b)     a | !b = complement of (b NOT a) */
#include "rest/dialect.h"
#include "rest/errors.h"
#include "rest/tsquery.h"

enum { ALTERNATIVES_MAX = 64 };

struct set {
    struct so_str text; /* an FTS5 expression */
    bool complement;
};

/* ---- phrases: '"a" + "b"', and the alternatives that an OR in them makes ---- */

struct phrases {
    struct so_str text[ALTERNATIVES_MAX];
    bool prefix[ALTERNATIVES_MAX]; /* ends in "*": nothing can follow */
    size_t count;
};

static int fail_phrase(struct so_rest_plan *p)
{
    int rc = so_fail_http(p->err, PGRST127);
    so_err_details(p->err,
                   "In a phrase this database's full text search knows only words, '|' and '<->', and ':*' at its end");
    return rc;
}

static void put_quoted(struct so_text *t, struct so_str text)
{
    so_text_name(t, text); /* strings of FTS5 are quoted like names of SQL */
}

static int words(struct so_rest_plan *p, const struct so_ts *node, struct so_str *out)
{
    struct so_text t;
    so_text_init(&t, p->arena, node->text.n + 8);
    put_quoted(&t, node->text);
    so_text_c(&t, node->prefix ? " *" : "");
    *out = so_text_get(&t);
    return t.failed ? so_err_oom(p->err) : SO_OK;
}

static int add_phrase(struct so_rest_plan *p, struct phrases *out, struct so_str text, bool prefix)
{
    if (out->count == ALTERNATIVES_MAX)
        return fail_phrase(p);
    out->text[out->count] = text;
    out->prefix[out->count++] = prefix;
    return SO_OK;
}

static int expand(struct so_rest_plan *p, const struct so_ts *node, struct phrases *out);

/* Every one of the left before every one of the right. */
static int expand_pair(struct so_rest_plan *p, const struct so_ts *node, struct phrases *out)
{
    struct phrases *sides = so_alloc_zero(p->arena, 2 * sizeof(*sides));
    if (sides == NULL)
        return so_err_oom(p->err);
    int rc = node->distance == 1 ? expand(p, node->sub, &sides[0]) : fail_phrase(p);
    if (rc == SO_OK)
        rc = expand(p, node->sub->next, &sides[1]);
    for (size_t l = 0; rc == SO_OK && l < sides[0].count; l++)
        for (size_t r = 0; rc == SO_OK && r < sides[1].count; r++) {
            struct so_text t;
            so_text_init(&t, p->arena, sides[0].text[l].n + sides[1].text[r].n + 4);
            so_text_str(&t, sides[0].text[l]);
            so_text_lit(&t, " + ");
            so_text_str(&t, sides[1].text[r]);
            rc = t.failed ? so_err_oom(p->err) : sides[0].prefix[l] ? fail_phrase(p) : SO_OK;
            if (rc == SO_OK)
                rc = add_phrase(p, out, so_text_get(&t), sides[1].prefix[r]);
        }
    return rc;
}

static int expand(struct so_rest_plan *p, const struct so_ts *node, struct phrases *out)
{
    struct so_str text;
    int rc = SO_OK;
    switch (node->kind) {
    case SO_TS_WORDS: rc = words(p, node, &text); return rc == SO_OK ? add_phrase(p, out, text, node->prefix) : rc;
    case SO_TS_OR:
        for (const struct so_ts *sub = node->sub; rc == SO_OK && sub != NULL; sub = sub->next)
            rc = expand(p, sub, out);
        return rc;
    case SO_TS_PHRASE: return expand_pair(p, node, out);
    default: return fail_phrase(p);
    }
}

static int phrase(struct so_rest_plan *p, const struct so_ts *node, struct set *out)
{
    struct phrases *all = so_alloc_zero(p->arena, sizeof(*all));
    if (all == NULL)
        return so_err_oom(p->err);
    int rc = expand(p, node, all);
    struct so_text t;
    so_text_init(&t, p->arena, 128);
    for (size_t i = 0; rc == SO_OK && i < all->count; i++) {
        so_text_c(&t, i > 0 ? " OR " : "(");
        so_text_str(&t, all->text[i]);
    }
    so_text_char(&t, ')');
    out->text = so_text_get(&t);
    return rc == SO_OK && t.failed ? so_err_oom(p->err) : rc;
}

/* ---- sets ---- */

static int render(struct so_rest_plan *p, const struct so_ts *node, struct set *out);

/* The sets among the operands, or the complements, with a word between them; *out_count of them. */
static void put_some(struct so_text *t, const struct set *sets, size_t count, bool complement, const char *between,
                     size_t *out_count)
{
    size_t put = 0;
    for (size_t i = 0; i < count; i++) {
        if (sets[i].complement != complement)
            continue;
        so_text_c(t, put++ > 0 ? between : "(");
        so_text_str(t, sets[i].text);
    }
    so_text_c(t, put > 0 ? ")" : "");
    *out_count = put;
}

/* AND: (sets with AND) NOT (complements with OR).  OR is the same seen from the other side. */
static int combine(struct so_rest_plan *p, const struct so_ts *node, struct set *out)
{
    size_t count = 0, kept, taken;
    bool is_or = node->kind == SO_TS_OR;
    for (const struct so_ts *sub = node->sub; sub != NULL; sub = sub->next)
        count++;
    struct set *sets = so_alloc_zero(p->arena, count * sizeof(*sets));
    if (sets == NULL)
        return so_err_oom(p->err);
    bool any_complement = false;
    size_t i = 0;
    for (const struct so_ts *sub = node->sub; sub != NULL; sub = sub->next) {
        int rc = render(p, sub, &sets[i]);
        if (rc != SO_OK)
            return rc;
        any_complement |= sets[i++].complement;
    }
    struct so_text t, minus;
    so_text_init(&t, p->arena, 128);
    so_text_init(&minus, p->arena, 128);
    if (is_or && !any_complement) {
        put_some(&t, sets, count, false, " OR ", &kept);
    } else {
        put_some(&t, sets, count, is_or, " AND ", &kept);
        put_some(&minus, sets, count, !is_or, " OR ", &taken);
        if (kept > 0 && taken > 0)
            so_text_lit(&t, " NOT ");
        so_text_str(&t, so_text_get(&minus));
        out->complement = is_or || kept == 0;
    }
    struct so_text whole;
    so_text_init(&whole, p->arena, t.len + 2);
    so_text_char(&whole, '(');
    so_text_str(&whole, so_text_get(&t));
    so_text_char(&whole, ')');
    out->text = so_text_get(&whole);
    return t.failed || minus.failed || whole.failed ? so_err_oom(p->err) : SO_OK;
}

static int render(struct so_rest_plan *p, const struct so_ts *node, struct set *out)
{
    int rc;
    switch (node->kind) {
    case SO_TS_WORDS: return words(p, node, &out->text);
    case SO_TS_PHRASE: return phrase(p, node, out);
    case SO_TS_NOT:
        rc = render(p, node->sub, out);
        out->complement = !out->complement;
        return rc;
    default: return combine(p, node, out);
    }
}

/* ---- the condition ---- */

static int fail_no_index(struct so_rest_plan *p, const struct so_cond *c)
{
    const struct so_entity_column *column = c->expr.column;
    int rc = so_fail_http(p->err, PGRST127);
    if (column->rule != NULL && c->expr.path.p == NULL)
        so_err_details(p->err, "Full text search of '%.*s' needs an index: add \"x-search\": true to it in the schema file",
                       SO_STR_ARG(column->column->name));
    else
        so_err_details(p->err, "Full text search on this database needs a table's own column with \"x-search\": true");
    return rc;
}

int so_search_convert(struct so_rest_plan *p, struct so_cond *c, const struct so_filter *f, struct so_str text)
{
    struct so_ts *tree = NULL;
    struct set found = {.text = SO_STR("\"\"")}; /* finds nothing */
    if (c->expr.path.p != NULL || c->expr.column->rule == NULL || !c->expr.column->rule->search)
        return fail_no_index(p, c);
    int rc = so_ts_parse(p->arena, f->op, f->language, text, &tree, p->err);
    if (rc == SO_OK && tree != NULL)
        rc = render(p, tree, &found);
    if (rc != SO_OK)
        return rc;
    struct so_text t;
    so_text_init(&t, p->arena, found.text.n + 64);
    so_text_char(&t, '{');
    put_quoted(&t, c->expr.column->column->name);
    so_text_lit(&t, "} : (");
    so_text_str(&t, found.text);
    so_text_char(&t, ')');
    if (t.failed)
        return so_err_oom(p->err);
    c->negated = c->negated != found.complement;
    c->value = (struct so_param){.kind = SO_PARAM_TEXT, .text = so_text_get(&t)};
    return SO_OK;
}
