/* pg_call.c: which of PostgreSQL's functions a request calls, and the call (PostgREST, Plan.hs: findProc, callPlan;
 * QueryBuilder.hs: callPlanToQuery).
 *
 * The names of the arguments decide between overloads.  A function with one nameless argument takes the whole body. */
#include "rest/errors.h"
#include "rest/pg.h"

static const double NAME_NEAR = 0.75, PARAMS_NEAR = 0.33;

/* ---- the arguments' names ---- */

enum { KEYS_MAX = 256 };
struct keys {
    struct so_str names[KEYS_MAX]; /* sorted, each once */
    size_t count;
};

static int add_key(struct so_rest_plan *p, struct keys *k, struct so_str name)
{
    size_t at = 0;
    while (at < k->count && so_str_cmp(k->names[at], name) < 0)
        at++;
    if (at < k->count && so_str_eq(k->names[at], name))
        return SO_OK;
    if (k->count == KEYS_MAX)
        return so_fail_http(p->err, SQL_TOO_MANY, KEYS_MAX);
    memmove(&k->names[at + 1], &k->names[at], (k->count - at) * sizeof(k->names[0]));
    k->names[at] = name;
    k->count++;
    return SO_OK;
}

static int collect_keys(struct so_rest_plan *p, struct keys *k)
{
    const struct so_request *r = p->request;
    int rc = SO_OK;
    for (const struct so_arg *a = r->args; rc == SO_OK && a != NULL; a = a->next)
        rc = add_key(p, k, a->name);
    if (r->has_columns && r->is_call) {
        for (const struct so_name *n = r->columns; rc == SO_OK && n != NULL; n = n->next)
            rc = add_key(p, k, n->name);
        return rc;
    }
    for (uint32_t i = 0; rc == SO_OK && r->body != NULL && i < r->body->len; i++)
        rc = add_key(p, k, so_json_key(&r->body->u.members[i]));
    return rc;
}

static bool has_key(const struct keys *k, struct so_str name)
{
    for (size_t i = 0; i < k->count; i++)
        if (so_str_eq(k->names[i], name))
            return true;
    return false;
}

/* ---- the choice ---- */

static const struct so_proc_param *find_param(const struct so_proc *f, struct so_str name)
{
    for (size_t i = 0; i < f->param_count; i++)
        if (so_str_eq(f->params[i].name, name))
            return &f->params[i];
    return NULL;
}

/* Every required parameter is given, and nothing that is none. */
static bool fits(const struct so_rest_plan *p, const struct so_proc *f, const struct keys *k)
{
    if (f->param_count == 0 && p->request->is_call && p->request->content >= SO_CONTENT_TEXT)
        return false;
    for (size_t i = 0; i < f->param_count; i++)
        if (f->params[i].required && !has_key(k, f->params[i].name))
            return false;
    for (size_t i = 0; i < k->count; i++)
        if (find_param(f, k->names[i]) == NULL)
            return false;
    return true;
}

static bool takes_body(const struct so_rest_plan *p, const struct so_proc *f)
{
    static const struct {
        enum so_content content;
        const char *type;
    } WHOLE[] = {
        {SO_CONTENT_JSON, "json"}, {SO_CONTENT_JSON, "jsonb"},  {SO_CONTENT_TEXT, "text"},
        {SO_CONTENT_XML, "xml"},   {SO_CONTENT_BYTES, "bytea"},
    };
    if (!p->request->is_call || f->param_count != 1 || f->params[0].name.n > 0)
        return false;
    for (size_t i = 0; i < COUNT_OF(WHOLE); i++)
        if (p->request->content == WHOLE[i].content && so_str_eq_c(f->params[0].type, WHOLE[i].type))
            return true;
    return false;
}

/* ---- what went wrong ---- */

static struct so_str list_of(struct so_arena *arena, const struct so_str *names, size_t count)
{
    struct so_text t;
    so_text_init(&t, arena, 64);
    for (size_t i = 0; i < count; i++) {
        so_text_c(&t, i > 0 ? ", " : "");
        so_text_str(&t, names[i]);
    }
    return t.failed || count == 0 ? SO_STR("") : so_text_get(&t);
}

static int fail_ambiguous(struct so_rest_plan *p, const struct so_proc *first, const struct keys *k, bool whole)
{
    struct so_text t;
    so_text_init(&t, p->arena, 128);
    for (const struct so_proc *f = first; f != NULL; f = f->next) {
        if (whole ? !takes_body(p, f) : !fits(p, f, k))
            continue;
        so_text_c(&t, t.len > 0 ? ", " : "");
        so_text_str(&t, f->schema);
        so_text_char(&t, '.');
        so_text_str(&t, f->name);
        for (size_t i = 0; i < f->param_count; i++) {
            so_text_c(&t, i == 0 ? "(" : ", ");
            so_text_str(&t, f->params[i].name);
            so_text_lit(&t, " => ");
            so_text_str(&t, f->params[i].type);
        }
        so_text_c(&t, f->param_count == 0 ? "()" : ")");
    }
    if (t.failed)
        return so_err_oom(p->err);
    struct so_str list = so_text_get(&t);
    int rc = so_fail_http(p->err, PGRST203, SO_STR_ARG(list));
    so_err_hint(p->err, "Try renaming the parameters or the function itself in the database so function overloading can be "
                        "resolved");
    return rc;
}

static struct so_str params_of(struct so_rest_plan *p, const struct so_proc *f)
{
    struct keys k = {.count = 0};
    for (size_t i = 0; i < f->param_count; i++)
        if (add_key(p, &k, f->params[i].name) != SO_OK)
            return SO_STR("()");
    struct so_str list = list_of(p->arena, k.names, k.count);
    return so_arena_printf(p->arena, "(%.*s)", SO_STR_ARG(list));
}

/* Another function of a near name, or the overload with the nearest parameters. */
static void put_hint(struct so_rest_plan *p, const struct so_proc *overloads, struct so_str wanted)
{
    struct so_str best = {NULL, 0}, name, schema = so_plan_schema(p);
    double best_score = overloads != NULL ? PARAMS_NEAR : NAME_NEAR;
    void *value;
    for (const struct so_proc *f = overloads; f != NULL; f = f->next) {
        struct so_str params = params_of(p, f);
        double score = params.p == NULL ? 0 : so_similarity(wanted, params);
        if (score >= best_score && so_proc_is_known(p, f)) {
            best = params;
            best_score = score;
        }
    }
    for (size_t i = 0; overloads == NULL && so_map_next(&p->schema->procs, &i, &name, &value);) {
        double score = so_similarity(p->request->name, name);
        if (score >= best_score && so_proc_is_known(p, value)) {
            best = name;
            best_score = score;
        }
    }
    if (best.p == NULL)
        return;
    struct so_str function = overloads != NULL ? p->request->name : SO_STR("");
    so_err_hint(p->err, "Perhaps you meant to call the function %.*s.%.*s%.*s", SO_STR_ARG(schema), SO_STR_ARG(function),
                SO_STR_ARG(best));
}

static int fail_none(struct so_rest_plan *p, const struct so_proc *overloads, const struct keys *k)
{
    const struct so_request *r = p->request;
    static const char *const WHOLE[] = {[SO_CONTENT_JSON] = " or with a single unnamed json/jsonb parameter",
                                        [SO_CONTENT_CSV] = "",
                                        [SO_CONTENT_FORM] = "",
                                        [SO_CONTENT_TEXT] = " with a single unnamed text parameter",
                                        [SO_CONTENT_XML] = " with a single unnamed xml parameter",
                                        [SO_CONTENT_BYTES] = " with a single unnamed bytea parameter"};
    struct so_str list = list_of(p->arena, k->names, k->count), schema = so_plan_schema(p);
    struct so_str wanted = so_arena_printf(p->arena, "(%.*s)", SO_STR_ARG(list));
    bool whole_only = r->is_call && r->content >= SO_CONTENT_TEXT;
    struct so_str shown = whole_only ? SO_STR("") : k->count == 0 ? SO_STR(" without parameters") : wanted;
    int rc = so_fail_http(p->err, PGRST202, SO_STR_ARG(schema), SO_STR_ARG(r->name), SO_STR_ARG(shown));
    so_err_details(p->err, "Searched for the function %.*s.%.*s%s%.*s%s, but no matches were found in the schema cache.",
                   SO_STR_ARG(schema), SO_STR_ARG(r->name),
                   whole_only      ? ""
                   : k->count == 0 ? " without parameters"
                   : k->count == 1 ? " with parameter "
                                   : " with parameters ",
                   SO_STR_ARG(list), r->is_call ? WHOLE[r->content] : "");
    if (!whole_only && wanted.p != NULL)
        put_hint(p, overloads, wanted);
    return rc;
}

static int choose(struct so_rest_plan *p, const struct keys *k, const struct so_proc **out)
{
    const struct so_proc *first = so_map_find(&p->schema->procs, p->request->name);
    const struct so_proc *named = NULL, *whole = NULL;
    size_t named_count = 0, whole_count = 0;
    for (const struct so_proc *f = first; f != NULL; f = f->next) {
        if (fits(p, f, k)) {
            named = f;
            named_count++;
        } else if (takes_body(p, f)) {
            whole = f;
            whole_count++;
        }
    }
    if (named_count > 1 || (named_count == 0 && whole_count > 1))
        return fail_ambiguous(p, first, k, named_count == 0);
    *out = named != NULL ? named : whole;
    return *out == NULL ? fail_none(p, first, k) : SO_OK;
}

/* ---- the plan ---- */

/* What a function gives is named as the relation of its row type, so that keys lead on from there. */
static int find_entity(struct so_rest_plan *p, const struct so_proc *f)
{
    const struct so_entity *e = f->returns_composite ? so_snapshot_find_in(p->snapshot, p->schema, f->return_name) : NULL;
    if (e != NULL) {
        p->top.entity = e;
        return SO_OK;
    }
    struct so_relation *relation = so_alloc_zero(p->arena, sizeof(*relation));
    struct so_entity *made = so_alloc_zero(p->arena, sizeof(*made));
    if (relation == NULL || made == NULL)
        return so_err_oom(p->err);
    relation->schema = f->schema;
    relation->name = f->returns_composite && f->return_name.n > 0 ? f->return_name : f->name;
    so_map_init(&relation->by_name, p->arena);
    made->relation = relation;
    made->guards_itself = true;
    p->top.entity = made;
    return SO_OK;
}

/* A function that was made of a file has that file's params. */
static int judge_args(struct so_rest_plan *p, const struct so_request *request)
{
    const struct so_routine *r = so_snapshot_function(p->snapshot, request->name);
    bool is_default = p->schema == &p->snapshot->catalog->schemas[0];
    return r != NULL && is_default && r->function->arg_count == p->top.proc->param_count
               ? so_call_judge(p, request, r->function)
               : SO_OK;
}

int so_pg_call_plan(struct so_rest_plan *p, const struct so_request *request)
{
    struct keys k = {.count = 0};
    int rc = request->verb == SO_VERB_INFO ? SO_OK : collect_keys(p, &k);
    if (rc == SO_OK && request->verb == SO_VERB_INFO)
        p->top.proc = so_map_find(&p->schema->procs, request->name);
    if (rc == SO_OK && p->top.proc == NULL)
        rc = choose(p, &k, &p->top.proc);
    if (rc != SO_OK)
        return rc;
    const struct so_prefer *prefer = &request->prefer;
    if (prefer->max_affected >= 0 && prefer->handling == SO_HANDLING_STRICT && !p->top.proc->returns_set)
        return so_fail_http(p->err, PGRST128);
    rc = request->verb == SO_VERB_INFO ? SO_OK : judge_args(p, request);
    return rc == SO_OK ? find_entity(p, p->top.proc) : rc;
}

/* ---- the call ---- */

/* By URL or form, an argument's last value counts; a variadic one takes all.  The list of a URL is in reverse. */
static struct so_str last_value(const struct so_request *r, struct so_str name)
{
    struct so_str value = {NULL, 0};
    for (const struct so_arg *a = r->args; a != NULL; a = a->next)
        if (so_str_eq(a->name, name))
            return a->value;
    for (uint32_t i = 0; r->body != NULL && i < r->body->len; i++)
        if (so_str_eq(so_json_key(&r->body->u.members[i]), name))
            value = so_json_str(&r->body->u.members[i].value);
    return value;
}

static struct so_str all_values(struct so_sqlb *b, const struct so_request *r, struct so_str name)
{
    struct so_name *list = NULL, *made;
    for (const struct so_arg *a = r->args; a != NULL; a = a->next)
        if (so_str_eq(a->name, name) && (made = so_alloc(b->plan->arena, sizeof(*made))) != NULL) {
            *made = (struct so_name){a->value, list};
            list = made;
        }
    for (uint32_t i = r->body == NULL ? 0 : r->body->len; i-- > 0;)
        if (so_str_eq(so_json_key(&r->body->u.members[i]), name) &&
            (made = so_alloc(b->plan->arena, sizeof(*made))) != NULL) {
            *made = (struct so_name){so_json_str(&r->body->u.members[i].value), list};
            list = made;
        }
    struct so_str text = so_pg_array(b->plan->arena, list);
    b->text.failed |= text.p == NULL;
    return text;
}

static bool is_given(const struct so_rest_plan *p, const struct so_proc_param *param)
{
    const struct so_request *r = p->request;
    for (const struct so_name *n = r->is_call && r->has_columns ? r->columns : NULL; n != NULL; n = n->next)
        if (so_str_eq(n->name, param->name))
            return true;
    if (r->is_call && r->has_columns)
        return false;
    for (const struct so_arg *a = r->args; a != NULL; a = a->next)
        if (so_str_eq(a->name, param->name))
            return true;
    return r->body != NULL && so_json_get(r->body, param->name) != NULL;
}

static void put_name(struct so_sqlb *b, const struct so_proc_param *param, bool *first)
{
    so_text_c(&b->text, *first ? "" : ", ");
    *first = false;
    so_text_c(&b->text, param->variadic ? "VARIADIC " : "");
    so_text_name(&b->text, param->name);
    so_text_lit(&b->text, " := ");
}

/* a := $1::integer */
static void put_direct(struct so_sqlb *b, const struct so_proc *f)
{
    const struct so_request *r = b->plan->request;
    bool first = true;
    for (size_t i = 0; i < f->param_count; i++) {
        const struct so_proc_param *param = &f->params[i];
        if (!is_given(b->plan, param))
            continue;
        put_name(b, param, &first);
        so_pg_put_value(b, param->variadic ? all_values(b, r, param->name) : last_value(r, param->name));
        so_text_lit(&b->text, "::");
        so_text_str(&b->text, param->wide_type);
    }
}

/* a := pgrst_body."a" */
static void put_from_body(struct so_sqlb *b, const struct so_proc *f)
{
    bool first = true;
    for (size_t i = 0; i < f->param_count; i++) {
        if (!is_given(b->plan, &f->params[i]))
            continue;
        put_name(b, &f->params[i], &first);
        so_text_lit(&b->text, "pgrst_body.");
        so_text_name(&b->text, f->params[i].name);
    }
}

/* \x68656c6c6f: bytes as PostgreSQL reads them from text. */
static struct so_str hex(struct so_sqlb *b, struct so_str bytes)
{
    static const char DIGITS[] = "0123456789abcdef";
    char *p = so_alloc_text(b->plan->arena, bytes.n * 2 + 2);
    b->text.failed |= p == NULL;
    if (p == NULL)
        return SO_STR("");
    memcpy(p, "\\x", 2);
    for (size_t i = 0; i < bytes.n; i++) {
        p[2 + i * 2] = DIGITS[(unsigned char)bytes.p[i] >> 4];
        p[3 + i * 2] = DIGITS[(unsigned char)bytes.p[i] & 15];
    }
    return so_str(p, bytes.n * 2 + 2);
}

static void put_whole(struct so_sqlb *b, const struct so_proc *f)
{
    const struct so_request *r = b->plan->request;
    if (r->content == SO_CONTENT_BYTES) {
        so_pg_put_value(b, hex(b, r->body_text));
        so_text_lit(&b->text, "::bytea");
        return;
    }
    so_pg_put_value(b, r->body_text);
    so_text_lit(&b->text, "::");
    so_text_str(&b->text, f->params[0].type);
}

enum argument_form { BY_NAME, BY_BODY, BY_WHOLE_BODY };

static void put_function(struct so_sqlb *b, const struct so_proc *f, enum argument_form form)
{
    static void (*const ARGUMENTS[])(struct so_sqlb *, const struct so_proc *) = {
        [BY_NAME] = put_direct, [BY_BODY] = put_from_body, [BY_WHOLE_BODY] = put_whole};
    so_text_c(&b->text, f->returns_composite ? "" : "(SELECT ");
    so_pg_put_table(b, f->schema, f->name);
    so_text_char(&b->text, '(');
    ARGUMENTS[form](b, f);
    so_text_c(&b->text, f->returns_composite ? ") pgrst_call" : ") pgrst_scalar) pgrst_call");
}

static const struct so_pg_typed *typed_params(struct so_sqlb *b, const struct so_proc *f, size_t *out_count)
{
    struct so_pg_typed *columns = so_alloc_array(b->plan->arena, f->param_count + 1, sizeof(*columns));
    b->text.failed |= columns == NULL;
    *out_count = 0;
    for (size_t i = 0; columns != NULL && i < f->param_count; i++)
        if (is_given(b->plan, &f->params[i]))
            columns[(*out_count)++] = (struct so_pg_typed){.name = f->params[i].name, .type = f->params[i].wide_type};
    return columns;
}

static void add_filtered(struct so_pg_names *names, const struct so_cond *c)
{
    for (; c != NULL; c = c->next) {
        if (c->kind == SO_COND_COMPARE || c->kind == SO_COND_IS)
            so_pg_add_name(names, c->expr.field->name);
        add_filtered(names, c->sub);
    }
}

/* The row's columns, and of functions of the row those that are asked for: they must be called while it has its type. */
static void put_columns(struct so_sqlb *b)
{
    const struct so_rest_plan *p = b->plan;
    struct so_pg_names names = {.count = 0};
    so_pg_needed_names(p, &names);
    if (names.count == 0 && !names.all) {
        so_text_lit(&b->text, "*");
        return;
    }
    add_filtered(&names, p->top.where);
    if (names.all)
        so_text_lit(&b->text, "pgrst_call.*");
    for (size_t i = 0, put = 0; i < names.count; i++) {
        bool shown = names.all && (so_relation_column(p->top.entity->relation, names.names[i]) != NULL ||
                                   p->top.entity->relation->column_count == 0);
        if (shown)
            continue;
        so_text_c(&b->text, names.all || put++ > 0 ? ", " : "");
        so_text_lit(&b->text, "pgrst_call.");
        so_text_name(&b->text, names.names[i]);
    }
}

void so_pg_put_call(struct so_sqlb *b)
{
    const struct so_rest_plan *p = b->plan;
    const struct so_proc *f = p->top.proc;
    const struct so_request *r = p->request;
    bool whole = f->param_count == 1 && f->params[0].name.n == 0;
    size_t count = 0;
    const struct so_pg_typed *columns = typed_params(b, f, &count);
    so_text_lit(&b->text, "SELECT ");
    if (f->returns_composite)
        put_columns(b);
    else
        so_text_lit(&b->text, "pgrst_call.pgrst_scalar");
    if (whole || count == 0 || !r->is_call || r->content == SO_CONTENT_FORM) {
        so_text_lit(&b->text, " FROM ");
        put_function(b, f, whole ? BY_WHOLE_BODY : BY_NAME);
        return;
    }
    so_pg_put_body(b, columns, count, false, true, false);
    so_text_lit(&b->text, ", LATERAL ");
    put_function(b, f, BY_BODY);
}
