/* reply.c: answers that belong to no service: errors of the door itself. */
#include "app/internal.h"
#include "json/write.h"

static void member(struct so_jw *w, const char *key, const char *value)
{
    so_jw_member_cstr(w, key, value != NULL && value[0] != '\0' ? value : NULL);
}

static void reply(struct so_http_exchange *x, int status, const char *code, const char *message, const char *details,
                  const char *hint)
{
    struct so_jw w;
    so_jw_init(&w, so_http_reply_body(x));
    so_jw_object(&w);
    member(&w, "code", code);
    member(&w, "details", details);
    member(&w, "hint", hint);
    member(&w, "message", message);
    so_jw_end_object(&w);
    so_http_reply_header(x, SO_STR("Content-Type"), SO_STR("application/json; charset=utf-8"));
    if (status == 503 || status == 429)
        so_http_reply_header(x, SO_STR("Retry-After"), SO_STR("1"));
    so_http_reply_send(x, status);
}

void so_app_reply_error(struct so_http_exchange *x, int status, const char *code, const char *message, const char *hint)
{
    reply(x, status, code, message, NULL, hint);
}

void so_app_reply_err(struct so_http_exchange *x, const struct so_err *err)
{
    static const struct {
        int code, status;
    } STATUS[] = {{SO_ENOMEM, 503},    {SO_EBUSY, 503}, {SO_ECLOSED, 503},  {SO_ELIMIT, 413},  {SO_EINVAL, 400},
                  {SO_ENOTFOUND, 404}, {SO_EAUTH, 401}, {SO_EEXPIRED, 401}, {SO_EDENIED, 403}, {SO_ETIMEOUT, 504}};
    int status = err->status;
    for (size_t i = 0; status == 0 && i < COUNT_OF(STATUS); i++)
        if (STATUS[i].code == err->code)
            status = STATUS[i].status;
    reply(x, status == 0 ? 500 : status, err->id, err->message, err->details, err->hint);
}
