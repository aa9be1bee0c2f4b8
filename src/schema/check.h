/* check.h: runs a schema's instructions over a value.
 * Threads: any number, each with a struct so_run of its own.   Limits: steps and depth, below.   Never: changes the schema.
 */
#ifndef SO_SCHEMA_CHECK_H
#define SO_SCHEMA_CHECK_H

#include "schema/program.h"

enum {
    /* Enough for about a second of work; a hostile schema can ask for any amount (2^n ways through nested choices). */
    SO_RUN_STEPS_MAX = 50 * 1000 * 1000,
    /* Instructions calling each other; a level takes about 250 bytes of stack. */
    SO_RUN_DEPTH_MAX = 8000
};

/* The branch of a oneOf that accepted the value: mark.c asks for it soon afterwards. */
struct so_chosen {
    const struct so_node_list *branches; /* NULL: none yet */
    const struct so_json *value;         /* told apart by where it lies, so content decoded into a used place forgets it */
    const struct so_node *node;
};

struct so_run {
    const struct so_schema *schema;
    int64_t steps; /* left */
    uint32_t depth;
    int rc;          /* SO_OK, or why the answer does not count */
    const char *why; /* the same for people */
    struct so_chosen chosen;
};

static inline struct so_run so_run_init(const struct so_schema *s)
{
    return (struct so_run){.schema = s, .steps = SO_RUN_STEPS_MAX};
}

/* Whether the value passes at `pc`. Counts only while run->rc is SO_OK. */
bool so_run_at(struct so_run *run, int32_t pc, const struct so_json *v);
static inline bool so_run_node(struct so_run *run, const struct so_node *node, const struct so_json *v)
{
    int32_t pc = node->entry[v->type];
    return pc <= PC_FAIL ? pc == PC_PASS : so_run_at(run, pc, v);
}
/* Notes the first reason why the answer will not count, and lets the run end soon. */
void so_run_fail(struct so_run *run, int rc, const char *why);
/* Fills err from run->rc, which is not SO_OK. */
int so_run_explain(const struct so_run *run, struct so_err *err);
static inline int so_run_finish(const struct so_run *run, struct so_err *err)
{
    return run->rc == SO_OK ? SO_OK : so_run_explain(run, err);
}

/* Single checks, also for reports. */
bool so_check_regex(struct so_run *run, const struct so_regex *regex, struct so_str text);
bool so_check_unique(struct so_run *run, const struct so_json *array, uint32_t *out_first, uint32_t *out_second);
bool so_check_content(struct so_run *run, const struct so_node *node, struct so_str text);
struct so_json so_name_value(const struct so_json_member *m); /* a member's name as a value */

/* ---- mark.c: which members or items of a value were evaluated ---- */

/* A bit each. */
struct so_marks {
    uint64_t *bits;
    uint32_t count;
    uint64_t own[8]; /* room for values that are not large */
};

/* False (and run->rc set) when memory ran out. Pair with so_marks_deinit(). */
bool so_marks_init(struct so_marks *m, struct so_run *run, uint32_t count);
void so_marks_deinit(struct so_marks *m);
static inline bool so_marks_has(const struct so_marks *m, uint32_t i) { return (m->bits[i / 64] >> (i % 64) & 1) != 0; }
static inline void so_marks_set(struct so_marks *m, uint32_t i) { m->bits[i / 64] |= 1ULL << (i % 64); }
void so_marks_set_all(struct so_marks *m);

/* Marks what `node`, which has accepted the array or object, evaluates in it.  With `but_unevaluated` its own unevaluated*
 * is left out: that is the one that asks. */
void so_mark(struct so_run *run, const struct so_node *node, const struct so_json *v, struct so_marks *marks,
             bool but_unevaluated);

#endif
