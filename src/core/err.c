/* err.c: fill the one error type. */
#include "core/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/utf8.h"

/* vsnprintf() that never leaves half a UTF-8 character at the cut. */
static void put(char *, size_t, const char *, va_list) SO_PRINTF(3, 0);
static void put(char *out, size_t size, const char *format, va_list args)
{
    int len = vsnprintf(out, size, format, args);
    if (len < 0)
        out[0] = '\0';
    else if ((size_t)len >= size)
        out[so_utf8_cut(out, size - 1)] = '\0';
}

static void fill(struct so_err *, int, size_t, const char *, va_list) SO_PRINTF(4, 0);
static void fill(struct so_err *err, int code, size_t at, const char *format, va_list args)
{
    *err = (struct so_err){.code = code, .at = at};
    put(err->message, sizeof(err->message), format, args);
}

static bool is_free(const struct so_err *err) { return err != NULL && err->code == SO_OK; }

int so_fail(struct so_err *err, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (is_free(err))
        fill(err, code, SO_ERR_NOWHERE, format, args);
    va_end(args);
    return code;
}

int so_fail_at(struct so_err *err, int code, size_t at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (is_free(err))
        fill(err, code, at, format, args);
    va_end(args);
    return code;
}

int so_fail_http(struct so_err *err, int code, int status, const char *id, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (is_free(err)) {
        fill(err, code, SO_ERR_NOWHERE, format, args);
        err->status = status;
        snprintf(err->id, sizeof(err->id), "%s", id);
    }
    va_end(args);
    return code;
}

int so_err_oom(struct so_err *err) { return so_fail_http(err, SO_ENOMEM, 503, "53200", "out of memory"); }

void so_err_details(struct so_err *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (err != NULL)
        put(err->details, sizeof(err->details), format, args);
    va_end(args);
}

void so_err_hint(struct so_err *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (err != NULL)
        put(err->hint, sizeof(err->hint), format, args);
    va_end(args);
}

const char *so_code_name(int code)
{
    static const char *const NAMES[] = {
        [SO_OK] = "OK",
        [SO_ENOMEM] = "ENOMEM",
        [SO_ELIMIT] = "ELIMIT",
        [SO_EINVAL] = "EINVAL",
        [SO_EEXISTS] = "EEXISTS",
        [SO_ENOTFOUND] = "ENOTFOUND",
        [SO_EDENIED] = "EDENIED",
        [SO_EAUTH] = "EAUTH",
        [SO_EEXPIRED] = "EEXPIRED",
        [SO_EEARLY] = "EEARLY",
        [SO_EIO] = "EIO",
        [SO_EDB] = "EDB",
        [SO_ETIMEOUT] = "ETIMEOUT",
        [SO_EBUSY] = "EBUSY",
        [SO_ECLOSED] = "ECLOSED",
    };
    _Static_assert(COUNT_OF(NAMES) == SO_ECLOSED + 1, "every code has a name");
    return code >= 0 && (size_t)code < COUNT_OF(NAMES) ? NAMES[code] : "?";
}
