/* recursion.c: refuses schemas that lead back to themselves at the same place of the instance: they would never end. */
#include "schema/compile.h"
#include "schema/inplace.h"

/* Colours of the depth-first search. */
enum { WHITE, GREY, BLACK };
enum { DEPTH_MAX = 1000 };

struct so_node *so_in_place(const struct so_rule *rule, uint32_t i)
{
    switch ((enum so_rule_code)rule->code) {
    case RULE_REF:
    case RULE_DYNAMIC_REF:
    case RULE_NOT: return rule->u.node;
    case RULE_ALL_OF:
    case RULE_ANY_OF:
    case RULE_ONE_OF: return rule->u.list.nodes[i];
    case RULE_IF: return i == 0 ? rule->u.branch.condition : i == 1 ? rule->u.branch.then : rule->u.branch.otherwise;
    case RULE_DEPENDENT_SCHEMAS:
    case RULE_DEPENDENCIES: return rule->u.dependencies.items[i].node;
    default: return NULL;
    }
}

uint32_t so_in_place_count(const struct so_rule *rule)
{
    switch ((enum so_rule_code)rule->code) {
    case RULE_REF:
    case RULE_DYNAMIC_REF:
    case RULE_NOT: return 1;
    case RULE_ALL_OF:
    case RULE_ANY_OF:
    case RULE_ONE_OF: return rule->u.list.count;
    case RULE_IF: return 3;
    case RULE_DEPENDENT_SCHEMAS:
    case RULE_DEPENDENCIES: return rule->u.dependencies.count;
    default: return 0;
    }
}

static int visit(struct so_node *node, unsigned depth, struct so_err *err)
{
    if (node->visit == BLACK)
        return SO_OK;
    int rc = SO_OK;
    if (node->visit == GREY)
        rc = so_fail(err, SO_EINVAL, "the schema refers to itself without going into the instance: this would never end");
    else if (depth > DEPTH_MAX)
        rc = so_fail(err, SO_ELIMIT, "more than %d schemas in a row apply to one value", DEPTH_MAX);
    if (rc != SO_OK) {
        so_err_pointer(err, node->pointer);
        return rc;
    }
    node->visit = GREY;
    for (uint32_t i = 0; i < node->rule_count; i++)
        for (uint32_t j = 0; j < so_in_place_count(&node->rules[i]); j++) {
            struct so_node *next = so_in_place(&node->rules[i], j);
            if (next != NULL && (rc = visit(next, depth + 1, err)) != SO_OK)
                return rc;
        }
    node->visit = BLACK;
    return SO_OK;
}

int so_refuse_recursion(struct so_schema *s, struct so_err *err)
{
    for (struct so_node *n = s->first_node; n != NULL; n = n->next) {
        int rc = visit(n, 0, err);
        if (rc != SO_OK)
            return rc;
    }
    return SO_OK;
}
