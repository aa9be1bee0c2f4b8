/* errors.c: the rows of errors.h as a table. */
#include "auth/errors.h"

#include <stdarg.h>
#include <stdio.h>

static const struct so_auth_error_row ROWS[SO_AUTH_ERROR_COUNT] = {
#define X(name, code, status, message) [SO_AUTH_##name] = {code, status, message},
    SO_AUTH_ERRORS(X)
#undef X
};

const struct so_auth_error_row *so_auth_error_row(enum so_auth_error error) { return &ROWS[error]; }

static int code_of_status(int status)
{
    static const struct {
        int status, code;
    } CODES[] = {
        {401, SO_EAUTH}, {403, SO_EDENIED}, {404, SO_ENOTFOUND}, {405, SO_ENOTFOUND}, {413, SO_ELIMIT},
        {429, SO_EBUSY}, {503, SO_EBUSY},   {504, SO_ETIMEOUT},  {500, SO_EIO},
    };
    for (size_t i = 0; i < COUNT_OF(CODES); i++)
        if (CODES[i].status == status)
            return CODES[i].code;
    return SO_EINVAL;
}

int so_auth_fail(struct so_err *err, enum so_auth_error error)
{
    const struct so_auth_error_row *row = &ROWS[error];
    return so_fail_http(err, code_of_status(row->status), row->status, row->id, "%s", row->message);
}

int so_auth_fail_with(struct so_err *err, enum so_auth_error error, const char *format, ...)
{
    const struct so_auth_error_row *row = &ROWS[error];
    char message[sizeof(err->message)];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    return so_fail_http(err, code_of_status(row->status), row->status, row->id, "%s", message);
}
