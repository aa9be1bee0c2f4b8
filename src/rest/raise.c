/* raise.c: RAISE sqlstate 'PTnnn' and 'PGRST'. */
#include "rest/raise.h"

#include "core/arena.h"
#include "json/json.h"

/* ---- PTnnn ---- */

static bool read_status(const struct so_err *err, struct so_raise *out)
{
    uint64_t status;
    struct so_str digits = so_str_c(err->id + 2);
    bool good = digits.n == 3 && so_str_to_u64(digits, &status) && status >= 100 && status <= 599;
    *out = (struct so_raise){.status = good ? (int)status : 500,
                             .code = so_str_c(err->id),
                             .message = so_str_c(err->message),
                             .details = err->details[0] == '\0' ? (struct so_str){NULL, 0} : so_str_c(err->details),
                             .hint = err->hint[0] == '\0' ? (struct so_str){NULL, 0} : so_str_c(err->hint)};
    return true;
}

/* ---- PGRST ---- */

static struct so_raise fault(struct so_arena *arena, const char *what, const char *value, const char *hint)
{
    struct so_str details =
        value == NULL ? so_str_c(what) : so_arena_printf(arena, "Invalid JSON value for %s: '%s'", what, value);
    return (struct so_raise){.status = 500,
                             .code = SO_STR("PGRST121"),
                             .message = SO_STR("Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error"),
                             .details = details,
                             .hint = so_str_c(hint)};
}

static bool parse_object(struct so_arena *arena, const char *text, struct so_json *out)
{
    return so_json_parse(arena, so_str_c(text), NULL, out, NULL) == SO_OK && out->type == SO_JSON_OBJECT;
}

static bool read_message(struct so_arena *arena, const struct so_err *err, struct so_raise *out)
{
    struct so_json message;
    if (!parse_object(arena, err->message, &message))
        return false;
    out->code = so_json_get_str(&message, SO_STR("code"));
    out->message = so_json_get_str(&message, SO_STR("message"));
    out->details = so_json_get_str(&message, SO_STR("details"));
    out->hint = so_json_get_str(&message, SO_STR("hint"));
    return out->code.p != NULL && out->message.p != NULL;
}

static bool read_detail(struct so_arena *arena, const struct so_err *err, struct so_raise *out)
{
    struct so_json detail;
    int64_t status;
    if (!parse_object(arena, err->details, &detail))
        return false;
    const struct so_json *number = so_json_get(&detail, SO_STR("status"));
    out->headers = so_json_get(&detail, SO_STR("headers"));
    if (number == NULL || !so_json_to_i64(number, &status) || status < 100 || status > 599)
        return false;
    out->status = (int)status;
    return out->headers != NULL && out->headers->type == SO_JSON_OBJECT;
}

static void read_answer(struct so_arena *arena, const struct so_err *err, struct so_raise *out)
{
    static const char MESSAGE_HINT[] =
        "MESSAGE must be a JSON object with obligatory keys: 'code', 'message' and optional keys: 'details', 'hint'.";
    static const char DETAIL_HINT[] =
        "DETAIL must be a JSON object with obligatory keys: 'status', 'headers' and optional key: 'status_text'.";
    *out = (struct so_raise){.status = 500};
    if (!read_message(arena, err, out))
        *out = fault(arena, "MESSAGE", err->message, MESSAGE_HINT);
    else if (err->details[0] == '\0')
        *out = fault(arena, "DETAIL is missing in the RAISE statement", NULL, DETAIL_HINT);
    else if (!read_detail(arena, err, out))
        *out = fault(arena, "DETAIL", err->details, DETAIL_HINT);
}

bool so_raise_read(const struct so_err *err, struct so_arena *arena, struct so_raise *out)
{
    struct so_str id = so_str_c(err->id);
    if (id.n == 5 && so_str_starts(id, SO_STR("PT")))
        return read_status(err, out);
    if (!so_str_eq(id, SO_STR("PGRST")))
        return false;
    read_answer(arena, err, out);
    return true;
}
