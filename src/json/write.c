/* write.c: JSON into a buffer: whole values, and a writer that places the commas. */
#include "json/write.h"

#include "core/utf8.h"
#include "json/scan.h"

/* ---- strings ---- */

static void put_escape(struct so_buf *b, unsigned char c)
{
    static const char SHORT[128] = {
        ['"'] = '"', ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    static const char HEX[] = "0123456789abcdef";
    if (SHORT[c] != 0)
        so_buf_put(b, (char[]){'\\', SHORT[c]}, 2);
    else
        so_buf_put(b, (char[]){'\\', 'u', '0', '0', HEX[c >> 4], HEX[c & 15]}, 6);
}

/* Bytes that need no escape but may not be UTF-8: each that is not becomes U+FFFD. */
static void put_checked(struct so_buf *b, struct so_str s)
{
    for (;;) {
        size_t good = so_utf8_check(s);
        so_buf_put(b, s.p, good);
        if (good == s.n)
            return;
        so_buf_lit(b, "\xEF\xBF\xBD");
        s = so_str_slice(s, good + 1, s.n);
    }
}

/* The long way: pieces that go out as they are, and escapes between them. */
static void put_pieces(struct so_buf *b, const char *at, const char *end)
{
    so_buf_putc(b, '"');
    for (;;) {
        bool non_ascii = false;
        const char *plain = at;
        at = so_scan_string(at, end, &non_ascii);
        if (non_ascii)
            put_checked(b, so_str(plain, (size_t)(at - plain)));
        else
            so_buf_put(b, plain, (size_t)(at - plain));
        if (at == end)
            break;
        put_escape(b, (unsigned char)*at++);
    }
    so_buf_putc(b, '"');
}

void so_json_put_str(struct so_buf *b, struct so_str s)
{
    const char *text = s.n == 0 ? "" : s.p;
    bool non_ascii = false;
    if (so_scan_string(text, text + s.n, &non_ascii) != text + s.n || non_ascii) {
        put_pieces(b, text, text + s.n);
        return;
    }
    char *to = so_buf_reserve(b, s.n + 2);
    if (to == NULL)
        return;
    to[0] = '"';
    memcpy(to + 1, text, s.n);
    to[s.n + 1] = '"';
    b->len += s.n + 2;
}

/* ---- numbers ---- */

void so_json_put_i64(struct so_buf *b, int64_t value) { so_buf_put_i64(b, value); }
void so_json_put_bool(struct so_buf *b, bool value) { so_buf_puts(b, value ? "true" : "false"); }

/* ---- whole values ---- */

enum { COMPACT = -1 }; /* a level, when there is no indentation */

static void put_value(struct so_buf *b, const struct so_json *v, int level);

/* Where a line begins, if this has lines. */
static inline void put_break(struct so_buf *b, int level)
{
    if (level == COMPACT)
        return;
    so_buf_putc(b, '\n');
    for (int i = 0; i < level; i++)
        so_buf_lit(b, "  ");
}

static void put_array(struct so_buf *b, const struct so_json *v, int level)
{
    int inner = level == COMPACT ? COMPACT : level + 1;
    so_buf_putc(b, '[');
    for (uint32_t i = 0; i < v->len; i++) {
        if (i > 0)
            so_buf_putc(b, ',');
        put_break(b, inner);
        put_value(b, &v->u.items[i], inner);
    }
    if (v->len > 0)
        put_break(b, level);
    so_buf_putc(b, ']');
}

static void put_object(struct so_buf *b, const struct so_json *v, int level)
{
    int inner = level == COMPACT ? COMPACT : level + 1;
    so_buf_putc(b, '{');
    for (uint32_t i = 0; i < v->len; i++) {
        if (i > 0)
            so_buf_putc(b, ',');
        put_break(b, inner);
        so_json_put_str(b, so_json_key(&v->u.members[i]));
        so_buf_putc(b, ':');
        if (level != COMPACT)
            so_buf_putc(b, ' ');
        put_value(b, &v->u.members[i].value, inner);
    }
    if (v->len > 0)
        put_break(b, level);
    so_buf_putc(b, '}');
}

/* Recursion is bounded by the depth that the parser allows (SO_JSON_DEPTH_LIMIT). */
static void put_value(struct so_buf *b, const struct so_json *v, int level)
{
    switch ((enum so_json_type)v->type) {
    case SO_JSON_NULL: so_buf_lit(b, "null"); break;
    case SO_JSON_FALSE: so_buf_lit(b, "false"); break;
    case SO_JSON_TRUE: so_buf_lit(b, "true"); break;
    case SO_JSON_INT: so_json_put_i64(b, v->u.i); break;
    case SO_JSON_NUMBER: so_buf_put(b, v->u.text, v->len); break;
    case SO_JSON_STRING: so_json_put_str(b, so_json_str(v)); break;
    case SO_JSON_ARRAY: put_array(b, v, level); break;
    case SO_JSON_OBJECT: put_object(b, v, level); break;
    }
}

void so_json_put(struct so_buf *b, const struct so_json *v) { put_value(b, v, COMPACT); }

void so_json_put_pretty(struct so_buf *b, const struct so_json *v)
{
    put_value(b, v, 0);
    so_buf_putc(b, '\n');
}

/* ---- the writer ---- */

void so_jw_init(struct so_jw *w, struct so_buf *buf) { *w = (struct so_jw){.buf = buf}; }

/* Before every value and key: the comma, when one is due.  Bit n is for level n + 1; around the outermost value is none. */
static void separate(struct so_jw *w)
{
    if (w->after_key) {
        w->after_key = false;
        return;
    }
    if (w->depth == 0)
        return;
    uint64_t level = 1ULL << (w->depth - 1);
    if (w->has_items & level)
        so_buf_putc(w->buf, ',');
    w->has_items |= level;
}

static void begin(struct so_jw *w, char bracket)
{
    separate(w);
    if (w->depth == SO_JW_DEPTH_MAX) {
        if (w->buf->rc == SO_OK)
            w->buf->rc = SO_ELIMIT;
        return;
    }
    so_buf_putc(w->buf, bracket);
    w->has_items &= ~(1ULL << w->depth);
    w->depth++;
}

static void finish(struct so_jw *w, char bracket)
{
    so_buf_putc(w->buf, bracket);
    if (w->depth > 0)
        w->depth--;
}

void so_jw_object(struct so_jw *w) { begin(w, '{'); }
void so_jw_array(struct so_jw *w) { begin(w, '['); }
void so_jw_end_object(struct so_jw *w) { finish(w, '}'); }
void so_jw_end_array(struct so_jw *w) { finish(w, ']'); }

void so_jw_key(struct so_jw *w, struct so_str key)
{
    separate(w);
    so_json_put_str(w->buf, key);
    so_buf_putc(w->buf, ':');
    w->after_key = true;
}

void so_jw_str(struct so_jw *w, struct so_str value)
{
    separate(w);
    so_json_put_str(w->buf, value);
}

void so_jw_cstr(struct so_jw *w, const char *value)
{
    if (value == NULL)
        so_jw_null(w);
    else
        so_jw_str(w, so_str_c(value));
}

void so_jw_i64(struct so_jw *w, int64_t value)
{
    separate(w);
    so_json_put_i64(w->buf, value);
}

void so_jw_double(struct so_jw *w, double value)
{
    separate(w);
    so_json_put_double(w->buf, value);
}

void so_jw_bool(struct so_jw *w, bool value)
{
    separate(w);
    so_json_put_bool(w->buf, value);
}

void so_jw_null(struct so_jw *w)
{
    separate(w);
    so_buf_lit(w->buf, "null");
}

void so_jw_json(struct so_jw *w, const struct so_json *value)
{
    separate(w);
    so_json_put(w->buf, value);
}

void so_jw_raw(struct so_jw *w, struct so_str json)
{
    separate(w);
    so_buf_put_str(w->buf, json);
}

void so_jw_member_str(struct so_jw *w, const char *key, struct so_str value)
{
    so_jw_key(w, so_str_c(key));
    so_jw_str(w, value);
}

void so_jw_member_cstr(struct so_jw *w, const char *key, const char *value)
{
    so_jw_key(w, so_str_c(key));
    so_jw_cstr(w, value);
}

void so_jw_member_i64(struct so_jw *w, const char *key, int64_t value)
{
    so_jw_key(w, so_str_c(key));
    so_jw_i64(w, value);
}

void so_jw_member_bool(struct so_jw *w, const char *key, bool value)
{
    so_jw_key(w, so_str_c(key));
    so_jw_bool(w, value);
}
