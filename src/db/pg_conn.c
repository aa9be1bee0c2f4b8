/* pg_conn.c: a connection to PostgreSQL for threads that may block: connecting, waiting under a deadline, cancelling.
 *
 * libpq is used in its non-blocking form and waited for with poll(), because its blocking calls know no deadline.
 * A connection that was lost is made again by the next call outside a transaction; a transaction that was lost stays lost:
 * its calls fail with 08006 until it is ended. */
#include "db/pg_int.h"

#include <errno.h>
#include <poll.h>

#include "core/clock.h"
#include "core/mem.h"

enum { CANCEL_GRACE_MS = 2000 }; /* for the answer to a cancelled statement */

/* ---- connecting ---- */

static void ignore_notice(void *unused, const char *message) { (void)unused, (void)message; }

void so_pg_connect_params(const char *url, const char *keywords[SO_PG_CONNECT_PARAMS],
                          const char *values[SO_PG_CONNECT_PARAMS])
{
    const struct {
        const char *keyword, *value;
    } PARAMS[SO_PG_CONNECT_PARAMS] = {
        {"fallback_application_name", "socle"},
        {"connect_timeout", "5"},      /* seconds */
        {"tcp_user_timeout", "15000"}, /* ms until a server that says nothing any more is given up */
        {"dbname", url},               /* overrides what is above it */
        {"client_encoding", "UTF8"},
    };
    for (size_t i = 0; i < SO_PG_CONNECT_PARAMS; i++) {
        keywords[i] = PARAMS[i].keyword; /* NULL at the end */
        values[i] = PARAMS[i].value;
    }
}

/* What our statements and the readers of their text count on.  Not through a pooler, which would hand the settings to the
 * next user of the server's process. */
static const char *session_settings(const struct so_pg_conn *conn)
{
    if (conn->setup->options.unprepared)
        return NULL;
    return conn->kind == SO_CONN_READER ? "SET standard_conforming_strings=on; SET datestyle=ISO; SET timezone='UTC';"
                                          "SET default_transaction_read_only=on"
                                        : "SET standard_conforming_strings=on; SET datestyle=ISO; SET timezone='UTC'";
}

static void disconnect(struct so_pg_conn *conn)
{
    so_pq.finish(conn->pg);
    conn->pg = NULL;
    conn->generation++;
    conn->was_in_transaction = false;
}

static int connect_to(struct so_pg_conn *conn, struct so_err *err)
{
    const char *keywords[SO_PG_CONNECT_PARAMS], *values[SO_PG_CONNECT_PARAMS];
    so_pg_connect_params(conn->setup->url, keywords, values);
    disconnect(conn);
    conn->pg = so_pq.connectdbParams(keywords, values, 1);
    if (conn->pg == NULL)
        return so_err_oom(err);
    if (so_pq.status(conn->pg) != CONNECTION_OK || so_pq.setnonblocking(conn->pg, 1) != 0) {
        int rc = so_pg_fail_connect(conn->pg, err);
        disconnect(conn);
        return rc;
    }
    so_pq.setNoticeProcessor(conn->pg, ignore_notice, NULL);
    const char *settings = session_settings(conn);
    return settings == NULL ? SO_OK : so_pg_conn_exec(&conn->base, settings, err);
}

static bool is_lost(const struct so_pg_conn *conn) { return conn->pg == NULL || so_pq.status(conn->pg) != CONNECTION_OK; }

int so_pg_conn_ready(struct so_pg_conn *conn, struct so_err *err)
{
    if (!is_lost(conn))
        return SO_OK;
    return conn->was_in_transaction ? so_pg_fail_lost(conn->pg, err) : connect_to(conn, err);
}

int so_pg_conn_open(const struct so_db_setup *setup, enum so_conn_kind kind, struct so_conn **out, struct so_err *err)
{
    struct so_pg_conn *conn = so_calloc(1, sizeof(*conn));
    if (conn == NULL)
        return so_err_oom(err);
    conn->base = (struct so_conn){.driver = &so_pg_driver, .deadline = INT64_MAX};
    conn->kind = kind;
    conn->setup = setup;
    int rc = kind == SO_CONN_READER ? so_pg_conn_ready(conn, err) : SO_OK; /* a writer connects for its first job */
    if (rc != SO_OK) {
        so_conn_close(&conn->base);
        return rc;
    }
    *out = &conn->base;
    return SO_OK;
}

static void close_conn(struct so_conn *base)
{
    struct so_pg_conn *conn = so_pg_conn_of(base);
    so_pg_prepared_deinit(conn);
    so_pq.finish(conn->pg);
    so_free(conn);
}

static bool is_usable(const struct so_conn *base)
{
    const struct so_pg_conn *conn = (const struct so_pg_conn *)base;
    return !is_lost(conn) && so_pq.transactionStatus(conn->pg) == PQTRANS_IDLE;
}

static bool in_transaction(const struct so_conn *base) { return ((const struct so_pg_conn *)base)->was_in_transaction; }

/* ---- waiting ---- */

/* Milliseconds for poll(): rounded up, 0 when the deadline has passed. */
static int milliseconds_until(int64_t deadline)
{
    if (deadline == INT64_MAX)
        return -1;
    int64_t left = deadline - so_clock_mono_ns();
    return left <= 0 ? 0 : left >= (int64_t)INT32_MAX * 1000000 ? INT32_MAX : (int)((left + 999999) / 1000000);
}

enum wait { READY, LATE, LOST };

static enum wait wait_for(struct so_pg_conn *conn, short events, int64_t deadline)
{
    struct pollfd fd = {.fd = so_pq.socket(conn->pg), .events = events};
    if (fd.fd < 0)
        return LOST;
    for (;;) {
        int n = poll(&fd, 1, milliseconds_until(deadline));
        if (n == 0)
            return LATE;
        if (n > 0)
            return (fd.revents & POLLIN) != 0 && so_pq.consumeInput(conn->pg) == 0 ? LOST : READY;
        if (errno != EINTR)
            return LOST;
    }
}

static enum wait flush(struct so_pg_conn *conn, int64_t deadline)
{
    int left;
    enum wait w = READY;
    while (w == READY && (left = so_pq.flush(conn->pg)) != 0)
        w = left < 0 ? LOST : wait_for(conn, POLLIN | POLLOUT, deadline);
    return w;
}

static bool is_copy(const PGresult *result)
{
    ExecStatusType status = so_pq.resultStatus(result);
    return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
}

/* The last result, but the first error before others. */
static enum wait collect(struct so_pg_conn *conn, int64_t deadline, PGresult **out)
{
    enum wait w = flush(conn, deadline);
    while (w != LATE) { /* a lost connection has results, too: what the server said last */
        if (so_pq.isBusy(conn->pg) && w == READY) {
            w = wait_for(conn, POLLIN, deadline);
            continue;
        }
        PGresult *result = so_pq.getResult(conn->pg);
        if (result == NULL)
            break;
        bool keeps = *out != NULL && so_pq.resultStatus(*out) == PGRES_FATAL_ERROR;
        so_pq.clear(keeps ? result : *out);
        *out = keeps ? *out : result;
        if (so_pq.status(conn->pg) != CONNECTION_OK || is_copy(*out))
            break;
    }
    return w;
}

static void cancel(struct so_pg_conn *conn)
{
    char why[256];
    PGcancel *handle = so_pq.getCancel(conn->pg);
    if (handle != NULL)
        (void)!so_pq.cancel(handle, why, sizeof(why));
    so_pq.freeCancel(handle);
}

static bool is_error(const PGresult *result)
{
    ExecStatusType status = so_pq.resultStatus(result);
    return status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE;
}

static bool says(const PGresult *result, const char *sqlstate)
{
    return so_str_eq_c(so_str_c(so_pq.resultErrorField(result, PG_DIAG_SQLSTATE)), sqlstate);
}

int so_pg_conn_finish(struct so_pg_conn *conn, PGresult **out, struct so_err *err)
{
    PGresult *result = NULL;
    bool is_late = collect(conn, conn->base.deadline, &result) == LATE;
    if (is_late) {
        cancel(conn);
        if (collect(conn, so_clock_mono_ns() + CANCEL_GRACE_MS * INT64_C(1000000), &result) == LATE) {
            so_pq.clear(result);
            bool had_transaction = conn->was_in_transaction;
            disconnect(conn);
            conn->was_in_transaction = had_transaction;
            return so_pg_fail_timeout(err);
        }
    }
    if (is_copy(result)) { /* nobody here could go on with it */
        so_pq.clear(result);
        disconnect(conn);
        return so_fail_http(err, SO_EDB, 0, "0A000", "COPY is not supported");
    }
    if (!is_lost(conn)) /* of a lost one the last known state stays */
        conn->was_in_transaction = so_pq.transactionStatus(conn->pg) != PQTRANS_IDLE;
    int rc = SO_OK;
    if (result == NULL)
        rc = so_pg_fail_lost(conn->pg, err);
    else if (is_late && says(result, "57014"))
        rc = so_pg_fail_timeout(err);
    else if (is_error(result))
        rc = so_pg_fail_result(result, err);
    if (result != NULL)
        *out = result;
    return rc;
}

/* ---- several statements at once ---- */

static int exec_once(struct so_pg_conn *conn, const char *sql, struct so_err *err)
{
    PGresult *result = NULL;
    int rc = so_pq.sendQuery(conn->pg, sql) != 1 ? so_pg_fail_lost(conn->pg, err) : so_pg_conn_finish(conn, &result, err);
    so_pq.clear(result);
    return rc;
}

int so_pg_conn_exec(struct so_conn *base, const char *sql, struct so_err *err)
{
    struct so_pg_conn *conn = so_pg_conn_of(base);
    int rc = so_pg_conn_ready(conn, err);
    if (rc != SO_OK) {
        conn->was_in_transaction = false; /* this call is taken for the end of what was lost */
        return rc;
    }
    return exec_once(conn, sql, err);
}

static bool takes(struct so_str url) { return so_db_is_postgres_url(url); }

/* The URL's form; the server need not be there yet. */
static int check(const struct so_db_setup *setup, struct so_err *err)
{
    int rc = so_pq_load(err);
    if (rc != SO_OK)
        return rc;
    PQconninfoOption *options =
        so_pq.conninfoParse(setup->url, NULL); /* what it says repeats the URL, which holds a password */
    if (options == NULL)
        return so_fail(
            err, SO_EINVAL,
            "the URL of the database is not valid: postgresql://USER:PASSWORD@HOST:PORT/NAME?sslmode=verify-full");
    so_pq.conninfoFree(options);
    return SO_OK;
}

const struct so_driver so_pg_driver = {
    .takes = takes,
    .check = check,
    .conn_open = so_pg_conn_open,
    .conn_close = close_conn,
    .conn_is_usable = is_usable,
    .prepare = so_pg_prepare,
    .exec = so_pg_conn_exec,
    .in_transaction = in_transaction,
    .writer_open = so_pg_jobs_open,
    .writer_close = so_pg_jobs_close,
};
