/* store.c: kept broadcasts as rows, one statement set for both databases.
 *
 *   at     microseconds since 1970, no two of one process alike, so that it is the order, too
 *   until  when it is no longer told; bytes: what it counts for, a row's own weight included */
#include "realtime/store.h"

#include <pthread.h>
#include <stdio.h>

#include "core/arena.h"
#include "core/clock.h"
#include "core/mem.h"

enum {
    ROW_WEIGHT = 256,    /* bytes of a row beside its body */
    SWEEPS_PER_MAX = 16, /* a sweep whenever so small a part of bytes_max was put: the table outgrows it by no more */
    SQL_MAX = 512
};
#define US_PER_SECOND INT64_C(1000000)

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

enum statement { PUT, CROP, RECALL, EXPIRE, SHRINK, STATEMENTS };

/* @: the table. */
static const char *const SQL[STATEMENTS] = {
    [PUT] = "INSERT INTO @ (id, topic, event, encoding, body, at, until, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [CROP] = "DELETE FROM @ WHERE topic = ?1 AND at <="
             " (SELECT at FROM @ WHERE topic = ?1 ORDER BY at DESC LIMIT 1 OFFSET ?2)",
    [RECALL] = "SELECT id, event, encoding, body FROM @ WHERE topic = ?1 AND at >= ?2 AND until > ?3"
               " ORDER BY at DESC LIMIT ?4",
    [EXPIRE] = "DELETE FROM @ WHERE until <= ?1",
    [SHRINK] = "DELETE FROM @ WHERE at <= (SELECT max(at) FROM"
               " (SELECT at, sum(bytes) OVER (ORDER BY at DESC) AS total FROM @) AS sums WHERE total > ?1)",
};
static const char MAKE_SQLITE[] =
    "CREATE TABLE IF NOT EXISTS _socle_messages (id TEXT PRIMARY KEY, topic TEXT NOT NULL, event TEXT NOT NULL,"
    " encoding INTEGER NOT NULL, at INTEGER NOT NULL, until INTEGER NOT NULL, bytes INTEGER NOT NULL, body BLOB NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS _socle_messages_topic ON _socle_messages (topic, at);"
    "CREATE INDEX IF NOT EXISTS _socle_messages_at ON _socle_messages (at, bytes);"
    "CREATE INDEX IF NOT EXISTS _socle_messages_until ON _socle_messages (until)";
/* Two servers that make it at once take turns. */
static const char MAKE_POSTGRES[] =
    "SELECT pg_advisory_xact_lock(7305804403);"
    "CREATE TABLE IF NOT EXISTS socle.messages (id text PRIMARY KEY, topic text NOT NULL, event text NOT NULL,"
    " encoding int NOT NULL, at bigint NOT NULL, until bigint NOT NULL, bytes bigint NOT NULL, body bytea NOT NULL);"
    "CREATE INDEX IF NOT EXISTS messages_topic ON socle.messages (topic, at);"
    "CREATE INDEX IF NOT EXISTS messages_at ON socle.messages (at, bytes);"
    "CREATE INDEX IF NOT EXISTS messages_until ON socle.messages (until);"
    "REVOKE ALL ON socle.messages FROM PUBLIC";

/* In the order in which they were asked for. */
struct queue {
    struct errand *first, **end;
};

struct so_store {
    struct so_store_options options;
    const char *make;
    char sql[STATEMENTS][SQL_MAX];
    pthread_mutex_t lock;
    struct queue puts;    /* under the lock: those on their way */
    struct queue recalls; /* and those that wait until what was put before them is there */
    int64_t tickets;
    bool is_made;    /* atomic: the table is there */
    int64_t last_at; /* atomic */
    int64_t unswept; /* atomic: bytes put since the last sweep */
};

static void write_statement(char out[SQL_MAX], const char *text, const char *table)
{
    for (; *text != '\0'; text++)
        if (*text == '@')
            out = stpcpy(out, table);
        else
            *out++ = *text;
    *out = '\0';
}

int so_store_open(const struct so_store_options *options, struct so_store **out, struct so_err *err)
{
    struct so_store *s = so_calloc(1, sizeof(*s));
    if (s == NULL)
        return so_err_oom(err);
    bool is_postgres = so_db_is_postgres(options->db);
    pthread_mutex_init(&s->lock, NULL);
    s->puts.end = &s->puts.first;
    s->recalls.end = &s->recalls.first;
    s->options = *options;
    s->make = is_postgres ? MAKE_POSTGRES : MAKE_SQLITE;
    s->unswept = options->bytes_max; /* the first message sweeps what an earlier process left */
    for (int i = 0; i < STATEMENTS; i++)
        write_statement(s->sql[i], SQL[i], is_postgres ? "socle.messages" : "_socle_messages");
    *out = s;
    return SO_OK;
}

void so_store_close(struct so_store *s)
{
    if (s == NULL)
        return;
    pthread_mutex_destroy(&s->lock);
    so_free(s);
}

/* ---- ids ---- */

static const struct so_str ID = SO_STR_INIT("\"id\":\"");

struct so_str so_store_meta(const char id[SO_STORE_ID + 1], bool is_replayed, char buffer[SO_STORE_META_MAX])
{
    int n = snprintf(buffer, SO_STORE_META_MAX, "{%s\"id\":\"%s\"}", is_replayed ? "\"replayed\":true," : "", id);
    return so_str(buffer, (size_t)n);
}

struct so_str so_store_id(struct so_str meta)
{
    for (size_t i = 0; i + ID.n + SO_STORE_ID < meta.n; i++)
        if (so_str_starts(so_str_slice(meta, i, meta.n), ID) && meta.p[i + ID.n + SO_STORE_ID] == '"')
            return so_str_slice(meta, i + ID.n, i + ID.n + SO_STORE_ID);
    return so_str(NULL, 0);
}

/* ---- what is asked of the database ---- */

/* One put, or one recall, from a loop to the writer and back. */
struct errand {
    struct so_db_job job;
    struct so_task task;
    struct so_store *store;
    struct so_loop *loop;
    struct errand *next; /* of its queue */
    int64_t ticket;
    struct so_note *note; /* of a put */
    int64_t until_us;
    int64_t at_us, limit; /* a put's moment; since when to recall */
    void (*put_done)(void *arg, const struct so_err *err);
    void (*recall_done)(void *arg, struct so_note *const *notes, size_t count, const struct so_err *err);
    void *arg;
    struct so_note *notes[SO_STORE_RECALL_MAX]; /* recalled, the newest first */
    size_t note_count;
    struct so_str topic; /* of a recall */
    char text[];
};

static void drop_notes(struct errand *e)
{
    while (e->note_count > 0)
        so_note_unref(e->notes[--e->note_count]);
}

static void reverse(struct errand *e)
{
    for (size_t i = 0, j = e->note_count; i + 1 < j; i++) {
        struct so_note *swapped = e->notes[i];
        e->notes[i] = e->notes[--j];
        e->notes[j] = swapped;
    }
}

/* No table: nothing was ever kept. */
static bool is_nothing(const struct so_err *err) { return err->code == SO_EDB && strcmp(err->id, "42P01") == 0; }

static void on_loop(struct so_task *task)
{
    struct errand *e = SO_CONTAINER_OF(task, struct errand, task);
    bool is_fine = e->job.rc == SO_OK || (e->recall_done != NULL && is_nothing(&e->job.err));
    if (e->recall_done != NULL) {
        reverse(e);
        e->recall_done(e->arg, e->notes, e->note_count, is_fine ? NULL : &e->job.err);
    } else if (e->put_done != NULL) {
        e->put_done(e->arg, is_fine ? NULL : &e->job.err);
    }
    so_loop_release(e->loop);
    drop_notes(e);
    so_note_unref(e->note);
    so_free(e);
}

static void enqueue(struct queue *q, struct errand *e)
{
    *q->end = e;
    q->end = &e->next;
}

static void dequeue(struct queue *q, const struct errand *e)
{
    struct errand **at = &q->first;
    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    if (q->end == &e->next)
        q->end = at;
}

/* The next recall for which all that was put before is there; PostgreSQL's jobs overtake each other. */
static struct errand *take_ready(struct so_store *s)
{
    struct errand *e = s->recalls.first;
    if (e == NULL || (s->puts.first != NULL && s->puts.first->ticket < e->ticket))
        return NULL;
    dequeue(&s->recalls, e);
    return e;
}

/* Those that cannot be submitted come back at once. */
static void submit_ready(struct so_store *s)
{
    for (;;) {
        pthread_mutex_lock(&s->lock);
        struct errand *e = take_ready(s);
        pthread_mutex_unlock(&s->lock);
        if (e == NULL)
            return;
        e->job.rc = so_db_submit(s->options.db, &e->job, &e->job.err);
        if (e->job.rc != SO_OK)
            so_loop_post(e->loop, &e->task);
    }
}

static void on_put(struct so_db_job *job)
{
    struct errand *e = SO_CONTAINER_OF(job, struct errand, job);
    struct so_store *s = e->store;
    if (job->rc == SO_OK)
        __atomic_store_n(&s->is_made, true, __ATOMIC_RELEASE);
    pthread_mutex_lock(&s->lock);
    dequeue(&s->puts, e);
    pthread_mutex_unlock(&s->lock);
    submit_ready(s);
    so_loop_post(e->loop, &e->task);
}

static void on_recall(struct so_db_job *job)
{
    struct errand *e = SO_CONTAINER_OF(job, struct errand, job);
    so_loop_post(e->loop, &e->task);
}

static struct errand *new_errand(struct so_store *s, struct so_loop *loop, size_t text)
{
    struct errand *e = so_calloc(1, sizeof(*e) + text);
    if (e == NULL)
        return NULL;
    e->store = s;
    e->loop = loop;
    e->job.repeatable = true;
    e->task.run = on_loop;
    so_loop_hold(loop);
    return e;
}

static void line_up(struct so_store *s, struct queue *q, struct errand *e)
{
    pthread_mutex_lock(&s->lock);
    e->ticket = ++s->tickets;
    enqueue(q, e);
    pthread_mutex_unlock(&s->lock);
}

static int prepare(const struct errand *e, struct so_conn *conn, enum statement which, struct so_stmt **out,
                   struct so_err *err)
{
    return so_conn_prepare(conn, so_str_c(e->store->sql[which]), out, err);
}

/* A statement with numbers only. */
static int run(const struct errand *e, struct so_conn *conn, enum statement which, int64_t number, struct so_err *err)
{
    struct so_stmt *st;
    bool row;
    int rc = prepare(e, conn, which, &st, err);
    if (rc != SO_OK)
        return rc;
    so_stmt_bind_i64(st, 1, number);
    rc = so_stmt_step(st, &row, err);
    so_stmt_done(st);
    return rc;
}

/* ---- put ---- */

static int64_t weight(const struct so_note *note) { return (int64_t)note->body.n + ROW_WEIGHT; }

static int insert(const struct errand *e, struct so_conn *conn, struct so_err *err)
{
    struct so_stmt *st;
    bool row;
    int rc = prepare(e, conn, PUT, &st, err);
    if (rc != SO_OK)
        return rc;
    so_stmt_bind_text(st, 1, so_store_id(e->note->meta));
    so_stmt_bind_text(st, 2, e->note->room.topic);
    so_stmt_bind_text(st, 3, e->note->event);
    so_stmt_bind_i64(st, 4, e->note->encoding);
    so_stmt_bind_blob(st, 5, e->note->body);
    so_stmt_bind_i64(st, 6, e->at_us);
    so_stmt_bind_i64(st, 7, e->until_us);
    so_stmt_bind_i64(st, 8, weight(e->note));
    rc = so_stmt_step(st, &row, err);
    so_stmt_done(st);
    return rc;
}

/* What no recall would tell any more. */
static int crop(const struct errand *e, struct so_conn *conn, struct so_err *err)
{
    struct so_stmt *st;
    bool row;
    int rc = prepare(e, conn, CROP, &st, err);
    if (rc != SO_OK)
        return rc;
    so_stmt_bind_text(st, 1, e->note->room.topic);
    so_stmt_bind_i64(st, 2, SO_STORE_RECALL_MAX);
    rc = so_stmt_step(st, &row, err);
    so_stmt_done(st);
    return rc;
}

static int sweep(const struct errand *e, struct so_conn *conn, struct so_err *err)
{
    struct so_store *s = e->store;
    if (__atomic_add_fetch(&s->unswept, weight(e->note), __ATOMIC_RELAXED) < s->options.bytes_max / SWEEPS_PER_MAX)
        return SO_OK;
    __atomic_store_n(&s->unswept, 0, __ATOMIC_RELAXED);
    int rc = run(e, conn, EXPIRE, so_clock_now_us(), err);
    return rc == SO_OK ? run(e, conn, SHRINK, s->options.bytes_max, err) : rc;
}

static int put(struct so_db_job *job, struct so_conn *conn, struct so_err *err)
{
    struct errand *e = SO_CONTAINER_OF(job, struct errand, job);
    int rc = SO_OK;
    if (!__atomic_load_n(&e->store->is_made, __ATOMIC_ACQUIRE))
        rc = so_conn_exec(conn, e->store->make, err);
    if (rc == SO_OK)
        rc = insert(e, conn, err);
    if (rc == SO_OK)
        rc = crop(e, conn, err);
    return rc == SO_OK ? sweep(e, conn, err) : rc;
}

/* Now, but later than any before. */
static int64_t next_moment(struct so_store *s)
{
    int64_t last = __atomic_load_n(&s->last_at, __ATOMIC_RELAXED), at;
    do
        at = larger(so_clock_now_us(), last + 1);
    while (!__atomic_compare_exchange_n(&s->last_at, &last, at, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return at;
}

int so_store_put(struct so_store *s, struct so_loop *loop, struct so_note *note, int64_t ttl_seconds,
                 void (*done)(void *arg, const struct so_err *err), void *arg, struct so_err *err)
{
    struct errand *e = new_errand(s, loop, 0);
    if (e == NULL)
        return so_err_oom(err);
    int64_t lives = smaller(ttl_seconds, s->options.keep_seconds);
    e->note = so_note_ref(note);
    e->at_us = next_moment(s);
    e->until_us = e->at_us + lives * US_PER_SECOND;
    e->put_done = done;
    e->arg = arg;
    e->job.run = put;
    e->job.done = on_put;
    line_up(s, &s->puts, e);
    int rc = so_db_submit(s->options.db, &e->job, err);
    if (rc == SO_OK)
        return SO_OK;
    pthread_mutex_lock(&s->lock);
    dequeue(&s->puts, e);
    pthread_mutex_unlock(&s->lock);
    submit_ready(s);
    so_loop_release(loop);
    so_note_unref(e->note);
    so_free(e);
    return rc;
}

/* ---- recall ---- */

static struct so_note *read_row(const struct errand *e, struct so_stmt *st)
{
    char meta[SO_STORE_META_MAX], id[SO_STORE_ID + 1] = "";
    struct so_str kept = so_stmt_text(st, 0);
    memcpy(id, kept.p, so_min_size(kept.n, SO_STORE_ID));
    const struct so_note note = {
        .kind = SO_NOTE_BROADCAST,
        .room = {e->topic, true},
        .event = so_stmt_text(st, 1),
        .encoding = (enum so_wire_encoding)so_stmt_i64(st, 2),
        .body = so_stmt_text(st, 3),
        .meta = so_store_meta(id, true, meta),
    };
    return so_note_new(&note);
}

static int recall(struct so_db_job *job, struct so_conn *conn, struct so_err *err)
{
    struct errand *e = SO_CONTAINER_OF(job, struct errand, job);
    struct so_stmt *st;
    bool row = true;
    drop_notes(e); /* it may run again */
    int rc = prepare(e, conn, RECALL, &st, err);
    if (rc != SO_OK)
        return rc;
    so_stmt_bind_text(st, 1, e->topic);
    so_stmt_bind_i64(st, 2, e->at_us);
    so_stmt_bind_i64(st, 3, so_clock_now_us());
    so_stmt_bind_i64(st, 4, e->limit);
    for (;;) {
        rc = so_stmt_step(st, &row, err);
        if (rc != SO_OK || !row)
            break;
        struct so_note *note = read_row(e, st);
        if (note == NULL) {
            rc = so_err_oom(err);
            break;
        }
        e->notes[e->note_count++] = note;
    }
    so_stmt_done(st);
    return rc;
}

int so_store_recall(struct so_store *s, struct so_loop *loop, const struct so_store_recall *what,
                    void (*done)(void *arg, struct so_note *const *notes, size_t count, const struct so_err *err), void *arg,
                    struct so_err *err)
{
    struct errand *e = new_errand(s, loop, what->topic.n);
    if (e == NULL)
        return so_err_oom(err);
    memcpy(e->text, what->topic.p, what->topic.n);
    e->topic = so_str(e->text, what->topic.n);
    e->at_us = smaller(what->since_ms, INT64_MAX / 1000) * 1000;
    e->limit = larger(1, smaller(what->limit, SO_STORE_RECALL_MAX));
    e->recall_done = done;
    e->arg = arg;
    e->job.run = recall;
    e->job.done = on_recall;
    line_up(s, &s->recalls, e);
    submit_ready(s);
    return SO_OK;
}
