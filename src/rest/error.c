/* error.c: a failure as the answer: status and the body with its four members (PostgREST, Error.hs). */
#include "rest/op.h"
#include "rest/raise.h"
#include "json/write.h"

/* SQLSTATE -> status, the longest prefix counts.  What is in no row is the client's fault: 400. */
static const struct {
    const char *prefix;
    int status;
} SQLSTATES[] = {
    {"08", 503},    /* connection */
    {"09", 500},    /* triggered action */
    {"0L", 403},    /* grantor */
    {"0P", 403},    /* role */
    {"21000", 500}, /* more than one row from a subquery */
    {"23503", 409}, /* foreign key */
    {"23505", 409}, /* unique */
    {"25006", 405}, /* read only */
    {"25", 500},    /* transaction state */
    {"28", 403},    /* authorisation */
    {"2D", 500},    /* transaction end */
    {"38", 500},    /* external routine */
    {"39", 500},    /* its call */
    {"3B", 500},    /* savepoint */
    {"40", 500},    /* rollback */
    {"42501", 403}, /* privilege; 401 for the anonymous */
    {"42883", 404}, /* no such function */
    {"42P01", 404}, /* no such table */
    {"42P17", 500}, /* recursion */
    {"53400", 500}, /* configured limit */
    {"53", 503},    /* resources */
    {"54", 500},    /* too complex */
    {"55", 500},    /* object state */
    {"57014", 504}, /* time limit */
    {"57P01", 503}, /* shutdown */
    {"57", 500},    /* operator */
    {"58", 500},    /* system */
    {"F0", 500},    /* configuration file */
    {"HV", 500},    /* foreign data */
    {"P0001", 400}, /* RAISE */
    {"P0", 500},    /* PL/pgSQL */
    {"XX", 500},    /* internal */
};

/* Failures that carry no code of the field. */
static const struct {
    int code, status;
    const char *id;
} CODES[] = {
    {SO_ENOMEM, 503, "53200"}, {SO_ELIMIT, 413, "54000"},  {SO_ETIMEOUT, 504, "57014"},
    {SO_EBUSY, 503, "53300"},  {SO_ECLOSED, 503, "57P01"}, {SO_EINVAL, 400, "22000"},
};

static int status_of_sqlstate(const char *id)
{
    int status = 400;
    size_t longest = 0;
    for (size_t i = 0; i < COUNT_OF(SQLSTATES); i++) {
        size_t n = strlen(SQLSTATES[i].prefix);
        if (n > longest && strncmp(id, SQLSTATES[i].prefix, n) == 0) {
            status = SQLSTATES[i].status;
            longest = n;
        }
    }
    return status;
}

/* Where the SQLSTATE alone does not decide. */
static const struct {
    const char *id, *begins, *ends;
    int status;
} SENTENCES[] = {
    {"21000", "", "requires a WHERE clause", 400}, /* the extension safeupdate */
    {"22023", "role ", "does not exist", 401},     /* of a token */
    {"42883", "function xmlagg(", "", 406},
};

static int status_of_sentence(const struct so_err *err, int status)
{
    struct so_str message = so_str_c(err->message);
    for (size_t i = 0; i < COUNT_OF(SENTENCES); i++)
        if (strcmp(err->id, SENTENCES[i].id) == 0 && so_str_starts(message, so_str_c(SENTENCES[i].begins)) &&
            so_str_ends(message, so_str_c(SENTENCES[i].ends)))
            return SENTENCES[i].status;
    return status;
}

struct verdict {
    int status;
    const char *id;
};

static struct verdict judge(const struct so_err *err, const struct so_identity *who)
{
    struct verdict v = {err->status, err->id};
    for (size_t i = 0; v.id[0] == '\0' && i < COUNT_OF(CODES); i++)
        if (err->code == CODES[i].code)
            v = (struct verdict){v.status != 0 ? v.status : CODES[i].status, CODES[i].id};
    if (v.id[0] == '\0')
        v.id = "XX000";
    if (v.status == 0)
        v.status = status_of_sentence(err, status_of_sqlstate(v.id));
    if (strcmp(v.id, "42501") == 0)
        v.status = who == NULL || who->role == SO_ROLE_ANON ? 401 : 403;
    return v;
}

static void put_violations(struct so_jw *w, const struct so_violation *violations)
{
    so_jw_key(w, SO_STR("errors"));
    so_jw_array(w);
    for (const struct so_violation *v = violations; v != NULL; v = v->next) {
        so_jw_object(w);
        so_jw_member_str(w, "instanceLocation", v->instance_location);
        so_jw_member_str(w, "keywordLocation", v->keyword_location);
        so_jw_member_str(w, "keyword", v->keyword);
        so_jw_member_str(w, "message", v->message);
        so_jw_end_object(w);
    }
    so_jw_end_array(w);
}

/* Every sentence, a line each. */
static void put_sentences(struct so_jw *w, const struct so_violation *violations)
{
    struct so_buf all;
    so_buf_init(&all, 64 * 1024);
    for (const struct so_violation *v = violations; v != NULL; v = v->next) {
        so_buf_put_str(&all, v->message);
        if (v->next != NULL)
            so_buf_lit(&all, "\n");
    }
    so_jw_str(w, so_buf_str(&all));
    so_buf_deinit(&all);
}

static void put_text(struct so_jw *w, const char *text) { so_jw_cstr(w, text[0] == '\0' ? NULL : text); }

static void put_details(struct so_jw *w, const struct so_err *err, const struct so_violation *violations)
{
    if (violations != NULL)
        put_sentences(w, violations);
    else if (strcmp(err->id, "PGRST201") == 0 && err->details[0] == '[') /* embed.c writes JSON */
        so_jw_raw(w, so_str_c(err->details));
    else if (strncmp(err->id, "08", 2) == 0) /* hosts and users of the database: for the log, not for strangers */
        so_jw_null(w);
    else
        put_text(w, err->details);
}

static void put_or_null(struct so_jw *w, const char *key, struct so_str value)
{
    so_jw_key(w, so_str_c(key));
    if (value.p == NULL)
        so_jw_null(w);
    else
        so_jw_str(w, value);
}

/* An answer that the user's own SQL wrote. */
static void put_raise(const struct so_rest_op *op, const struct so_raise *raise, struct so_rest_out *out,
                      struct so_buf *body)
{
    struct so_jw w;
    *out = (struct so_rest_out){.status = raise->status};
    so_rest_put_header(out, SO_STR("Content-Type"), so_media_type(SO_MEDIA_JSON));
    for (uint32_t i = 0; raise->headers != NULL && i < raise->headers->len; i++) {
        const struct so_json_member *m = &raise->headers->u.members[i];
        if (m->value.type == SO_JSON_STRING && so_rest_is_header(so_json_key(m), so_json_str(&m->value)))
            so_rest_put_header(out, so_json_key(m), so_json_str(&m->value));
    }
    so_buf_reset(body);
    if (op->request.head)
        return;
    so_jw_init(&w, body);
    so_jw_object(&w);
    put_or_null(&w, "code", raise->code);
    put_or_null(&w, "details", raise->details);
    put_or_null(&w, "hint", raise->hint);
    put_or_null(&w, "message", raise->message);
    so_jw_end_object(&w);
}

void so_rest_error(const struct so_rest_op *op, const struct so_identity *who, const struct so_err *err,
                   struct so_rest_out *out, struct so_buf *body)
{
    struct so_raise raise;
    if (op != NULL && so_raise_read(err, op->arena, &raise)) {
        put_raise(op, &raise, out, body);
        return;
    }
    struct verdict v = judge(err, who);
    const struct so_violation *violations = op != NULL && v.status == 422 ? op->plan.violations : NULL;
    *out = (struct so_rest_out){.status = v.status, .violations = violations};
    so_rest_put_header(out, SO_STR("Content-Type"), so_media_type(SO_MEDIA_JSON));
    if (v.status == 401)
        so_rest_put_header(out, SO_STR("WWW-Authenticate"), SO_STR("Bearer"));
    if (op != NULL && op->range_total >= 0 && strcmp(v.id, "PGRST103") == 0)
        (void)!so_rest_put_content_range(op, out, 1, 0, op->range_total, NULL);
    if (v.status == 503)
        so_rest_put_header(out, SO_STR("Retry-After"), SO_STR("1"));
    so_buf_reset(body);
    if (op != NULL && op->request.head)
        return;
    struct so_jw w;
    so_jw_init(&w, body);
    so_jw_object(&w);
    so_jw_member_cstr(&w, "code", v.id);
    so_jw_key(&w, SO_STR("details"));
    put_details(&w, err, violations);
    so_jw_key(&w, SO_STR("hint"));
    put_text(&w, err->hint);
    so_jw_member_cstr(&w, "message", err->message);
    if (violations != NULL)
        put_violations(&w, violations);
    so_jw_end_object(&w);
}
