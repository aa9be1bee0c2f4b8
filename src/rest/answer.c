/* answer.c: the headers of an answer (PostgREST, Response.hs). */
#include <stdlib.h>

#include "rest/op.h"
#include "rest/text.h"

void so_rest_put_header(struct so_rest_out *out, struct so_str name, struct so_str value)
{
    if (out->header_count < COUNT_OF(out->headers))
        out->headers[out->header_count++] = (struct so_rest_header){name, value};
}

bool so_rest_is_header(struct so_str name, struct so_str value)
{
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] <= ' ' || name.p[i] == ':' || (unsigned char)name.p[i] >= 127)
            return false;
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] == '\r' || value.p[i] == '\n' || value.p[i] == '\0')
            return false;
    return name.n > 0;
}

void so_rest_put_content_type(const struct so_rest_op *op, struct so_rest_out *out)
{
    struct so_str raw = op->request.raw_type;
    so_rest_put_header(out, SO_STR("Content-Type"), raw.n > 0 ? raw : so_media_type(op->request.media));
    if (op->request.named_schema)
        so_rest_put_header(out, SO_STR("Content-Profile"), so_plan_schema(&op->plan));
}

/* "0-9/42", "*" + "/0" for nothing; a total of -1 is not known: "0-9/" + "*". */
int so_rest_put_content_range(const struct so_rest_op *op, struct so_rest_out *out, int64_t lower, int64_t upper,
                              int64_t total, struct so_err *err)
{
    struct so_text t;
    so_text_init(&t, op->arena, 64);
    if (total != 0 && lower <= upper) {
        so_text_u64(&t, (uint64_t)lower);
        so_text_char(&t, '-');
        so_text_u64(&t, (uint64_t)upper);
    } else {
        so_text_char(&t, '*');
    }
    so_text_char(&t, '/');
    if (total >= 0)
        so_text_u64(&t, (uint64_t)total);
    else
        so_text_char(&t, '*');
    if (t.failed)
        return so_err_oom(err);
    so_rest_put_header(out, SO_STR("Content-Range"), so_text_get(&t));
    return SO_OK;
}

/* By key; what shares a key stays in its order, which is that of the array. */
static int compare_parameters(const void *a, const void *b)
{
    const struct so_parameter *const *x = a, *const *y = b;
    int order = so_str_cmp((*x)->key, (*y)->key);
    return order != 0 ? order : (*x > *y) - (*x < *y);
}

static void put_encoded(struct so_text *t, struct so_str s)
{
    static const char HEX[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                     c == '.' || c == '~';
        if (plain)
            so_text_char(t, (char)c);
        else
            so_text_put(t, (char[]){'%', HEX[c >> 4], HEX[c & 15]}, 3);
    }
}

/* "/books?isbn=eq.1&select=title": the URL with its parameters sorted (PostgREST, QueryParams.hs: qsCanonical). */
int so_rest_put_content_location(const struct so_rest_op *op, struct so_rest_out *out, struct so_err *err)
{
    const struct so_request *r = &op->request;
    struct so_text t;
    if (r->resource != SO_RESOURCE_RELATION)
        return SO_OK;
    const struct so_parameter **sorted = so_alloc(op->arena, (r->parameter_count + 1) * sizeof(const struct so_parameter *));
    so_text_init(&t, op->arena, 128);
    if (sorted == NULL)
        return so_err_oom(err);
    for (size_t i = 0; i < r->parameter_count; i++)
        sorted[i] = &r->parameters[i];
    qsort(sorted, r->parameter_count, sizeof(const struct so_parameter *), compare_parameters);
    so_text_char(&t, '/');
    put_encoded(&t, r->name);
    for (size_t i = 0; i < r->parameter_count; i++) {
        so_text_char(&t, i == 0 ? '?' : '&');
        put_encoded(&t, sorted[i]->key);
        so_text_char(&t, '=');
        put_encoded(&t, sorted[i]->value);
    }
    if (t.failed)
        return so_err_oom(err);
    so_rest_put_header(out, SO_STR("Content-Location"), so_text_get(&t));
    return SO_OK;
}

/* What of the preferences was honoured, in the reference's order. */
int so_rest_put_preferences(const struct so_rest_op *op, struct so_rest_out *out, struct so_err *err)
{
    const struct so_prefer *p = &op->request.prefer;
    enum so_verb verb = op->request.verb;
    bool writes = verb != SO_VERB_READ, creates = verb == SO_VERB_INSERT, sets = creates || verb == SO_VERB_UPDATE;
    bool changes = verb == SO_VERB_UPDATE || verb == SO_VERB_DELETE || op->request.resource == SO_RESOURCE_FUNCTION;
    const struct {
        int value;
        const char *const *names;
    } ENTRIES[] = {
        {creates && op->plan.write.resolution != SO_RESOLUTION_NONE ? (int)p->resolution : 0,
         (const char *const[]){"", "resolution=merge-duplicates", "resolution=ignore-duplicates"}},
        {sets ? (int)p->missing : 0, (const char *const[]){"", "missing=null", "missing=default"}},
        {writes ? (int)p->ret : 0,
         (const char *const[]){"", "return=minimal", "return=headers-only", "return=representation"}},
        {(int)p->count, (const char *const[]){"", "count=exact", "count=planned", "count=estimated"}},
        {op->settings->tx_override ? (int)p->tx : 0, (const char *const[]){"", "tx=commit", "tx=rollback"}},
        {(int)p->handling, (const char *const[]){"", "handling=strict", "handling=lenient"}},
    };
    struct so_text t;
    so_text_init(&t, op->arena, 96);
    for (size_t i = 0; i < COUNT_OF(ENTRIES); i++) {
        if (ENTRIES[i].value == 0)
            continue;
        so_text_c(&t, t.len > 0 ? ", " : "");
        so_text_c(&t, ENTRIES[i].names[ENTRIES[i].value]);
    }
    if (p->timezone.p != NULL) {
        so_text_c(&t, t.len > 0 ? ", timezone=" : "timezone=");
        so_text_str(&t, p->timezone);
    }
    if (changes && p->max_affected >= 0 && p->handling == SO_HANDLING_STRICT) {
        so_text_c(&t, t.len > 0 ? ", max-affected=" : "max-affected=");
        so_text_u64(&t, (uint64_t)p->max_affected);
    }
    if (t.failed)
        return so_err_oom(err);
    if (t.len > 0)
        so_rest_put_header(out, SO_STR("Preference-Applied"), so_text_get(&t));
    return SO_OK;
}

void so_rest_put_allow(const struct so_rest_op *op, struct so_rest_out *out)
{
    struct so_str allow = SO_STR("OPTIONS,GET,HEAD");
    struct so_text t;
    if (op->plan.top.proc != NULL)
        allow = op->plan.top.proc->volatility == SO_VOLATILITY_VOLATILE ? SO_STR("OPTIONS,POST")
                                                                        : SO_STR("OPTIONS,GET,HEAD,POST");
    else if (op->request.resource == SO_RESOURCE_FUNCTION)
        allow = op->plan.top.routine->function->is_write ? SO_STR("OPTIONS,POST") : SO_STR("OPTIONS,GET,HEAD,POST");
    if (op->request.resource == SO_RESOURCE_RELATION) {
        const struct so_relation *r = op->plan.top.entity->relation;
        so_text_init(&t, op->arena, 64);
        so_text_str(&t, allow);
        so_text_c(&t, r->insertable ? ",POST" : "");
        so_text_c(&t, r->insertable && r->updatable && r->primary != NULL ? ",PUT" : "");
        so_text_c(&t, r->updatable ? ",PATCH" : "");
        so_text_c(&t, r->deletable ? ",DELETE" : "");
        allow = t.failed ? allow : so_text_get(&t);
    }
    so_rest_put_header(out, SO_STR("Allow"), allow);
}
