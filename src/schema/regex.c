/* regex.c: compiles with PCRE2's JIT and searches within limits. */
#include "schema/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

enum {
    PATTERN_MAX = 64 * 1024,   /* bytes */
    MATCH_STEPS_MAX = 2000000, /* about 20 ms of backtracking */
    MATCH_DEPTH_MAX = 10000,
    MATCH_HEAP_KIB_MAX = 4096
};

/* Patterns that need no regular expression. */
enum kind {
    KIND_REGEX,
    KIND_PREFIX, /* ^text */
    KIND_WHOLE,  /* ^text$ */
    KIND_ALL     /* .* and the empty pattern */
};

struct so_regex {
    pcre2_code *code; /* of KIND_REGEX */
    bool has_jit;
    enum kind kind;
    struct so_str literal; /* of KIND_PREFIX and KIND_WHOLE */
};

static void *take_memory(size_t size, void *arg)
{
    (void)arg;
    return so_malloc(size);
}

static void give_memory(void *p, void *arg)
{
    (void)arg;
    so_free(p);
}

/* What a thread needs for matching: made at its first match, freed when it ends. */
struct matcher {
    pcre2_match_context *limits;
    pcre2_match_data *data;
};

static pthread_key_t matcher_key;
static pthread_once_t matcher_once = PTHREAD_ONCE_INIT;
static bool matcher_key_works;
static _Thread_local struct matcher *own_matcher;

static void free_matcher(void *p)
{
    struct matcher *m = p;
    if (m == NULL)
        return;
    pcre2_match_context_free(m->limits);
    pcre2_match_data_free(m->data);
    so_free(m);
    own_matcher = NULL;
}

static void free_main_matcher(void) { free_matcher(own_matcher); }

static void make_matcher_key(void)
{
    matcher_key_works = pthread_key_create(&matcher_key, free_matcher) == 0;
    atexit(free_main_matcher); /* the main thread's: keys are not freed at exit() */
}

static struct matcher *make_matcher(void)
{
    pthread_once(&matcher_once, make_matcher_key);
    struct matcher *m = so_calloc(1, sizeof(*m));
    pcre2_general_context *memory = pcre2_general_context_create(take_memory, give_memory, NULL);
    if (m != NULL && memory != NULL) {
        m->limits = pcre2_match_context_create(memory);
        m->data = pcre2_match_data_create(1, memory);
    }
    pcre2_general_context_free(memory);
    if (m == NULL || m->limits == NULL || m->data == NULL || !matcher_key_works ||
        pthread_setspecific(matcher_key, m) != 0) {
        free_matcher(m);
        return NULL;
    }
    pcre2_set_match_limit(m->limits, MATCH_STEPS_MAX);
    pcre2_set_depth_limit(m->limits, MATCH_DEPTH_MAX);
    pcre2_set_heap_limit(m->limits, MATCH_HEAP_KIB_MAX);
    own_matcher = m;
    return m;
}

/* Characters that stand for themselves. */
static bool is_literal(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-_ :/@#%&=~,;'\"!<>", c) != NULL);
}

/* Tells the simple patterns; false when memory ran out. */
static bool find_kind(struct so_arena *arena, struct so_str pattern, struct so_regex *r)
{
    if (pattern.n == 0 || so_str_eq_c(pattern, ".*") || so_str_eq_c(pattern, "^.*"))
        r->kind = KIND_ALL;
    if (r->kind == KIND_ALL || pattern.p[0] != '^')
        return true;
    bool whole = pattern.p[pattern.n - 1] == '$';
    size_t end = pattern.n - whole, n = 0;
    char *text = so_alloc_text(arena, pattern.n);
    if (text == NULL)
        return false;
    for (size_t i = 1; i < end; i++) {
        bool escaped =
            pattern.p[i] == '\\' && i + 1 < end && pattern.p[i + 1] != '\0' && strchr("./-\\$^+*?()[]{}|", pattern.p[i + 1]);
        if (!escaped && !is_literal(pattern.p[i]))
            return true;
        i += escaped;
        text[n++] = pattern.p[i];
    }
    r->kind = whole ? KIND_WHOLE : KIND_PREFIX;
    r->literal = so_str(text, n);
    return true;
}

static void free_regex(void *p) { pcre2_code_free(((struct so_regex *)p)->code); }

static int compile(struct so_regex *r, struct so_str text, struct so_err *err)
{
    pcre2_general_context *memory = pcre2_general_context_create(take_memory, give_memory, NULL);
    pcre2_compile_context *context = memory == NULL ? NULL : pcre2_compile_context_create(memory);
    int code = 0;
    size_t at = 0;
    if (context != NULL) {
        pcre2_set_max_pattern_length(context, 16 * PATTERN_MAX);
        pcre2_set_parens_nest_limit(context, 200);
        r->code = pcre2_compile((PCRE2_SPTR)text.p, text.n,
                                PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_ALLOW_EMPTY_CLASS | PCRE2_MATCH_UNSET_BACKREF |
                                    PCRE2_NEVER_BACKSLASH_C,
                                &code, &at, context);
    }
    pcre2_compile_context_free(context);
    pcre2_general_context_free(memory);
    if (r->code != NULL)
        return SO_OK;
    if (context == NULL || code == PCRE2_ERROR_HEAP_FAILED)
        return so_err_oom(err);
    char reason[128] = "";
    pcre2_get_error_message(code, (PCRE2_UCHAR *)reason, sizeof(reason));
    return so_fail(err, SO_EINVAL, "the regular expression cannot be used: %s", reason);
}

int so_regex_new(struct so_arena *arena, struct so_str pattern, const struct so_regex **out, struct so_err *err)
{
    if (pattern.n > PATTERN_MAX)
        return so_fail(err, SO_ELIMIT, "a regular expression may have %d bytes", PATTERN_MAX);
    struct so_regex *r = so_alloc_zero(arena, sizeof(*r));
    if (r == NULL)
        return so_err_oom(err);
    if (!find_kind(arena, pattern, r))
        return so_err_oom(err);
    if (r->kind != KIND_REGEX) {
        *out = r;
        return SO_OK;
    }
    struct so_buf text;
    so_buf_init(&text, 16 * PATTERN_MAX);
    int rc = so_ecma_to_pcre(pattern, &text, err);
    if (rc == SO_OK)
        rc = so_buf_check(&text, "the regular expression", err);
    if (rc == SO_OK)
        rc = compile(r, so_buf_str(&text), err);
    so_buf_deinit(&text);
    if (rc != SO_OK)
        return rc;
    if (!so_defer(arena, free_regex, r))
        return so_err_oom(err);
    r->has_jit = pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE) == 0; /* without it PCRE2 interprets: slower, as right */
    *out = r;
    return SO_OK;
}

static bool is_ascii(struct so_str s)
{
    const char *p = s.p;
    size_t n = s.n;
    uint64_t high = 0;
    for (; n >= 8; p += 8, n -= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        high |= word;
    }
    for (; n > 0; n--)
        high |= (uint64_t)(unsigned char)*p++ << 56;
    return (high & 0x8080808080808080ULL) == 0;
}

static enum so_regex_result search_literal(const struct so_regex *r, struct so_str text)
{
    bool found =
        r->kind == KIND_ALL || (r->kind == KIND_WHOLE ? so_str_eq(text, r->literal) : so_str_starts(text, r->literal));
    return found ? SO_REGEX_YES : SO_REGEX_NO;
}

enum so_regex_result so_regex_search(const struct so_regex *r, struct so_str text)
{
    if (r->kind != KIND_REGEX)
        return search_literal(r, text);
    struct matcher *m = own_matcher != NULL ? own_matcher : make_matcher();
    if (m == NULL)
        return SO_REGEX_NOMEM;
    /* ASCII is always well formed; PCRE2 checks anything else before it matches. */
    uint32_t options = is_ascii(text) ? PCRE2_NO_UTF_CHECK : 0;
    PCRE2_SPTR bytes = (PCRE2_SPTR)(text.p == NULL ? "" : text.p);
    int rc = r->has_jit && options != 0 ? pcre2_jit_match(r->code, bytes, text.n, 0, 0, m->data, m->limits)
                                        : pcre2_match(r->code, bytes, text.n, 0, options, m->data, m->limits);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT) /* the interpreter's stack is on the heap, and larger */
        rc = pcre2_match(r->code, bytes, text.n, 0, options | PCRE2_NO_JIT, m->data, m->limits);
    if (rc >= 0)
        return SO_REGEX_YES;
    if (rc == PCRE2_ERROR_MATCHLIMIT || rc == PCRE2_ERROR_DEPTHLIMIT || rc == PCRE2_ERROR_HEAPLIMIT)
        return SO_REGEX_LIMIT;
    return rc == PCRE2_ERROR_NOMEMORY ? SO_REGEX_NOMEM : SO_REGEX_NO;
}
