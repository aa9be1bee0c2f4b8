/* regex.c: PCRE2 with PostgreSQL's meaning: '.' matches a newline, '$' only the end; and with limits, since patterns come
 * from strangers and backtracking is exponential. */
#include "db/match.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "core/mem.h"

enum {
    PATTERN_MAX = 1000,       /* bytes */
    MATCH_STEPS_MAX = 200000, /* some milliseconds */
    HEAP_KIB_MAX = 4096,
    JIT_AFTER = 64 /* matches: compiling to machine code costs as much as some dozens of them */
};

struct so_db_regex {
    pcre2_general_context *memory;
    pcre2_match_context *limits;
    pcre2_code *code;
    pcre2_match_data *data;
    unsigned uses;
    bool folds_case;
};

static void *memory_new(size_t size, void *unused)
{
    (void)unused;
    return so_malloc(size);
}

static void memory_free(void *ptr, void *unused)
{
    (void)unused;
    so_free(ptr);
}

void so_db_regex_free(void *ptr)
{
    struct so_db_regex *regex = ptr;
    if (regex == NULL)
        return;
    pcre2_match_data_free(regex->data);
    pcre2_code_free(regex->code);
    pcre2_match_context_free(regex->limits);
    pcre2_general_context_free(regex->memory);
    so_free(regex);
}

static int compile(struct so_db_regex *regex, struct so_str pattern, struct so_err *err)
{
    uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C;
    int code;
    PCRE2_SIZE at;
    pcre2_compile_context *context = pcre2_compile_context_create(regex->memory);
    if (context == NULL)
        return so_err_oom(err);
    pcre2_set_max_pattern_length(context, PATTERN_MAX);
    regex->code = pcre2_compile((PCRE2_SPTR)pattern.p, pattern.n, options | (regex->folds_case ? PCRE2_CASELESS : 0), &code,
                                &at, context);
    pcre2_compile_context_free(context);
    if (regex->code != NULL)
        return SO_OK;
    if (code == PCRE2_ERROR_HEAP_FAILED)
        return so_err_oom(err);
    PCRE2_UCHAR why[120];
    pcre2_get_error_message(code, why, sizeof(why));
    return so_fail_http(err, SO_EDB, 0, "2201B", "invalid regular expression: %s", (const char *)why);
}

static int make_limits(struct so_db_regex *regex, struct so_err *err)
{
    regex->limits = pcre2_match_context_create(regex->memory);
    regex->data = pcre2_match_data_create(1, regex->memory);
    if (regex->limits == NULL || regex->data == NULL)
        return so_err_oom(err);
    pcre2_set_match_limit(regex->limits, MATCH_STEPS_MAX);
    pcre2_set_heap_limit(regex->limits, HEAP_KIB_MAX);
    return SO_OK;
}

int so_db_regex_new(struct so_str pattern, bool folds_case, struct so_db_regex **out, struct so_err *err)
{
    struct so_db_regex *regex = so_calloc(1, sizeof(*regex));
    if (regex == NULL)
        return so_err_oom(err);
    regex->folds_case = folds_case;
    regex->memory = pcre2_general_context_create(memory_new, memory_free, NULL);
    int rc = regex->memory == NULL ? so_err_oom(err) : compile(regex, pattern, err);
    if (rc == SO_OK)
        rc = make_limits(regex, err);
    if (rc != SO_OK) {
        so_db_regex_free(regex);
        return rc;
    }
    *out = regex;
    return SO_OK;
}

bool so_db_regex_folds(const struct so_db_regex *regex) { return regex->folds_case; }

int so_db_regex_match(struct so_db_regex *regex, struct so_str text, bool *out, struct so_err *err)
{
    if (++regex->uses == JIT_AFTER)
        (void)pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE); /* without it the interpreter goes on */
    int n = pcre2_match(regex->code, (PCRE2_SPTR)text.p, text.n, 0, 0, regex->data, regex->limits);
    if (n == PCRE2_ERROR_JIT_STACKLIMIT) /* the interpreter has the heap */
        n = pcre2_match(regex->code, (PCRE2_SPTR)text.p, text.n, 0, PCRE2_NO_JIT, regex->data, regex->limits);
    if (n == PCRE2_ERROR_NOMEMORY)
        return so_err_oom(err);
    if (n < 0 && n != PCRE2_ERROR_NOMATCH)
        return so_fail_http(err, SO_ELIMIT, 0, "54001", "the regular expression is too complex");
    *out = n >= 0;
    return SO_OK;
}
