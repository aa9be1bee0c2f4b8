/* pg_error.c: what PostgreSQL and libpq say went wrong, as our errors. */
#include "db/pg_int.h"

/* The first whose prefix fits the SQLSTATE (PostgreSQL's manual, appendix A). */
static const struct {
    const char *prefix;
    int code, status;
} CODES[] = {
    {"57014", SO_ETIMEOUT, 0}, /* query_canceled */
    {"40001", SO_EBUSY, 0},    /* serialization_failure */
    {"40P01", SO_EBUSY, 0},    /* deadlock_detected */
    {"55P03", SO_EBUSY, 0},    /* lock_not_available */
    {"53200", SO_ENOMEM, 0},   /* the server's memory */
    {"53300", SO_EBUSY, 503},  /* too_many_connections */
    {"08", SO_EDB, 503},       /* the connection */
    {"57P", SO_EDB, 503},      /* the server is shutting down or starting */
    {"", SO_EDB, 0},
};

static int fill(struct so_err *err, const char *sqlstate, struct so_str message)
{
    size_t i = 0;
    while (!so_str_starts(so_str_c(sqlstate), so_str_c(CODES[i].prefix)))
        i++;
    return so_fail_http(err, CODES[i].code, CODES[i].status, sqlstate, "%.*s", SO_STR_ARG(message));
}

int so_pg_fail_result(const PGresult *result, struct so_err *err)
{
    const char *sqlstate = so_pq.resultErrorField(result, PG_DIAG_SQLSTATE);
    if (result == NULL)
        return so_err_oom(err);
    if (sqlstate == NULL) /* libpq's own: the connection is gone, or there was no memory for the answer */
        return so_fail_http(err, SO_EDB, 503, "08006", "the connection to the database was lost");
    bool is_first = err != NULL && err->code == SO_OK;
    int code = fill(err, sqlstate, so_str_c(so_pq.resultErrorField(result, PG_DIAG_MESSAGE_PRIMARY)));
    const char *details = so_pq.resultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
    const char *hint = so_pq.resultErrorField(result, PG_DIAG_MESSAGE_HINT);
    if (is_first && details != NULL)
        so_err_details(err, "%s", details);
    if (is_first && hint != NULL)
        so_err_hint(err, "%s", hint);
    return code;
}

/* libpq's sentences end in a newline, and may be several lines. */
static int fail_connection(PGconn *pg, const char *sqlstate, const char *message, struct so_err *err)
{
    struct so_str text = so_str_c(pg == NULL ? "" : so_pq.errorMessage(pg));
    while (text.n > 0 && text.p[text.n - 1] == '\n')
        text.n--;
    bool is_first = err != NULL && err->code == SO_OK;
    int code = fill(err, sqlstate, so_str_c(message));
    if (is_first && text.n > 0)
        so_err_details(err, "%.*s", SO_STR_ARG(text));
    return code;
}

int so_pg_fail_lost(PGconn *pg, struct so_err *err)
{
    return fail_connection(pg, "08006", "the connection to the database was lost", err);
}

int so_pg_fail_connect(PGconn *pg, struct so_err *err)
{
    return fail_connection(pg, "08001", "the database cannot be reached", err);
}

int so_pg_fail_timeout(struct so_err *err)
{
    return so_fail_http(err, SO_ETIMEOUT, 0, "57014", "canceling statement due to statement timeout");
}

bool so_pg_is_transient(const struct so_err *err)
{
    static const char *const IDS[] = {"40001", "40P01", "26000"};
    for (size_t i = 0; i < COUNT_OF(IDS); i++)
        if (so_str_eq_c(so_str_c(err->id), IDS[i]))
            return true;
    return so_str_eq_c(so_str_c(err->message), "cached plan must not change result type");
}

bool so_pg_is_stale(const PGresult *result)
{
    struct so_str sqlstate = so_str_c(so_pq.resultErrorField(result, PG_DIAG_SQLSTATE));
    /* 0A000 is said of many things; the function that says it of plans has kept its name since version 8.3. */
    return so_str_eq_c(sqlstate, "26000") ||
           (so_str_eq_c(sqlstate, "0A000") &&
            so_str_eq_c(so_str_c(so_pq.resultErrorField(result, PG_DIAG_SOURCE_FUNCTION)), "RevalidateCachedQuery"));
}
