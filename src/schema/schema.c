/* schema.c: the public face: compile, check, free. */
#include "schema/schema.h"

#include "core/mem.h"
#include "schema/check.h"
#include "schema/compile.h"

enum { MEMORY_MAX = 64 * 1024 * 1024, NEARLY_FULL = 512 * 1024 };

/* An arena says "no" in one way only; when little or less than half is left, it was its limit. */
static bool is_full(const struct so_arena *a)
{
    return a->max - so_min_size(a->used, a->max) < NEARLY_FULL || a->used > a->max / 2;
}

int so_schema_compile(const struct so_json *root, const struct so_schema_options *options, struct so_schema **out,
                      struct so_err *err)
{
    static const struct so_schema_options DEFAULTS;
    struct so_err own = SO_ERR_INIT;
    if (err == NULL)
        err = &own; /* the compiler asks it what went wrong */
    if (options == NULL)
        options = &DEFAULTS;
    struct so_schema *s = so_calloc(1, sizeof(*s));
    if (s == NULL)
        return so_err_oom(err);
    so_arena_init(&s->arena, options->memory_max != 0 ? options->memory_max : MEMORY_MAX);
    int rc = so_compile_nodes(s, root, options, err);
    if (rc == SO_OK)
        rc = so_refuse_recursion(s, err);
    if (rc == SO_OK)
        rc = so_emit(s, err);
    if (rc == SO_ENOMEM && is_full(&s->arena)) {
        *err = SO_ERR_INIT;
        rc = so_fail(err, SO_ELIMIT, "the compiled schema would take more than %zu bytes", s->arena.max);
    }
    if (rc != SO_OK) {
        so_schema_free(s);
        return rc;
    }
    *out = s;
    return SO_OK;
}

void so_schema_free(struct so_schema *s)
{
    if (s == NULL)
        return;
    so_arena_deinit(&s->arena);
    so_free(s);
}

int so_schema_check(const struct so_schema *s, const struct so_json *instance, bool *out_valid, struct so_err *err)
{
    struct so_run run = so_run_init(s);
    bool valid = so_run_node(&run, s->root, instance);
    int rc = so_run_finish(&run, err);
    if (rc == SO_OK)
        *out_valid = valid;
    return rc;
}
