/* row.c: SQL literals, as SQLite's quote() writes them, read back. */
#include "realtime/row.h"

#include <math.h>

#include "db/jsontext.h"
#include "json/json.h"

struct reader {
    const char *at, *end;
    struct so_arena *arena;
    struct so_err *err;
};

static int fail(const struct reader *r, struct so_str text)
{
    return so_fail_at(r->err, SO_EINVAL, (size_t)(r->at - text.p), "a row of the change log cannot be read");
}

static bool take(struct reader *r, char c)
{
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

/* What stands between two `quote`s; a doubled one is one.  False: it does not end, or memory ran out (err is then filled).
 */
static bool take_quoted(struct reader *r, char quote, struct so_str *out)
{
    if (!take(r, quote))
        return false;
    const char *from = r->at;
    size_t doubled = 0;
    for (;; r->at++) {
        if (r->at == r->end)
            return false;
        if (*r->at != quote)
            continue;
        if (r->at + 1 == r->end || r->at[1] != quote)
            break;
        doubled++;
        r->at++;
    }
    *out = (struct so_str){from, (size_t)(r->at - from)};
    r->at++;
    if (doubled == 0)
        return true;
    char *plain = so_alloc_text(r->arena, out->n);
    if (plain == NULL) {
        so_err_oom(r->err);
        return false;
    }
    size_t n = 0;
    for (size_t i = 0; i < out->n; i++) {
        plain[n++] = out->p[i];
        i += out->p[i] == quote;
    }
    *out = (struct so_str){plain, n};
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool take_blob(struct reader *r, struct so_cell *out)
{
    struct so_str hex;
    r->at++; /* X */
    if (!take_quoted(r, '\'', &hex) || hex.n % 2 != 0)
        return false;
    char *bytes = so_alloc_text(r->arena, hex.n / 2 + 1);
    if (bytes == NULL) {
        so_err_oom(r->err);
        return false;
    }
    for (size_t i = 0; i < hex.n; i += 2) {
        int high = hex_digit(hex.p[i]), low = hex_digit(hex.p[i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i / 2] = (char)(high * 16 + low);
    }
    *out = (struct so_cell){.kind = SO_CELL_BLOB, .bytes = {bytes, hex.n / 2}};
    return true;
}

/* A word up to the next comma: a number, NULL, Inf. */
static bool take_word(struct reader *r, struct so_cell *out)
{
    const char *from = r->at;
    while (r->at < r->end && *r->at != ',')
        r->at++;
    struct so_str word = {from, (size_t)(r->at - from)};
    if (so_str_eq_c(word, "NULL")) {
        *out = (struct so_cell){.kind = SO_CELL_NULL};
        return true;
    }
    *out = (struct so_cell){.kind = SO_CELL_INTEGER};
    if (so_str_to_i64(word, &out->integer))
        return true;
    out->kind = SO_CELL_REAL;
    if (so_str_eq_c(word, "Inf") || so_str_eq_c(word, "-Inf")) {
        out->real = word.p[0] == '-' ? -INFINITY : INFINITY;
        return true;
    }
    if (word.n > 64 || !so_json_text_is_number(word))
        return false;
    const struct so_json number = {.type = SO_JSON_NUMBER, .len = (uint32_t)word.n, .u.text = word.p};
    out->real = so_json_to_double(&number);
    return true;
}

static bool take_cell(struct reader *r, struct so_cell *out)
{
    if (r->at == r->end)
        return false;
    if (*r->at == 'X')
        return take_blob(r, out);
    if (*r->at != '\'')
        return take_word(r, out);
    *out = (struct so_cell){.kind = SO_CELL_TEXT};
    return take_quoted(r, '\'', &out->bytes);
}

/* At least as many cells as the text has. */
static size_t count_commas(struct so_str text)
{
    size_t n = 1;
    for (size_t at = 0; (at = so_str_find_char(text, ',', at)) != SO_STR_NONE; at++)
        n++;
    return n;
}

int so_row_parse(struct so_str text, struct so_arena *arena, struct so_row *out, struct so_err *err)
{
    struct so_err cause = SO_ERR_INIT;
    struct reader r = {text.p, text.p + text.n, arena, &cause};
    enum { COLUMNS_MAX = 32768 }; /* SQLite's own limit */
    size_t max = so_min_size(count_commas(text), COLUMNS_MAX), count = 0;
    struct so_str *names = so_alloc_array(arena, max, sizeof(*names));
    struct so_cell *cells = so_alloc_array(arena, max, sizeof(*cells));
    if (names == NULL || cells == NULL)
        return so_err_oom(err);
    do {
        if (count == max || !take_quoted(&r, '"', &names[count]) || !take(&r, ' ') || !take_cell(&r, &cells[count]))
            return cause.code == SO_ENOMEM ? so_err_oom(err) : (r.err = err, fail(&r, text));
        count++;
    } while (take(&r, ','));
    r.err = err;
    if (r.at != r.end)
        return fail(&r, text);
    *out = (struct so_row){.names = names, .cells = cells, .count = count};
    return SO_OK;
}

const struct so_cell *so_row_find(const struct so_row *row, struct so_str name, size_t hint)
{
    static const struct so_cell NONE = {.kind = SO_CELL_NULL};
    if (hint < row->count && so_str_eq(row->names[hint], name))
        return &row->cells[hint];
    for (size_t i = 0; i < row->count; i++)
        if (so_str_eq(row->names[i], name))
            return &row->cells[i];
    return &NONE;
}

/* A number is another when its bits are: 0.0 and -0.0 are two, a NaN is itself. */
static bool same_bits(double a, double b)
{
    uint64_t bits[2];
    memcpy(&bits[0], &a, sizeof(a));
    memcpy(&bits[1], &b, sizeof(b));
    return bits[0] == bits[1];
}

bool so_cell_eq(const struct so_cell *a, const struct so_cell *b)
{
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case SO_CELL_INTEGER: return a->integer == b->integer;
    case SO_CELL_REAL: return same_bits(a->real, b->real);
    case SO_CELL_TEXT:
    case SO_CELL_BLOB: return so_str_eq(a->bytes, b->bytes);
    default: return true;
    }
}
