/* scan.c: names, quoted names, JSON paths (PostgREST, ApiRequest/QueryParams.hs: pFieldName, pQuotedValue, pJsonPath). */
#include "rest/scan.h"
#include "rest/errors.h"

#include "core/utf8.h"

bool so_scan_word(struct so_scan *s, struct so_str word)
{
    if (s->text.n - s->at < word.n || memcmp(s->text.p + s->at, word.p, word.n) != 0)
        return false;
    s->at += word.n;
    return true;
}

void so_scan_blanks(struct so_scan *s)
{
    while (!so_scan_end(s) && (s->text.p[s->at] == ' ' || s->text.p[s->at] == '\t'))
        s->at++;
}

int so_scan_fail(struct so_scan *s, const char *expecting)
{
    size_t column = so_utf8_length(so_str_slice(s->text, 0, s->at)) + 1;
    int rc = so_fail_http(s->err, PGRST100_PARSE, s->what, SO_STR_ARG(s->text), column);
    size_t next = s->at;
    if (so_utf8_next(s->text, &next) < 0)
        so_err_details(s->err, "unexpected end of input expecting %s", expecting);
    else
        so_err_details(s->err, "unexpected \"%.*s\" expecting %s", (int)(next - s->at), s->text.p + s->at, expecting);
    return rc;
}

int so_scan_count(struct so_scan *s)
{
    if (++s->items <= SO_REST_ITEMS_MAX)
        return SO_OK;
    return so_fail_http(s->err, PGRST100_ITEMS, s->what, SO_REST_ITEMS_MAX);
}

/* Bytes above 0x7F are letters of some alphabet. */
static bool is_name_byte(char c)
{
    unsigned char u = (unsigned char)c;
    return (u >= 'a' && u <= 'z') || (u >= 'A' && u <= 'Z') || (u >= '0' && u <= '9') || u == '_' || u == '$' || u == ' ' ||
           u >= 0x80;
}

/* A dash belongs to a name unless it begins "->". */
static bool is_inner_dash(const struct so_scan *s)
{
    return s->text.p[s->at] == '-' && s->at + 1 < s->text.n && is_name_byte(s->text.p[s->at + 1]);
}

int so_scan_name(struct so_scan *s, struct so_str *out)
{
    if (so_scan_peek(s) == '"')
        return so_scan_quoted(s, out);
    size_t from = s->at;
    while (!so_scan_end(s) && (is_name_byte(s->text.p[s->at]) || (s->at > from && is_inner_dash(s))))
        s->at++;
    if (s->at == from)
        return so_scan_fail(s, "field name (* or [a..z0..9_$])");
    *out = so_str_trim(so_str_slice(s->text, from, s->at));
    return SO_OK;
}

int so_scan_identifier(struct so_scan *s, struct so_str *out)
{
    size_t from = s->at;
    while (!so_scan_end(s) && is_name_byte(s->text.p[s->at]))
        s->at++;
    if (s->at == from)
        return so_scan_fail(s, "letter, digit or any character of \"_ $\"");
    *out = so_str_trim(so_str_slice(s->text, from, s->at));
    return SO_OK;
}

int so_scan_quoted(struct so_scan *s, struct so_str *out)
{
    size_t from = ++s->at, kept = 0;
    char *copy = NULL; /* made at the first escape */
    for (;; s->at++) {
        if (so_scan_end(s))
            return so_scan_fail(s, "\"\\\"\"");
        char c = s->text.p[s->at];
        if (c == '"')
            break;
        if (c == '\\') {
            if (copy == NULL) {
                copy = so_alloc_text(s->arena, s->text.n - from);
                if (copy == NULL)
                    return so_err_oom(s->err);
                kept = s->at - from;
                memcpy(copy, s->text.p + from, kept);
            }
            s->at++;
            if (so_scan_end(s))
                return so_scan_fail(s, "any character");
            c = s->text.p[s->at];
        }
        if (copy != NULL)
            copy[kept++] = c;
    }
    *out = copy != NULL ? so_str(copy, kept) : so_str_slice(s->text, from, s->at);
    s->at++;
    return SO_OK;
}

/* Digits, with a sign before and an end after them, are an index; "1a" and "1-a" are keys. */
static bool take_index(struct so_scan *s, int64_t *out)
{
    size_t from = s->at, at = from;
    if (at < s->text.n && s->text.p[at] == '-')
        at++;
    while (at < s->text.n && s->text.p[at] >= '0' && s->text.p[at] <= '9')
        at++;
    bool is_arrow = at + 1 < s->text.n && s->text.p[at] == '-' && s->text.p[at + 1] == '>';
    if (at < s->text.n && !is_arrow && memchr(":.,)", s->text.p[at], 4) == NULL)
        return false;
    if (!so_str_to_i64(so_str_slice(s->text, from, at), out))
        return false;
    s->at = at;
    return true;
}

static int scan_json_key(struct so_scan *s, struct so_str *out)
{
    if (so_scan_peek(s) == '"')
        return so_scan_quoted(s, out);
    size_t from = s->at;
    while (!so_scan_end(s)) {
        char c = s->text.p[s->at];
        bool dash = c == '-' && s->at > from && s->at + 1 < s->text.n && s->text.p[s->at + 1] != '>';
        if (!dash && memchr("(-:.,>)", c, 7) != NULL)
            break;
        s->at++;
    }
    if (s->at == from)
        return so_scan_fail(s, "\"-\", digit or any non reserved character different from: .,>()");
    *out = so_str_trim(so_str_slice(s->text, from, s->at));
    return SO_OK;
}

static int scan_json_path(struct so_scan *s, const struct so_json_step **out)
{
    *out = NULL;
    const struct so_json_step **end = out;
    while (so_scan_word(s, SO_STR("->"))) {
        int rc = so_scan_count(s);
        struct so_json_step *step = so_alloc_zero(s->arena, sizeof(*step));
        if (step == NULL)
            return so_err_oom(s->err);
        step->as_text = so_scan_take(s, '>');
        step->is_index = take_index(s, &step->index);
        if (rc == SO_OK && !step->is_index)
            rc = scan_json_key(s, &step->key);
        if (rc != SO_OK)
            return rc;
        *end = step;
        end = &step->next;
    }
    return SO_OK;
}

int so_scan_field(struct so_scan *s, struct so_field_name *out)
{
    so_scan_blanks(s);
    int rc = so_scan_name(s, &out->name);
    if (rc == SO_OK)
        rc = scan_json_path(s, &out->path);
    so_scan_blanks(s);
    return rc;
}

static int append_name(struct so_scan *s, struct so_str name, struct so_name ***end)
{
    int rc = so_scan_count(s);
    if (rc != SO_OK)
        return rc;
    struct so_name *item = so_alloc(s->arena, sizeof(*item));
    if (item == NULL)
        return so_err_oom(s->err);
    *item = (struct so_name){name, NULL};
    **end = item;
    *end = &item->next;
    return SO_OK;
}

int so_scan_names(struct so_scan *s, struct so_name **out)
{
    struct so_name **end = out;
    *out = NULL;
    for (;;) {
        so_scan_blanks(s);
        struct so_str name;
        int rc = so_scan_name(s, &name);
        if (rc == SO_OK)
            rc = append_name(s, name, &end);
        if (rc != SO_OK)
            return rc;
        so_scan_blanks(s);
        if (so_scan_end(s))
            return SO_OK;
        if (!so_scan_take(s, ','))
            return so_scan_fail(s, "\",\" or end of input");
    }
}

int so_scan_path(struct so_scan *s, struct so_name **out_path, struct so_field_name *out_field)
{
    struct so_name **end = out_path;
    *out_path = NULL;
    for (;;) {
        struct so_str name;
        int rc = so_scan_name(s, &name);
        if (rc != SO_OK)
            return rc;
        if (!so_scan_take(s, '.')) {
            out_field->name = name;
            break;
        }
        rc = append_name(s, name, &end);
        if (rc != SO_OK)
            return rc;
    }
    int rc = scan_json_path(s, &out_field->path);
    if (rc == SO_OK && !so_scan_end(s))
        rc = so_scan_fail(s, "delimiter (.), \"->>\", \"->\" or end of input");
    return rc;
}
