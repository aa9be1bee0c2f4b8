/* prepare.c: the first three stages in a row: request, plan, SQL. */
#include "rest/dialect.h"
#include "rest/errors.h"
#include "rest/op.h"

int so_sql_make(struct so_rest_op *op)
{
    if (op->plan.violations != NULL || op->plan.write.is_nothing)
        return SO_OK; /* nothing will run */
    const struct so_routine *routine = op->plan.top.routine;
    if (routine != NULL && (routine->function->changes || routine->function->returns == SO_RETURNS_VOID)) {
        int rc = so_sql_call(&op->plan, &op->call);
        if (rc != SO_OK || routine->function->returns == SO_RETURNS_VOID)
            return rc;
    }
    if (op->request.verb == SO_VERB_READ) {
        int rc = so_sql_read(&op->plan, &op->sql);
        return rc == SO_OK && op->request.prefer.count != SO_COUNT_NONE ? so_sql_count(&op->plan, &op->count) : rc;
    }
    int rc = so_sql_write(&op->plan, &op->sql, &op->layout);
    return rc == SO_OK && op->plan.write.resolution == SO_RESOLUTION_MERGE ? so_sql_existing(&op->plan, &op->existing) : rc;
}

/* A plan where it is allowed; else the type that the function itself speaks; else what can be had everywhere. */
static int settle_media(struct so_rest_op *op, struct so_err *err)
{
    struct so_request *r = &op->request;
    r->explain.asked &= op->settings->plan && r->resource != SO_RESOURCE_ROOT;
    if (r->explain.asked) {
        r->media = r->explain.media;
        return SO_OK;
    }
    const struct so_routine *routine =
        r->resource == SO_RESOURCE_FUNCTION ? so_snapshot_function(op->snapshot, r->name) : NULL;
    struct so_str own = routine == NULL ? SO_STR("") : routine->function->media_type;
    if (own.n > 0 && so_media_prefers(r->accept, own)) {
        r->media = SO_MEDIA_RAW;
        r->raw_type =
            so_str_starts(own, SO_STR("text/")) ? so_arena_printf(op->arena, "%.*s; charset=utf-8", SO_STR_ARG(own)) : own;
        if (r->raw_type.p == NULL)
            return so_err_oom(err);
    }
    if (so_snapshot_dialect(op->snapshot)->resolves_itself && r->resource != SO_RESOURCE_ROOT)
        return SO_OK; /* what the database speaks itself of it, is not known yet */
    bool fails = r->media == SO_MEDIA_NONE && (r->resource != SO_RESOURCE_FUNCTION || routine != NULL);
    return fails ? so_fail_http(err, PGRST107, SO_STR_ARG(so_str_trim(r->accept))) : SO_OK;
}

int so_rest_prepare(const struct so_rest_in *in, const struct so_snapshot *snapshot, const struct so_rest_settings *settings,
                    struct so_arena *arena, struct so_rest_op **out, struct so_err *err)
{
    struct so_rest_op *op = so_alloc_zero(arena, sizeof(*op));
    if (op == NULL)
        return so_err_oom(err);
    op->range_total = -1;
    op->settings = settings;
    op->snapshot = snapshot;
    op->who = in->who;
    op->arena = arena;
    int rc = so_request_parse(in, arena, &op->request, err);
    if (rc == SO_OK && !so_snapshot_dialect(snapshot)->resolves_itself)
        rc = so_prefer_settle(&op->request.prefer, &snapshot->catalog->timezones, err);
    if (rc == SO_OK)
        rc = settle_media(op, err);
    if (rc != SO_OK)
        return rc;
    rc = so_rest_plan_make(&op->request, snapshot, in->who, settings, arena, &op->plan, err);
    if (rc == SO_OK && op->request.resource != SO_RESOURCE_ROOT && op->request.verb != SO_VERB_INFO)
        rc = op->plan.dialect->make(op);
    if (rc == SO_OK && op->request.explain.asked && op->pg == NULL)
        rc = so_explain_prepare(op, err);
    if (rc == SO_OK)
        *out = op;
    return rc;
}

bool so_rest_writes(const struct so_rest_op *op)
{
    const struct so_routine *routine = op->plan.top.routine;
    if (op->request.explain.asked)
        return false; /* only explained */
    if (routine != NULL)
        return routine->function->changes && op->call.text.p != NULL;
    return op->plan.top.is_target && op->sql.text.p != NULL;
}
