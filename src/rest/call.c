/* call.c: which function a request calls, whether the caller may, and with which arguments (PostgREST, Plan.hs: findProc).
 */
#include "rest/errors.h"
#include "rest/plan.h"
#include "rest/text.h"
#include "rest/validate.h"

static const double NEAR_ENOUGH = 0.75;

/* ---- the one that is not there ---- */

struct keys {
    struct so_rest_plan *p;
    struct so_text text; /* "a, b" */
    size_t count;
};

static void add_key(struct keys *k, struct so_str name)
{
    so_text_c(&k->text, k->count++ > 0 ? ", " : "");
    so_text_str(&k->text, name);
}

static int list_keys(struct keys *k, const struct so_request *r)
{
    so_text_init(&k->text, k->p->arena, 64);
    for (uint32_t i = 0; r->body != NULL && i < r->body->len; i++)
        add_key(k, so_json_key(&r->body->u.members[i]));
    for (const struct so_arg *a = r->args; a != NULL; a = a->next)
        add_key(k, a->name);
    return k->text.failed ? so_err_oom(k->p->err) : SO_OK;
}

static const struct so_function *nearest(const struct so_rest_plan *p, struct so_str name)
{
    const struct so_model *model = p->snapshot->model;
    const struct so_function *best = NULL;
    double best_score = NEAR_ENOUGH;
    for (size_t i = 0; model != NULL && i < model->function_count; i++) {
        const struct so_function *f = model->functions[i];
        if (!so_routine_may(so_snapshot_function(p->snapshot, f->name), p->who))
            continue;
        double score = so_similarity(name, f->name);
        if (score >= best_score) {
            best = f;
            best_score = score;
        }
    }
    return best;
}

/* "Perhaps you meant": another name, or this one with its parameters. */
static int put_hint(struct so_rest_plan *p, const struct so_function *f, bool with_params)
{
    struct keys k = {.p = p};
    so_text_init(&k.text, p->arena, 64);
    for (size_t i = 0; with_params && i < f->arg_count; i++)
        add_key(&k, f->args[i].name);
    if (k.text.failed)
        return so_err_oom(p->err);
    struct so_str list = so_text_get(&k.text);
    so_err_hint(p->err,
                with_params ? "Perhaps you meant to call the function public.%.*s(%.*s)"
                            : "Perhaps you meant to call the function public.%.*s%.*s",
                SO_STR_ARG(f->name), SO_STR_ARG(list));
    return SO_OK;
}

static int fail_no_function(struct so_rest_plan *p, const struct so_request *r, const struct so_function *f)
{
    struct keys k = {.p = p};
    int rc = list_keys(&k, r);
    if (rc != SO_OK)
        return rc;
    struct so_str list = so_text_get(&k.text);
    struct so_str shown =
        k.count == 0 ? SO_STR(" without parameters") : so_arena_printf(p->arena, "(%.*s)", SO_STR_ARG(list));
    rc = so_fail_http(p->err, PGRST202, SO_STR_ARG(SO_STR("public")), SO_STR_ARG(r->name), SO_STR_ARG(shown));
    so_err_details(p->err, "Searched for the function public.%.*s%s%.*s%s, but no matches were found in the schema cache.",
                   SO_STR_ARG(r->name),
                   k.count == 0   ? " without parameters"
                   : k.count == 1 ? " with parameter "
                                  : " with parameters ",
                   SO_STR_ARG(list), r->is_call ? " or with a single unnamed json/jsonb parameter" : "");
    const struct so_function *near = f != NULL ? f : nearest(p, r->name);
    if (near != NULL && put_hint(p, near, f != NULL) != SO_OK)
        return SO_ENOMEM;
    return rc;
}

/* ---- arguments ---- */

static const struct so_function_column *find_param(const struct so_function *f, struct so_str name)
{
    for (size_t i = 0; i < f->arg_count; i++)
        if (so_str_eq(f->args[i].name, name))
            return &f->args[i];
    return NULL;
}

struct given {
    struct so_rest_plan *p;
    const struct so_request *request;
    const struct so_function *function;
    struct so_json_member *members;
    uint32_t count;
};

static bool has(const struct given *g, struct so_str name)
{
    for (uint32_t i = 0; i < g->count; i++)
        if (so_str_eq(so_json_key(&g->members[i]), name))
            return true;
    return false;
}

static int add(struct given *g, struct so_str name, struct so_json value, bool is_text)
{
    const struct so_function_column *param = find_param(g->function, name);
    if (param == NULL)
        return fail_no_function(g->p, g->request, g->function);
    if (has(g, name)) /* a=1&a=2: the last one counts, which comes first here */
        return SO_OK;
    int rc = is_text && value.type == SO_JSON_STRING ? so_text_type(g->p, param->type, &value) : SO_OK;
    g->members[g->count++] =
        (struct so_json_member){param->name.p, (uint32_t)param->name.n, so_json_key_hash(param->name), value};
    return rc;
}

/* One object of what the request gives and, after its verdict, of the defaults. */
static int collect(struct given *g)
{
    const struct so_request *r = g->request;
    int rc = SO_OK;
    for (uint32_t i = 0; rc == SO_OK && r->body != NULL && i < r->body->len; i++)
        rc = add(g, so_json_key(&r->body->u.members[i]), r->body->u.members[i].value, r->body_is_text);
    for (const struct so_arg *a = r->args; rc == SO_OK && a != NULL; a = a->next)
        rc = add(g, a->name, so_json_make_str(a->value), true);
    return rc;
}

static int add_defaults(struct given *g)
{
    int rc = SO_OK;
    for (size_t i = 0; rc == SO_OK && i < g->function->arg_count; i++) {
        const struct so_function_column *param = &g->function->args[i];
        const struct so_json *value = so_json_get(param->schema, SO_STR("default"));
        if (value != NULL && !has(g, param->name))
            rc = add(g, param->name, *value, false);
    }
    return rc;
}

/* What the request gives into *row, judged by the function's params. */
static int judge(struct given *g, struct so_json *row)
{
    struct so_rest_plan *p = g->p;
    g->members = so_alloc_array(p->arena, g->function->arg_count + 1, sizeof(*g->members));
    if (g->members == NULL)
        return so_err_oom(p->err);
    int rc = collect(g);
    *row = (struct so_json){.type = SO_JSON_OBJECT, .len = g->count, .u.members = g->members};
    return rc == SO_OK ? so_function_validate(g->function, row, p->arena, &p->violations, p->err) : rc;
}

int so_call_judge(struct so_rest_plan *p, const struct so_request *request, const struct so_function *f)
{
    struct given g = {.p = p, .request = request, .function = f};
    struct so_json row;
    return judge(&g, &row);
}

static int plan_args(struct so_rest_plan *p, const struct so_request *request, const struct so_function *f)
{
    struct given g = {.p = p, .request = request, .function = f};
    struct so_json *row = so_alloc_zero(p->arena, sizeof(*row));
    struct so_input_column *columns = so_alloc_array(p->arena, f->arg_count + 1, sizeof(*columns));
    if (row == NULL || columns == NULL)
        return so_err_oom(p->err);
    int rc = judge(&g, row);
    if (rc == SO_OK)
        rc = add_defaults(&g);
    row->len = g.count;
    for (size_t i = 0; i < f->arg_count; i++)
        columns[i] = (struct so_input_column){f->args[i].name, f->args[i].type};
    p->args = (struct so_input){.rows = row, .row_count = 1, .columns = columns, .column_count = f->arg_count};
    return rc;
}

/* What a statement that changes rows returns is read back by these columns. */
static int plan_given(struct so_rest_plan *p, const struct so_relation *r)
{
    struct so_input_column *columns = so_alloc_array(p->arena, r->column_count + 1, sizeof(*columns));
    if (columns == NULL)
        return so_err_oom(p->err);
    for (size_t i = 0; i < r->column_count; i++)
        columns[i] = (struct so_input_column){r->columns[i].name, r->columns[i].type};
    p->given = (struct so_input){.columns = columns, .column_count = r->column_count};
    return SO_OK;
}

int so_call_plan(struct so_rest_plan *p, const struct so_request *request)
{
    if (request->content >= SO_CONTENT_TEXT || request->content == SO_CONTENT_CSV)
        return so_fail_http(p->err, PGRST102_CONTENT, SO_STR_ARG(so_content_type(request->content)));
    if (request->body_is_other) {
        int rc = so_fail_http(p->err, PGRST102_JSON);
        so_err_details(p->err, "expected an object with the arguments");
        return rc;
    }
    const struct so_routine *r = so_snapshot_function(p->snapshot, request->name);
    if (r == NULL)
        return fail_no_function(p, request, NULL);
    p->top.routine = r;
    p->top.entity = r->entity;
    p->needs_identity = true;
    if (request->verb == SO_VERB_INFO)
        return SO_OK;
    if (!so_routine_may(r, p->who))
        return so_fail_http(p->err, SQL_MAY_NOT_CALL, SO_STR_ARG(request->name));
    if (r->function->is_write && !request->is_call)
        return so_fail_http(p->err, SQL_READ_ONLY);
    bool is_set = r->function->returns == SO_RETURNS_ROWS || r->function->returns == SO_RETURNS_VALUES;
    if (request->prefer.max_affected >= 0 && request->prefer.handling == SO_HANDLING_STRICT && !is_set)
        return so_fail_http(p->err, PGRST128);
    int rc = plan_args(p, request, r->function);
    return rc == SO_OK ? plan_given(p, r->entity->relation) : rc;
}
