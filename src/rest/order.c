/* order.c: order=a.desc.nullslast,rel(b),c->d.asc into a list of terms. */
#include "rest/scan.h"

static const struct {
    struct so_str word;
    enum so_direction direction; /* one of the two is set */
    enum so_nulls nulls;
} WORDS[] = {
    {SO_STR_INIT("asc"), SO_ORDER_ASC, SO_NULLS_DEFAULT},
    {SO_STR_INIT("desc"), SO_ORDER_DESC, SO_NULLS_DEFAULT},
    {SO_STR_INIT("nullsfirst"), SO_ORDER_DEFAULT, SO_NULLS_FIRST},
    {SO_STR_INIT("nullslast"), SO_ORDER_DEFAULT, SO_NULLS_LAST},
};

/* ".asc", ".desc", then ".nullsfirst", ".nullslast"; each once, the direction first. */
static int scan_suffixes(struct so_scan *s, struct so_order *term)
{
    while (so_scan_take(s, '.')) {
        const char *expecting = term->direction == SO_ORDER_DEFAULT ? "\"asc\", \"desc\", \"nullsfirst\" or \"nullslast\""
                                                                    : "\"nullsfirst\" or \"nullslast\"";
        size_t i = 0;
        while (i < COUNT_OF(WORDS) && !so_scan_word(s, WORDS[i].word))
            i++;
        if (i == COUNT_OF(WORDS))
            return so_scan_fail(s, expecting);
        bool is_direction = WORDS[i].direction != SO_ORDER_DEFAULT;
        if (term->nulls != SO_NULLS_DEFAULT || (is_direction && term->direction != SO_ORDER_DEFAULT))
            return so_scan_fail(s, "\",\" or end of input");
        if (is_direction)
            term->direction = WORDS[i].direction;
        else
            term->nulls = WORDS[i].nulls;
    }
    return SO_OK;
}

static int scan_term(struct so_scan *s, struct so_order *term)
{
    int rc = so_scan_field(s, &term->field);
    if (rc == SO_OK && term->field.path == NULL && so_scan_take(s, '(')) {
        term->relation = term->field.name;
        rc = so_scan_field(s, &term->field);
        if (rc == SO_OK && !so_scan_take(s, ')'))
            rc = so_scan_fail(s, "\")\"");
    }
    return rc == SO_OK ? scan_suffixes(s, term) : rc;
}

int so_order_parse(struct so_request *r, struct so_str key, struct so_str value, struct so_err *err)
{
    struct so_scan k = {.text = key, .what = "failed to parse tree path", .arena = r->arena, .err = err};
    struct so_scan s = {.text = value, .what = "failed to parse order", .arena = r->arena, .err = err};
    struct so_name *path = NULL;
    const struct so_order *first = NULL, **end = &first;
    struct so_field_name last;
    int rc = so_scan_path(&k, &path, &last);
    if (rc != SO_OK)
        return rc;
    do {
        struct so_order *term = so_alloc_zero(r->arena, sizeof(*term));
        if (term == NULL)
            return so_err_oom(err);
        rc = so_scan_count(&s);
        if (rc == SO_OK)
            rc = scan_term(&s, term);
        if (rc != SO_OK)
            return rc;
        so_scan_blanks(&s);
        *end = term;
        end = &term->next;
    } while (so_scan_take(&s, ','));
    if (!so_scan_end(&s))
        return so_scan_fail(&s, "delimiter (.), \",\" or end of input");
    struct so_scope *scope = so_request_scope(r, path);
    if (scope == NULL)
        return so_err_oom(err);
    scope->order = first;
    return SO_OK;
}
