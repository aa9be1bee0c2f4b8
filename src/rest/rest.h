/* rest.h: the data API: the PostgREST dialect over the catalog and the model.  Knows no sockets.
 *
 *   struct so_rest_in  -> request.c  what URL, headers and body say           (no database knowledge)
 *                      -> plan.c     resolved against catalog, model, policies
 *                      -> sql.c      one statement for the dialect, with its parameters and row shape
 *                      -> run.c      statement -> rows -> JSON, checks, status and headers
 *
 * so_rest_prepare() is the first three stages: pure, never blocks, any thread.  so_rest_run() is the last one, on a reader's
 * connection or, when the operation writes, on the writer's inside its savepoint: what it returns other than SO_OK must undo
 * the write. */
#ifndef SO_REST_REST_H
#define SO_REST_REST_H

#include "core/arena.h"
#include "core/buf.h"
#include "core/err.h"
#include "db/catalog.h"
#include "db/db.h"
#include "db/identity.h"
#include "model/model.h"

/* What the database and the schema files are at one moment.  Requests hold a reference while they run. */
struct so_snapshot {
    struct so_catalog *catalog;
    struct so_model *model;
    int refs;
};
int so_snapshot_new(struct so_catalog *catalog, struct so_model *model, struct so_snapshot **out,
                    struct so_err *err) SO_MUST_CHECK; /* takes both */
struct so_snapshot *so_snapshot_ref(struct so_snapshot *s);
void so_snapshot_unref(struct so_snapshot *s);

struct so_rest_header {
    struct so_str name, value;
};

struct so_rest_in {
    struct so_str method; /* "GET" */
    struct so_str path;   /* after "/rest/v1/": "books", "rpc/f", ""; still percent-encoded */
    struct so_str query;  /* still encoded; p == NULL when absent */
    const struct so_rest_header *headers;
    size_t header_count;
    struct so_str body;
    const struct so_identity *who;
};

/* What the root document shows; the same order as the choices in app/config.c. */
enum so_openapi_mode { SO_OPENAPI_FOLLOWS, SO_OPENAPI_SHOWS_ALL, SO_OPENAPI_DISABLED };

/* PostgreSQL's. */
struct so_rest_pg_settings {
    const struct so_str *extra_search_path;
    size_t extra_search_path_count;
    struct so_str anon_role; /* of requests without a token; p == NULL: the role's name as Socle calls it */
    const struct so_proc_setting *app_settings; /* that every transaction has */
    struct so_str pre_request;                  /* a function's name, with or without its schema; p == NULL: none */
};

struct so_rest_settings {
    struct so_rest_pg_settings pg;
    int64_t max_rows;   /* SOCLE_DB_MAX_ROWS: no answer holds more rows; 0: no limit */
    size_t body_max;    /* bytes of an answer */
    struct so_str path; /* SOCLE_REST_PATH, as the root document says it */
    bool aggregates;    /* sum(), avg(), min(), max() in select; count() is always allowed */
    bool tx_rolls_back; /* every write is undone after it was answered */
    bool tx_override;   /* ... unless Prefer: tx=commit or tx=rollback says otherwise */
    bool plan;          /* application/vnd.pgrst.plan */
    enum so_openapi_mode openapi;
};

/* The role that a request takes in a database with roles of its own. */
struct so_str so_rest_role(const struct so_rest_settings *settings, const struct so_identity *who);

struct so_rest_op; /* in the request's arena */

/* SO_OK, or an error that so_rest_error() turns into the answer. */
int so_rest_prepare(const struct so_rest_in *in, const struct so_snapshot *snapshot, const struct so_rest_settings *settings,
                    struct so_arena *arena, struct so_rest_op **out, struct so_err *err) SO_MUST_CHECK;
/* Whether so_rest_run() wants the writer's connection. */
bool so_rest_writes(const struct so_rest_op *op);

enum { SO_REST_HEADERS_MAX = 32 };
struct so_rest_out {
    int status;
    struct so_rest_header headers[SO_REST_HEADERS_MAX]; /* Content-Type, Content-Range, Location, Preference-Applied ... in
                                                           the request's arena */
    size_t header_count;
    /* For 422: what was wrong with the rows; the app need not look, so_rest_error() writes it. */
    const struct so_violation *violations;
};

/* Runs and writes the body into `body`, which is empty.  May run again, with an empty body, after a run that was undone.
 * What `in` and `snapshot` pointed to when the op was prepared must still be there.  After a failure `body` holds nothing to
 * be used; call so_rest_error(). */
int so_rest_run(struct so_rest_op *op, struct so_conn *conn, struct so_rest_out *out, struct so_buf *body,
                struct so_err *err) SO_MUST_CHECK;

/* ---- on PostgreSQL: what so_rest_run() would do, for a pool that does not block ---- */

struct so_pg_query;
/* One transaction, BEGIN and COMMIT left out.  Lives in the request's arena. */
struct so_rest_transaction {
    const struct so_pg_query *queries;
    size_t query_count;
    bool reads;      /* changes nothing */
    bool is_checked; /* so_rest_answer() must be asked before the commit: what it returns other than SO_OK undoes all */
    bool rolls_back; /* is undone even if all went well */
};
/* NULL when so_rest_run() does it without a connection: OPTIONS, the root document, a body that was refused. */
const struct so_rest_transaction *so_rest_transaction(const struct so_rest_op *op);
/* As so_rest_run(), from the queries' answers. */
int so_rest_answer(struct so_rest_op *op, struct so_stmt *const *answers, struct so_rest_out *out, struct so_buf *body,
                   struct so_err *err) SO_MUST_CHECK;

/* The answer to a failure of prepare or run: status, headers and the four-member body (and `errors` when there are
 * violations). op may be NULL (when prepare failed).  An anonymous caller's 42501 is 401. */
void so_rest_error(const struct so_rest_op *op, const struct so_identity *who, const struct so_err *err,
                   struct so_rest_out *out, struct so_buf *body);

#endif
