/* parse.c: JSON text to values, strictly after RFC 8259, in one pass and without recursion.
 *
 * Values are built on a stack of 16-byte slots, where a member takes two: its name, then its value.  The slot of an open
 * container holds the slot of the one around it; its children lie above it.  When it closes, they are copied once into the
 * arena as one array, and the slot becomes the finished value:
 *
 *     [1, {"a": 2        slots:  [ | 1 | { | "a" | 2        after "}":  [ | 1 | {...}
 *
 * Every reader takes the place to read from and returns the place after, or NULL once `err` is filled.  White space before
 * a token is skipped by who expects the token.  Not here: what numbers mean (number.c). */
#include "core/mem.h"
#include "core/utf8.h"
#include "json/index.h"
#include "json/json.h"
#include "json/scan.h"

/* Slots in the caller's frame: most documents never need more, and then the heap is not touched. */
enum { FIRST_SLOTS = 256 };

struct parser {
    const char *text, *end;
    struct so_arena *arena;
    struct so_err *err;
    int rc;
    struct so_json *slots;
    size_t top, cap; /* slots used, slots there are */
    size_t open;     /* slot of the innermost open container */
    uint32_t depth, depth_max;
    bool reject_duplicates;
    struct so_json first_slots[FIRST_SLOTS];
};

/* A member's name, as it lies in its slot. */
struct name {
    const char *text;
    uint32_t len, hash;
};
_Static_assert(sizeof(struct so_json) == 16 && sizeof(struct name) == 16 && sizeof(struct so_json_member) == 32,
               "a member is two slots");
_Static_assert(offsetof(struct so_json_member, key) == offsetof(struct name, text) &&
                   offsetof(struct so_json_member, key_len) == offsetof(struct name, len) &&
                   offsetof(struct so_json_member, key_hash) == offsetof(struct name, hash) &&
                   offsetof(struct so_json_member, value) == 16,
               "the first slot of a member is its name");

/* ---- errors ---- */

static const char *fail(struct parser *p, const char *at, const char *message)
{
    p->rc = so_fail_at(p->err, SO_EINVAL, (size_t)(at - p->text), "%s", message);
    return NULL;
}

/* What was expected at `at` is not there; at the end of the text that is the better thing to say. */
static const char *fail_expected(struct parser *p, const char *at, const char *message)
{
    return fail(p, at, at == p->end ? "unexpected end of input" : message);
}

static const char *fail_oom(struct parser *p)
{
    p->rc = so_err_oom(p->err);
    return NULL;
}

/* ---- strings ---- */

/* Four hexadecimal digits at `at`, or -1. */
static int32_t read_hex4(const char *at, const char *end)
{
    if (end - at < 4)
        return -1;
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        int digit = so_scan_is_digit(c)    ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* The \uXXXX whose backslash is at `at`, with the second half of its surrogate pair.  A half alone is refused: no UTF-8 can
 * hold it, and a replacement character would make different names equal. */
static const char *read_unicode_escape(struct parser *p, const char *at, char **out)
{
    int32_t code = read_hex4(at + 2, p->end);
    if (code < 0)
        return fail(p, at, "expected four hexadecimal digits after \\u");
    const char *after = at + 6;
    if (code >= 0xD800 && code <= 0xDFFF) {
        int32_t low = -1;
        if (code < 0xDC00 && p->end - after >= 6 && after[0] == '\\' && after[1] == 'u')
            low = read_hex4(after + 2, p->end);
        if (low < 0xDC00 || low > 0xDFFF)
            return fail(p, at, "half of a surrogate pair alone");
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        after += 6;
    }
    *out += so_utf8_put(*out, (uint32_t)code);
    return after;
}

/* The escape whose backslash is at `at`. */
static const char *read_escape(struct parser *p, const char *at, char **out)
{
    static const char PLAIN[128] = {
        ['"'] = '"', ['\\'] = '\\', ['/'] = '/', ['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t'};
    unsigned char c = (unsigned char)at[1];
    if (c == 'u')
        return read_unicode_escape(p, at, out);
    if (c >= sizeof(PLAIN) || PLAIN[c] == 0)
        return fail(p, at, "unknown escape in a string");
    *(*out)++ = PLAIN[c];
    return at + 2;
}

/* Text from `at` to the closing quote at `close`, with its escapes undone.  No escape is shorter than what it stands for. */
static bool unescape(struct parser *p, const char *at, const char *close, struct so_str *out)
{
    char *copy = so_alloc_text(p->arena, (size_t)(close - at)), *to = copy;
    if (copy == NULL)
        return fail_oom(p) != NULL;
    while (at < close) {
        const char *backslash = memchr(at, '\\', (size_t)(close - at));
        size_t plain = (size_t)((backslash == NULL ? close : backslash) - at);
        memcpy(to, at, plain);
        to += plain;
        at += plain;
        if (backslash != NULL && (at = read_escape(p, at, &to)) == NULL)
            return false;
    }
    *out = so_str(copy, (size_t)(to - copy));
    return true;
}

/* The string whose first byte after the quote is at `at`. */
static inline const char *read_string(struct parser *p, const char *at, struct so_str *out)
{
    const char *start = at;
    bool non_ascii = false, has_escape = false;
    for (;;) {
        at = so_scan_string(at, p->end, &non_ascii);
        if (SO_UNLIKELY(at == p->end))
            return fail_expected(p, at, "");
        if (SO_LIKELY(*at == '"'))
            break;
        if (*at != '\\')
            return fail(p, at, "control character in a string: write it as an escape");
        if (p->end - at < 2)
            return fail_expected(p, p->end, "");
        has_escape = true;
        at += 2;
    }
    struct so_str raw = so_str(start, (size_t)(at - start));
    if (non_ascii) {
        size_t good = so_utf8_check(raw);
        if (good != raw.n)
            return fail(p, start + good, "not UTF-8");
    }
    *out = raw;
    if (has_escape && !unescape(p, start, at, out))
        return NULL;
    return at + 1;
}

/* ---- numbers and literals ---- */

/* One digit at least. */
static const char *read_digits(struct parser *p, const char *at)
{
    const char *after = so_scan_digits(at, p->end);
    return after == at ? fail_expected(p, at, "expected a digit") : after;
}

static inline bool is_at_exponent(const struct parser *p, const char *at)
{
    return at < p->end && (*at == 'e' || *at == 'E');
}

/* What follows the 'e'. */
static const char *read_exponent(struct parser *p, const char *at)
{
    if (at < p->end && (*at == '+' || *at == '-'))
        at++;
    return read_digits(p, at);
}

static inline const char *read_number(struct parser *p, const char *at, struct so_json *out)
{
    const char *start = at;
    bool is_negative = *at == '-';
    at += is_negative;
    const char *first = at;
    uint64_t value = 0; /* wraps after 19 digits: not used then */
    while (at < p->end && so_scan_is_digit(*at))
        value = value * 10 + (uint64_t)(*at++ - '0');
    ptrdiff_t digits = at - first;
    if (digits == 0)
        return fail_expected(p, at, "expected a digit");
    if (*first == '0' && digits > 1)
        return fail(p, first, "a number has no leading zeros");

    const char *whole_end = at;
    if (at < p->end && *at == '.' && (at = read_digits(p, at + 1)) == NULL)
        return NULL;
    bool has_exponent = is_at_exponent(p, at);
    if (has_exponent && (at = read_exponent(p, at + 1)) == NULL)
        return NULL;
    if (at == whole_end && digits <= 19 && value <= (uint64_t)INT64_MAX + is_negative && (value != 0 || !is_negative)) {
        *out = so_json_make_int((int64_t)(is_negative ? 0 - value : value));
        return at;
    }
    *out = (struct so_json){.type = SO_JSON_NUMBER, .len = (uint32_t)(at - start), .u.text = start};
    if (!has_exponent && digits <= SO_JSON_WHOLE_DIGITS) {
        out->flags = SO_JSON_HAS_WHOLE;
        out->whole = (int16_t)(is_negative ? -(int)value : (int)value);
    }
    return at;
}

static const char *read_literal(struct parser *p, const char *at, struct so_json *out)
{
    static const struct {
        struct so_str text;
        const char *message;
        uint8_t type;
    } LITERALS[] = {
        {SO_STR_INIT("null"), "expected null", SO_JSON_NULL},
        {SO_STR_INIT("true"), "expected true", SO_JSON_TRUE},
        {SO_STR_INIT("false"), "expected false", SO_JSON_FALSE},
    };
    size_t i = *at == 'n' ? 0 : *at == 't' ? 1 : 2;
    struct so_str text = LITERALS[i].text;
    if (SO_LIKELY((size_t)(p->end - at) >= text.n && memcmp(at, text.p, text.n) == 0)) {
        *out = (struct so_json){.type = LITERALS[i].type};
        return at + text.n;
    }
    for (size_t n = 0; at < p->end && *at == text.p[n]; n++)
        at++;
    return fail_expected(p, at, LITERALS[i].message);
}

/* ---- containers ---- */

/* Twice the slots.  All of them will have to fit into the arena, so what the arena could not hold is not begun. */
static bool grow(struct parser *p)
{
    size_t cap = p->cap * 2;
    if (p->top * sizeof(*p->slots) > p->arena->max)
        return false;
    bool is_first = p->slots == p->first_slots;
    struct so_json *slots = so_realloc(is_first ? NULL : p->slots, cap * sizeof(*slots));
    if (slots == NULL)
        return false;
    if (is_first)
        memcpy(slots, p->first_slots, p->top * sizeof(*slots));
    p->slots = slots;
    p->cap = cap;
    return true;
}

/* A slot for a value, not yet filled; NULL when there is no memory. */
static inline struct so_json *push(struct parser *p)
{
    if (SO_UNLIKELY(p->top == p->cap) && !grow(p))
        return NULL;
    return &p->slots[p->top++];
}

static const char *open_container(struct parser *p, const char *at, struct so_json *slot)
{
    if (p->depth == p->depth_max) {
        p->rc = so_fail_at(p->err, SO_ELIMIT, (size_t)(at - p->text), "nested deeper than %u levels", p->depth_max);
        return NULL;
    }
    p->depth++;
    /* Until it closes: `len` is where it began, u.i the container around it. */
    *slot = (struct so_json){
        .type = *at == '{' ? SO_JSON_OBJECT : SO_JSON_ARRAY, .len = (uint32_t)(at - p->text), .u.i = (int64_t)p->open};
    p->open = (size_t)(slot - p->slots);
    return at + 1;
}

/* Position of a member whose name comes again, or SO_JSON_NO_MEMBER. */
static uint32_t find_duplicate(const struct so_json *object)
{
    for (uint32_t i = 1; i < object->len; i++) {
        const struct so_json_member *m = &object->u.members[i];
        for (uint32_t k = 0; k < i; k++)
            if (so_json_key_is(&object->u.members[k], so_json_key(m), m->key_hash))
                return k;
    }
    return SO_JSON_NO_MEMBER;
}

/* Reports the second member of a name.  A name with escapes lies in the arena: then the object says where. */
static const char *fail_duplicate(struct parser *p, const struct so_json *object, uint32_t position, uint32_t began)
{
    struct so_str name = so_json_key(&object->u.members[position]);
    const struct so_json_member *again = &object->u.members[position + 1];
    while (!so_json_key_is(again, name, object->u.members[position].key_hash))
        again++;
    bool is_in_text = (uintptr_t)again->key >= (uintptr_t)p->text && (uintptr_t)again->key < (uintptr_t)p->end;
    size_t at = is_in_text ? (size_t)(again->key - p->text) - 1 : began;
    p->rc = so_fail_at(p->err, SO_EINVAL, at, "member \"%.*s\" appears twice", (int)so_min_size(name.n, 100), name.p);
    return NULL;
}

/* Turns the innermost container, whose closing bracket is at `at`, into a value. */
static const char *close_container(struct parser *p, const char *at)
{
    struct so_json *slot = &p->slots[p->open], *children = slot + 1;
    size_t slots = p->top - p->open - 1;
    bool is_object = slot->type == SO_JSON_OBJECT;
    uint32_t count = (uint32_t)(is_object ? slots / 2 : slots);
    struct so_json value = {.type = slot->type, .len = count};
    if (count > 0) {
        size_t bytes = slots * sizeof(*slot);
        char *copy = so_alloc(p->arena, bytes + (is_object ? so_json_index_size(count) : 0));
        if (copy == NULL)
            return fail_oom(p);
        memcpy(copy, children, bytes);
        value.u.items = (const struct so_json *)(const void *)copy;
    }
    if (is_object && count > 1 && (p->reject_duplicates || count > SO_JSON_INDEX_MIN)) {
        uint32_t duplicate = count > SO_JSON_INDEX_MIN ? so_json_index_build(&value) : find_duplicate(&value);
        if (p->reject_duplicates && duplicate != SO_JSON_NO_MEMBER)
            return fail_duplicate(p, &value, duplicate, slot->len);
    }
    p->top = p->open + 1;
    p->open = (size_t)slot->u.i;
    p->depth--;
    *slot = value;
    return at + 1;
}

/* ---- the document ---- */

/* A name and its colon: what comes before a member's value. */
static inline const char *read_name(struct parser *p, const char *at, const char *expected)
{
    at = so_scan_space(at, p->end);
    if (at == p->end || *at != '"')
        return fail_expected(p, at, expected);
    struct so_json *slot = push(p);
    if (slot == NULL)
        return fail_oom(p);
    struct so_str text;
    if ((at = read_string(p, at + 1, &text)) == NULL)
        return NULL;
    *(struct name *)(void *)slot = (struct name){text.p, (uint32_t)text.n, so_json_hash_key(text)};
    at = so_scan_space(at, p->end);
    return at == p->end || *at != ':' ? fail_expected(p, at, "expected ':'") : at + 1;
}

/* A value, or the opening bracket of one. */
static inline const char *read_value(struct parser *p, const char *at)
{
    struct so_json *slot = push(p);
    if (slot == NULL)
        return fail_oom(p);
    struct so_str text;
    switch (*at) {
    case '"':
        if ((at = read_string(p, at + 1, &text)) != NULL)
            *slot = so_json_make_str(text);
        return at;
    case '{':
    case '[': return open_container(p, at, slot);
    case 'n':
    case 't':
    case 'f': return read_literal(p, at, slot);
    case '-':
    case '0' ... '9': return read_number(p, at, slot);
    default: return fail(p, at, "expected a value");
    }
}

/* After a value: closes the containers that end here and reads on to the next value, or to the end of the outermost. */
static inline const char *read_after_value(struct parser *p, const char *at)
{
    while (p->depth > 0) {
        bool is_object = p->slots[p->open].type == SO_JSON_OBJECT;
        at = so_scan_space(at, p->end);
        if (at < p->end && *at == ',')
            return is_object ? read_name(p, at + 1, "expected a member's name in quotes") : at + 1;
        if (at == p->end || *at != (is_object ? '}' : ']'))
            return fail_expected(p, at, is_object ? "expected ',' or '}'" : "expected ',' or ']'");
        if ((at = close_container(p, at)) == NULL)
            return NULL;
    }
    return at;
}

/* One value, with all that is in it. */
static const char *read_document(struct parser *p, const char *at)
{
    do {
        at = so_scan_space(at, p->end);
        if (at == p->end)
            return fail_expected(p, at, "");
        char first = *at;
        if ((at = read_value(p, at)) == NULL)
            return NULL;
        if (first == '{' || first == '[') {
            at = so_scan_space(at, p->end);
            if (at < p->end && *at == (first == '{' ? '}' : ']')) {
                if ((at = close_container(p, at)) == NULL)
                    return NULL;
            } else if (first == '[') {
                continue;
            } else if ((at = read_name(p, at, "expected a member's name in quotes or '}'")) == NULL) {
                return NULL;
            } else {
                continue;
            }
        }
        if ((at = read_after_value(p, at)) == NULL)
            return NULL;
    } while (p->depth > 0);
    return at;
}

static bool starts_with_bom(const struct parser *p)
{
    return p->end - p->text >= 3 && memcmp(p->text, "\xEF\xBB\xBF", 3) == 0;
}

static int parse(struct parser *p)
{
    if (starts_with_bom(p)) {
        fail(p, p->text, "a byte order mark may not begin JSON text (RFC 8259 section 8.1)");
        return p->rc;
    }
    const char *at = read_document(p, p->text);
    if (at == NULL)
        return p->rc;
    at = so_scan_space(at, p->end);
    if (at != p->end)
        fail(p, at, "text after the end of the value");
    return p->rc;
}

int so_json_parse(struct so_arena *arena, struct so_str text, const struct so_json_options *options, struct so_json *out,
                  struct so_err *err)
{
    if (text.n > UINT32_MAX)
        return so_fail(err, SO_ELIMIT, "JSON text of %zu bytes: at most %u are read", text.n, UINT32_MAX);
    uint32_t depth_max = options == NULL || options->depth_max == 0 ? SO_JSON_DEPTH_MAX : options->depth_max;
    struct parser p; /* not initialised whole: first_slots is 4 KiB that most documents use little of */
    p.text = text.n == 0 ? "" : text.p;
    p.end = p.text + text.n;
    p.arena = arena;
    p.err = err;
    p.rc = SO_OK;
    p.slots = p.first_slots;
    p.top = 0;
    p.cap = FIRST_SLOTS;
    p.open = 0;
    p.depth = 0;
    p.depth_max = depth_max < SO_JSON_DEPTH_LIMIT ? depth_max : SO_JSON_DEPTH_LIMIT;
    p.reject_duplicates = options != NULL && options->reject_duplicates;

    int rc = parse(&p);
    if (rc == SO_OK)
        *out = p.slots[0];
    if (p.slots != p.first_slots)
        so_free(p.slots);
    return rc;
}
