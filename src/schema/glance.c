/* glance.c: which numbers, and which short arrays of numbers, pass without running an instruction.
 * Read from the instructions: a node all of whose instructions for numbers are limits gives a range of whole parts that is
 * surely inside.  Arrays of numbers and of coordinates are long, and then the way to the instructions costs more than they.
 */
#include "schema/emit.h"

enum { TUPLE_MAX = 16 };

struct range {
    int64_t above, below; /* none inside when they meet */
};

static const struct range ANY = {INT64_MIN, INT64_MAX}, NONE = {0, 0};

/* Makes the range smaller by one instruction. */
static void narrow(struct range *r, const struct so_op *op)
{
    const struct so_number_plan *plan = op->u.p;
    switch ((enum so_op_code)op->code) {
    case OP_INT_MIN: r->above = op->u.i > r->above ? op->u.i - 1 : r->above; break;
    case OP_INT_MAX: r->below = op->u.i < r->below ? op->u.i + 1 : r->below; break;
    case OP_NUMBER_LIMIT:
        if (!plan->has_whole)
            *r = NONE;
        else if ((op->flag & LIMIT_GREATER) != 0 && plan->whole > r->above)
            r->above = plan->whole;
        else if ((op->flag & LIMIT_LESS) != 0 && plan->whole < r->below)
            r->below = plan->whole;
        break;
    default: *r = NONE; break;
    }
}

static struct range range_of(const struct so_emitter *e, int32_t pc)
{
    struct range r = ANY;
    if (pc == PC_FAIL)
        return NONE;
    for (const struct so_op *op = &e->program.ops[pc]; pc != PC_PASS && op->code != OP_PASS; op++) {
        narrow(&r, op);
        if (r.above >= r.below)
            return NONE;
    }
    return r;
}

static struct so_glance glance_of(const struct so_emitter *e, const struct so_node *node)
{
    struct range whole = range_of(e, node->entry[SO_JSON_INT]), other = range_of(e, node->entry[SO_JSON_NUMBER]);
    if (other.above >= other.below)
        return (struct so_glance){whole.above, whole.below, 0};
    return (struct so_glance){.above = other.above > whole.above ? other.above : whole.above,
                              .below = other.below < whole.below ? other.below : whole.below,
                              .flag = SO_JSON_HAS_WHOLE};
}

static bool is_blind(const struct so_glance *g) { return g->above >= g->below; }

/* NULL when the array's instructions are more than counts and a tuple of numbers. */
static const struct so_tuple *tuple_of(struct so_emitter *e, const struct so_node *node)
{
    int32_t pc = node->entry[SO_JSON_ARRAY];
    const struct so_items_plan *plan = NULL;
    uint64_t min = 0, max = TUPLE_MAX;
    if (pc <= PC_FAIL)
        return NULL;
    for (const struct so_op *op = &e->program.ops[pc]; op->code != OP_PASS; op++)
        switch ((enum so_op_code)op->code) {
        case OP_MIN_COUNT: min = op->u.n > min ? op->u.n : min; break;
        case OP_MAX_COUNT: max = op->u.n < max ? op->u.n : max; break;
        case OP_ITEMS:
            if (plan != NULL)
                return NULL;
            plan = op->u.p;
            break;
        default: return NULL;
        }
    if (plan == NULL)
        return NULL;
    max = plan->prefix->count < max ? plan->prefix->count : max; /* what comes after the prefix needs instructions */
    struct so_glance *items = so_make(e, max + 1, sizeof(*items));
    struct so_tuple *tuple = so_make(e, 1, sizeof(*tuple));
    if (items == NULL || tuple == NULL || min > max)
        return NULL;
    for (uint32_t i = 0; i < max; i++) {
        items[i] = plan->prefix->nodes[i]->glance;
        if (is_blind(&items[i]))
            return NULL;
    }
    *tuple = (struct so_tuple){(uint32_t)min, (uint32_t)max, items};
    return tuple;
}

void so_find_glances(struct so_emitter *e)
{
    for (uint32_t i = 0; i < e->queued && !e->no_memory; i++)
        e->queue[i]->glance = glance_of(e, e->queue[i]);
    for (uint32_t i = 0; i < e->queued && !e->no_memory; i++)
        e->queue[i]->tuple = tuple_of(e, e->queue[i]);
}
