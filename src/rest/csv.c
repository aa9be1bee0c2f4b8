/* csv.c: a CSV body (RFC 4180) as JSON rows: the first line names the columns, every value is a string, NULL is null. */
#include "rest/errors.h"
#include "rest/request.h"

struct reader {
    struct so_str text;
    size_t at;
    struct so_arena *arena;
    struct so_err *err;
};

/* Rows and fields are counted before they are stored, so that the arrays are made once. */
static size_t count_bytes(struct so_str text, char c)
{
    size_t count = 0;
    for (size_t at = 0; (at = so_str_find_char(text, c, at)) != SO_STR_NONE; at++)
        count++;
    return count;
}

static int malformed(struct reader *r, const char *why) { return so_fail_http(r->err, PGRST102_CSV, why, r->at); }

static int read_quoted(struct reader *r, struct so_str *out)
{
    char *copy = so_alloc_text(r->arena, r->text.n - r->at);
    size_t n = 0;
    if (copy == NULL)
        return so_err_oom(r->err);
    for (r->at++;; r->at++) {
        if (r->at >= r->text.n)
            return malformed(r, "a quote is not closed");
        if (r->text.p[r->at] == '"') {
            if (r->at + 1 >= r->text.n || r->text.p[r->at + 1] != '"')
                break;
            r->at++; /* "" is one quote */
        }
        copy[n++] = r->text.p[r->at];
    }
    r->at++;
    *out = so_str(copy, n);
    return SO_OK;
}

/* One field; *out_last: it was the last of its line. */
static int read_field(struct reader *r, struct so_str *out, bool *out_quoted, bool *out_last)
{
    *out_quoted = r->at < r->text.n && r->text.p[r->at] == '"';
    if (*out_quoted) {
        int rc = read_quoted(r, out);
        if (rc != SO_OK)
            return rc;
    } else {
        size_t from = r->at;
        while (r->at < r->text.n && memchr(",\r\n", r->text.p[r->at], 3) == NULL)
            r->at++;
        *out = so_str_slice(r->text, from, r->at);
    }
    *out_last = r->at >= r->text.n || r->text.p[r->at] != ',';
    if (!*out_last) {
        r->at++;
        return SO_OK;
    }
    if (r->at < r->text.n && r->text.p[r->at] == '\r')
        r->at++;
    if (r->at < r->text.n && r->text.p[r->at++] != '\n')
        return malformed(r, "expected ',' or the end of the line");
    return SO_OK;
}

static int read_header(struct reader *r, struct so_str *names, size_t max, size_t *out_count)
{
    bool quoted, last = false;
    size_t count = 0;
    while (!last && count < max) {
        int rc = read_field(r, &names[count++], &quoted, &last);
        if (rc != SO_OK)
            return rc;
    }
    if (!last)
        return malformed(r, "too many columns");
    *out_count = count;
    return SO_OK;
}

static int read_row(struct reader *r, const struct so_str *names, size_t count, struct so_json *out)
{
    struct so_json_member *members = so_alloc_array(r->arena, count, sizeof(*members));
    if (members == NULL)
        return so_err_oom(r->err);
    bool quoted, last = false;
    size_t got = 0;
    while (!last) {
        struct so_str value;
        int rc = read_field(r, &value, &quoted, &last);
        if (rc != SO_OK)
            return rc;
        if (got == count || (last && got + 1 < count))
            return so_fail_http(r->err, PGRST102_CSV_FIELDS);
        members[got] = (struct so_json_member){names[got].p, (uint32_t)names[got].n, so_json_key_hash(names[got]),
                                               so_json_make_str(value)};
        if (!quoted && so_str_eq(value, SO_STR("NULL")))
            members[got].value = (struct so_json){.type = SO_JSON_NULL};
        got++;
    }
    *out = (struct so_json){.type = SO_JSON_OBJECT, .len = (uint32_t)count, .u.members = members};
    return SO_OK;
}

int so_csv_parse(struct so_arena *arena, struct so_str text, struct so_json *out, struct so_err *err)
{
    struct reader r = {text, 0, arena, err};
    struct so_str first_line = so_str_slice(text, 0, so_str_find_char(text, '\n', 0));
    size_t max = so_min_size(count_bytes(first_line, ',') + 1, SO_REST_ITEMS_MAX), count = 0;
    size_t row_max = count_bytes(text, '\n') + 1, row_count = 0;
    struct so_str *names = so_alloc_array(arena, max, sizeof(*names));
    struct so_json *rows = so_alloc_array(arena, row_max, sizeof(*rows));
    if (names == NULL || rows == NULL)
        return so_err_oom(err);
    int rc =
        text.n == 0 ? malformed(&r, "expected a line with the names of the columns") : read_header(&r, names, max, &count);
    while (rc == SO_OK && r.at < text.n)
        rc = read_row(&r, names, count, &rows[row_count++]);
    if (rc == SO_OK)
        *out = (struct so_json){.type = SO_JSON_ARRAY, .len = (uint32_t)row_count, .u.items = rows};
    return rc;
}
