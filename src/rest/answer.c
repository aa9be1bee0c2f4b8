/* answer.c: the headers of an answer (PostgREST, Response.hs). */
#include "rest/op.h"
#include "rest/text.h"

void so_rest_put_header(struct so_rest_out *out, struct so_str name, struct so_str value)
{
    if (out->header_count < COUNT_OF(out->headers))
        out->headers[out->header_count++] = (struct so_rest_header){name, value};
}

void so_rest_put_content_type(const struct so_rest_op *op, struct so_rest_out *out)
{
    so_rest_put_header(out, SO_STR("Content-Type"), so_media_type(op->request.media));
    if (op->request.named_schema)
        so_rest_put_header(out, SO_STR("Content-Profile"), SO_STR("public"));
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

/* What of the preferences was honoured, in the reference's order. */
int so_rest_put_preferences(const struct so_rest_op *op, struct so_rest_out *out, struct so_err *err)
{
    const struct so_prefer *p = &op->request.prefer;
    enum so_verb verb = op->request.verb;
    bool writes = verb != SO_VERB_READ, creates = verb == SO_VERB_INSERT, sets = creates || verb == SO_VERB_UPDATE;
    bool changes = verb == SO_VERB_UPDATE || verb == SO_VERB_DELETE;
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
    if (op->request.resource == SO_RESOURCE_FUNCTION)
        allow = op->plan.top.routine->function->is_write ? SO_STR("OPTIONS,POST") : SO_STR("OPTIONS,GET,HEAD,POST");
    if (op->request.resource == SO_RESOURCE_RELATION && !op->plan.top.entity->relation->is_view)
        allow = op->plan.top.entity->relation->primary != NULL ? SO_STR("OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE")
                                                               : SO_STR("OPTIONS,GET,HEAD,POST,PATCH,DELETE");
    so_rest_put_header(out, SO_STR("Allow"), allow);
}
