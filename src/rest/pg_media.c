/* pg_media.c: the media types that a database speaks itself (PostgREST, Plan/Negotiate.hs).
 *
 *   of one value   a function whose result is a domain named "image/png": the value as it is
 *   of rows        an aggregate over them whose result is such a domain: schema.f(_postgrest_t::schema.books)
 *   GeoJSON        where PostGIS is there
 *
 * A type named "*" "/" "*" answers whatever is asked for, and is octets unless the function says otherwise.  An aggregate of
 * a relation's own rows needs them whole, so select= and embedded resources leave only those of any rows. */
#include "rest/errors.h"
#include "rest/pg.h"

static const struct so_str ANY = SO_STR_INIT("*/*"), GEOJSON = SO_STR_INIT("application/geo+json");

/* As the reference has it: a database that wants another charset says so in response.headers. */
static struct so_str content_type(struct so_rest_op *op, struct so_str type)
{
    static const struct so_str IN_UTF8[] = {SO_STR_INIT("application/json"), SO_STR_INIT("application/geo+json"),
                                            SO_STR_INIT("text/csv"), SO_STR_INIT("text/plain"), SO_STR_INIT("text/xml")};
    if (so_str_eq(type, ANY))
        return SO_STR("application/octet-stream");
    for (size_t i = 0; i < COUNT_OF(IN_UTF8); i++)
        if (so_str_eq_nocase(type, IN_UTF8[i]))
            return so_arena_printf(op->arena, "%.*s; charset=utf-8", SO_STR_ARG(type));
    return type;
}

/* ---- which ---- */

static bool is_whole(const struct so_node *top)
{
    return top->children == NULL && top->outs != NULL && top->outs->kind == SO_OUT_STAR && top->outs->next == NULL;
}

static const struct so_handler *find_handler(const struct so_rest_op *op, struct so_str type)
{
    const struct so_node *top = &op->plan.top;
    bool is_row = top->proc == NULL || top->proc->returns_composite;
    for (const struct so_handler *h = op->snapshot->catalog->handlers; h != NULL; h = h->next) {
        bool fits = h->target == NULL || (is_row && h->target == top->entity->relation && is_whole(top));
        if (fits && (so_str_eq_nocase(h->media_type, type) || (h->target != NULL && so_str_eq(h->media_type, ANY))))
            return h;
    }
    return NULL;
}

/* The type of a function's one value. */
static struct so_str own_type(const struct so_rest_op *op)
{
    const struct so_proc *f = op->plan.top.proc;
    return f == NULL || f->returns_set || f->returns_composite ? SO_STR("") : f->media_type;
}

static bool speaks(void *arg, struct so_str type)
{
    const struct so_rest_op *op = arg;
    struct so_str own = own_type(op);
    if (so_str_starts(type, SO_STR("application/vnd.pgrst."))) /* never another's */
        return false;
    bool is_scalar = op->plan.top.proc != NULL && !op->plan.top.proc->returns_composite;
    if (own.n > 0 && (so_str_eq(own, ANY) || so_str_eq_nocase(own, type)))
        return true;
    if (find_handler(op, type) != NULL)
        return true;
    return !is_scalar && op->snapshot->catalog->geojson.n > 0 && so_str_eq_nocase(type, GEOJSON);
}

/* ---- the SQL that makes it of the rows ---- */

static void put_handler(struct so_text *t, const struct so_rest_op *op, const struct so_handler *h)
{
    const struct so_proc *f = op->plan.top.proc;
    so_text_name(t, h->schema);
    so_text_char(t, '.');
    so_text_name(t, h->name);
    so_text_c(t, f != NULL && !f->returns_composite ? "(_postgrest_t.pgrst_scalar" : "(_postgrest_t");
    if (h->target != NULL) {
        so_text_lit(t, "::");
        so_text_name(t, h->target->schema);
        so_text_char(t, '.');
        so_text_name(t, h->target->name);
    }
    so_text_char(t, ')');
}

static void put_geojson(struct so_text *t, const struct so_rest_op *op)
{
    so_text_lit(t, "json_build_object('type', 'FeatureCollection', 'features', coalesce(json_agg(");
    so_text_str(t, op->snapshot->catalog->geojson);
    so_text_lit(t, "(_postgrest_t)::json), '[]'))");
}

static int choose(struct so_rest_op *op, struct so_str type)
{
    struct so_request *r = &op->request;
    struct so_str own = own_type(op);
    bool is_own = own.n > 0 && (so_str_eq(own, ANY) || so_str_eq_nocase(own, type));
    const struct so_handler *h = is_own ? NULL : find_handler(op, type);
    struct so_text t;
    so_text_init(&t, op->arena, 128);
    if (is_own)
        so_text_lit(&t, "(pg_catalog.array_agg(_postgrest_t.pgrst_scalar))[1]");
    else if (h != NULL)
        put_handler(&t, op, h);
    else
        put_geojson(&t, op);
    r->media = SO_MEDIA_RAW;
    r->raw_type = content_type(op, is_own ? own : h != NULL ? h->media_type : GEOJSON);
    r->raw_sql = so_text_get(&t);
    op->plan.top.keeps_domains = h != NULL && h->target != NULL;
    return t.failed || r->raw_type.p == NULL ? so_err_oom(op->plan.err) : SO_OK;
}

int so_pg_settle_media(struct so_rest_op *op)
{
    struct so_request *r = &op->request;
    struct so_str type;
    if (!r->explain.asked && so_media_is_own(r->accept, speaks, op, &type))
        return choose(op, type);
    return r->media == SO_MEDIA_NONE ? so_fail_http(op->plan.err, PGRST107, SO_STR_ARG(so_str_trim(r->accept))) : SO_OK;
}
