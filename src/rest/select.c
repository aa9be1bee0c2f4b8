/* select.c: select=a,b:c->d::text,rel!hint!inner(x,y),...rel(z),count() into a list of items.
 *
 *   items = item *("," item)
 *   item  = "*" | [alias ":"] name [path] ["::" type] ["." aggregate "()"] ["::" type]
 *         | [alias ":"] name *("!" hint) "(" items ")"   | "..." name *("!" hint) "(" items ")"
 */
#include "rest/errors.h"
#include "rest/scan.h"

static const struct {
    struct so_str name;
    enum so_aggregate aggregate;
} AGGREGATES[] = {
    {SO_STR_INIT("sum()"), SO_AGG_SUM}, {SO_STR_INIT("avg()"), SO_AGG_AVG}, {SO_STR_INIT("count()"), SO_AGG_COUNT},
    {SO_STR_INIT("max()"), SO_AGG_MAX}, {SO_STR_INIT("min()"), SO_AGG_MIN},
};

static int scan_items(struct so_scan *s, unsigned depth, const struct so_select **out);

static int scan_cast(struct so_scan *s, struct so_str *out)
{
    return so_scan_word(s, SO_STR("::")) ? so_scan_identifier(s, out) : SO_OK;
}

static int scan_aggregate(struct so_scan *s, struct so_select *item)
{
    if (!so_scan_take(s, '.'))
        return SO_OK;
    for (size_t i = 0; i < COUNT_OF(AGGREGATES); i++)
        if (so_scan_word(s, AGGREGATES[i].name)) {
            item->aggregate = AGGREGATES[i].aggregate;
            return scan_cast(s, &item->aggregate_cast);
        }
    return so_scan_fail(s, "\"sum\", \"avg\", \"count\", \"max\" or \"min\"");
}

/* "!inner", "!left" and "!hint", at most one of each sort. */
static int scan_embed_params(struct so_scan *s, struct so_select *item)
{
    for (int i = 0; i < 2 && so_scan_take(s, '!'); i++) {
        struct so_str word;
        int rc = so_scan_name(s, &word);
        if (rc != SO_OK)
            return rc;
        if (so_str_eq(word, SO_STR("inner")))
            item->join = SO_JOIN_INNER;
        else if (so_str_eq(word, SO_STR("left")))
            item->join = SO_JOIN_LEFT;
        else
            item->hint = word;
    }
    return SO_OK;
}

static int scan_embed(struct so_scan *s, struct so_select *item, enum so_select_kind kind, unsigned depth)
{
    item->kind = kind;
    int rc = scan_embed_params(s, item);
    if (rc != SO_OK)
        return rc;
    if (!so_scan_take(s, '('))
        return so_scan_fail(s, "\"(\"");
    rc = scan_items(s, depth + 1, &item->children);
    if (rc != SO_OK)
        return rc;
    if (!so_scan_take(s, ')'))
        return so_scan_fail(s, "\",\" or \")\"");
    return SO_OK;
}

static int scan_field_rest(struct so_scan *s, struct so_select *item)
{
    int rc = so_scan_field(s, &item->field);
    if (rc == SO_OK && item->field.path == NULL && so_str_eq(item->field.name, SO_STR("count")) &&
        so_scan_word(s, SO_STR("()"))) {
        item->kind = SO_SELECT_COUNT;
        item->aggregate = SO_AGG_COUNT;
        return scan_cast(s, &item->aggregate_cast);
    }
    if (rc == SO_OK)
        rc = scan_cast(s, &item->cast);
    if (rc == SO_OK)
        rc = scan_aggregate(s, item);
    return rc;
}

/* The ':' of an alias; "::" is a cast. */
static bool take_alias_colon(struct so_scan *s)
{
    if (so_scan_peek(s) != ':' || (s->at + 1 < s->text.n && s->text.p[s->at + 1] == ':'))
        return false;
    s->at++;
    return true;
}

/* A relation when '!' or '(' follows the name, else a field.  "count()" is no relation. */
static int scan_named(struct so_scan *s, struct so_select *item, unsigned depth)
{
    size_t from = s->at;
    struct so_str name;
    int rc = so_scan_name(s, &name);
    if (rc == SO_OK && take_alias_colon(s)) {
        item->alias = name;
        so_scan_blanks(s);
        from = s->at;
        rc = so_scan_name(s, &name);
    }
    if (rc != SO_OK)
        return rc;
    char next = so_scan_peek(s);
    if ((next == '!' || next == '(') && !so_str_eq(name, SO_STR("count"))) {
        item->field.name = name;
        return scan_embed(s, item, SO_SELECT_EMBED, depth);
    }
    s->at = from;
    return scan_field_rest(s, item);
}

static int scan_item(struct so_scan *s, unsigned depth, struct so_select *item)
{
    if (so_scan_take(s, '*')) {
        item->kind = SO_SELECT_STAR;
        return SO_OK;
    }
    if (so_scan_word(s, SO_STR("..."))) {
        int rc = so_scan_name(s, &item->field.name);
        return rc == SO_OK ? scan_embed(s, item, SO_SELECT_SPREAD, depth) : rc;
    }
    return scan_named(s, item, depth);
}

static int scan_items(struct so_scan *s, unsigned depth, const struct so_select **out)
{
    const struct so_select **end = out;
    *out = NULL;
    if (depth > SO_REST_DEPTH_MAX)
        return so_fail_http(s->err, PGRST100_DEPTH, s->what, SO_REST_DEPTH_MAX);
    so_scan_blanks(s);
    if (so_scan_end(s) || so_scan_peek(s) == ')')
        return SO_OK; /* select= and rel(): nothing is a list, too */
    do {
        int rc = so_scan_count(s);
        struct so_select *item = so_alloc_zero(s->arena, sizeof(*item));
        if (item == NULL)
            return so_err_oom(s->err);
        so_scan_blanks(s);
        if (rc == SO_OK)
            rc = scan_item(s, depth, item);
        if (rc != SO_OK)
            return rc;
        so_scan_blanks(s);
        if (!so_scan_end(s) && so_scan_peek(s) != ',' && so_scan_peek(s) != ')')
            return so_scan_fail(s, "letter, digit, \"-\", \"->>\", \"->\", \"::\", \".\", \")\", \",\" or end of input");
        *end = item;
        end = &item->next;
    } while (so_scan_take(s, ','));
    return SO_OK;
}

int so_select_parse(struct so_arena *arena, struct so_str text, const struct so_select **out, struct so_err *err)
{
    struct so_scan s = {.text = text, .what = "failed to parse select parameter", .arena = arena, .err = err};
    const struct so_select *items;
    int rc = scan_items(&s, 0, &items);
    if (rc == SO_OK && !so_scan_end(&s))
        rc = so_scan_fail(&s, "\",\" or end of input");
    if (rc == SO_OK)
        *out = items;
    return rc;
}
