/* seer.c: the thread that asks policies on PostgreSQL. */
#include "realtime/seer.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "core/clock.h"
#include "core/mem.h"
#include "json/write.h"

enum {
    ASK_MS = 2000,  /* for one call; then each viewer alone, as long */
    RETRY_MS = 200, /* while the database is away */
    QUESTION_MAX = 1 << 29
};

struct so_seer {
    struct so_conn *conn;
    pthread_t thread;
    bool is_running;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    /* under the lock: */
    bool is_closing;
    struct so_seer_round *first, **end;
    struct so_seer_round *current; /* being asked */
    bool is_given_up;              /* the current one's loop ends */
};

/* ---- the question as JSON ---- */

static void put_row(struct so_jw *w, struct so_str row)
{
    if (row.p == NULL)
        so_jw_null(w);
    else
        so_jw_raw(w, row);
}

static void put_rows(struct so_buf *b, const struct so_seer_round *round)
{
    struct so_jw w;
    so_jw_init(&w, b);
    so_jw_array(&w);
    for (size_t i = 0; i < round->row_count; i++) {
        so_jw_array(&w);
        put_row(&w, round->rows[i].old_row);
        put_row(&w, round->rows[i].new_row);
        so_jw_end_array(&w);
    }
    so_jw_end_array(&w);
}

static void put_ask(struct so_jw *w, const struct so_seer_ask *ask)
{
    so_jw_object(w);
    so_jw_member_str(w, "role", ask->role);
    so_jw_member_str(w, "claims", ask->claims);
    so_jw_member_str(w, "schema", ask->schema);
    so_jw_member_str(w, "table", ask->table);
    so_jw_key(w, SO_STR("columns"));
    so_jw_raw(w, ask->columns);
    so_jw_key(w, SO_STR("rows"));
    so_jw_array(w);
    for (size_t i = 0; i < ask->count; i++)
        so_jw_i64(w, (int64_t)ask->rows[i] + 1);
    so_jw_end_array(w);
    so_jw_end_object(w);
}

static void put_asks(struct so_buf *b, const struct so_seer_ask *asks, size_t count)
{
    struct so_jw w;
    so_jw_init(&w, b);
    so_jw_array(&w);
    for (size_t i = 0; i < count; i++)
        put_ask(&w, &asks[i]);
    so_jw_end_array(&w);
}

/* ---- the answer ---- */

/* Every ask must be answered whole: what is missing is an error, and never a yes. */
static int check_answers(struct so_seer_ask *asks, const size_t *answered, size_t count, struct so_err *err)
{
    for (size_t i = 0; i < count; i++)
        if (asks[i].err.code == SO_OK && answered[i] != asks[i].count)
            return so_fail(err, SO_EDB, "the policies were not answered");
    return SO_OK;
}

static void take_answer(struct so_seer_ask *ask, struct so_stmt *st, size_t *answered)
{
    int64_t n = so_stmt_i64(st, 1);
    if (!so_stmt_is_null(st, 4)) {
        (void)so_fail(&ask->err, SO_EDB, "the policy cannot be asked: %.*s", SO_STR_ARG(so_stmt_text(st, 4)));
    } else if (n >= 1 && (size_t)n <= ask->count) {
        ask->old_seen[n - 1] = so_stmt_i64(st, 2) != 0;
        ask->new_seen[n - 1] = so_stmt_i64(st, 3) != 0;
        (*answered)++;
    }
}

static int take_answers(struct so_stmt *st, struct so_seer_ask *asks, size_t count, struct so_err *err)
{
    bool row = true;
    size_t *answered = so_calloc(count + 1, sizeof(*answered));
    int rc = answered == NULL ? so_err_oom(err) : SO_OK;
    for (;;) {
        if (rc == SO_OK)
            rc = so_stmt_step(st, &row, err);
        if (rc != SO_OK || !row)
            break;
        int64_t at = so_stmt_i64(st, 0);
        if (at >= 1 && (size_t)at <= count)
            take_answer(&asks[at - 1], st, &answered[at - 1]);
    }
    if (rc == SO_OK)
        rc = check_answers(asks, answered, count, err);
    so_free(answered);
    return rc;
}

static int call(struct so_seer *s, struct so_str rows, struct so_seer_ask *asks, size_t count, struct so_err *err)
{
    struct so_buf question;
    struct so_stmt *st;
    for (size_t i = 0; i < count; i++)
        asks[i].err = SO_ERR_INIT;
    so_buf_init(&question, QUESTION_MAX);
    put_asks(&question, asks, count);
    int rc = so_buf_check(&question, "the question to the policies", err);
    so_conn_set_deadline(s->conn, so_clock_mono_ns() + ASK_MS * INT64_C(1000000));
    if (rc == SO_OK)
        rc = so_conn_prepare(
            s->conn, SO_STR("SELECT ask, n, old_seen, new_seen, problem FROM socle.see(?1::json, ?2::json)"), &st, err);
    if (rc == SO_OK) {
        so_stmt_bind_text(st, 1, so_buf_str(&question));
        so_stmt_bind_text(st, 2, rows);
        rc = take_answers(st, asks, count, err);
        so_stmt_done(st);
    }
    so_buf_deinit(&question);
    return rc;
}

/* ---- a round ---- */

static void wait_a_little(struct so_seer *s)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += RETRY_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&s->wake, &s->lock, &until);
}

/* Connection exceptions, and a server that goes down or comes up. */
static bool is_away(const struct so_err *err)
{
    return err->code == SO_EDB && (strncmp(err->id, "08", 2) == 0 || strncmp(err->id, "57P", 3) == 0);
}

/* As often as the database is away. */
static int call_until_there(struct so_seer *s, struct so_str rows, struct so_seer_ask *asks, size_t count,
                            struct so_err *err)
{
    for (;;) {
        struct so_err cause = SO_ERR_INIT;
        int rc = call(s, rows, asks, count, &cause);
        pthread_mutex_lock(&s->lock);
        if (rc != SO_OK && is_away(&cause) && !s->is_given_up)
            wait_a_little(s);
        bool is_over = rc == SO_OK || !is_away(&cause) || s->is_given_up;
        pthread_mutex_unlock(&s->lock);
        if (is_over) {
            *err = cause;
            return rc;
        }
    }
}

/* When all together cannot be answered, each has a chance of its own, so that one slow policy is its subscribers' affair. */
static void answer(struct so_seer *s, struct so_seer_round *round)
{
    struct so_buf rows;
    struct so_err err = SO_ERR_INIT;
    so_buf_init(&rows, QUESTION_MAX);
    put_rows(&rows, round);
    int rc = so_buf_check(&rows, "the rows that policies are asked about", &err);
    if (rc == SO_OK && call_until_there(s, so_buf_str(&rows), round->asks, round->ask_count, &err) == SO_OK) {
        so_buf_deinit(&rows);
        return;
    }
    for (size_t i = 0; i < round->ask_count; i++) {
        struct so_seer_ask *ask = &round->asks[i];
        struct so_err own = err;
        if (rc == SO_OK && round->ask_count > 1 && call_until_there(s, so_buf_str(&rows), ask, 1, &own) == SO_OK)
            continue;
        ask->err = own;
    }
    so_buf_deinit(&rows);
}

static void *run_thread(void *arg)
{
    struct so_seer *s = arg;
    pthread_mutex_lock(&s->lock);
    while (!s->is_closing) {
        if (s->first == NULL) {
            pthread_cond_wait(&s->wake, &s->lock);
            continue;
        }
        struct so_seer_round *round = s->first;
        s->first = round->next;
        if (s->first == NULL)
            s->end = &s->first;
        s->current = round;
        s->is_given_up = false;
        pthread_mutex_unlock(&s->lock);
        answer(s, round);
        pthread_mutex_lock(&s->lock);
        s->current = NULL;
        if (!s->is_given_up)
            so_loop_post(round->loop, &round->done);
        pthread_cond_broadcast(&s->wake);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

void so_seer_ask(struct so_seer *s, struct so_seer_round *round)
{
    pthread_mutex_lock(&s->lock);
    round->next = NULL;
    *s->end = round;
    s->end = &round->next;
    pthread_cond_broadcast(&s->wake);
    pthread_mutex_unlock(&s->lock);
}

bool so_seer_take_back(struct so_seer *s, struct so_seer_round *round)
{
    bool is_found = false;
    pthread_mutex_lock(&s->lock);
    for (struct so_seer_round **at = &s->first; *at != NULL && !is_found;) {
        is_found = *at == round;
        if (is_found)
            *at = round->next;
        else
            at = &(*at)->next;
    }
    s->end = &s->first;
    while (*s->end != NULL)
        s->end = &(*s->end)->next;
    if (s->current == round) {
        is_found = s->is_given_up = true;
        pthread_cond_broadcast(&s->wake);
        while (s->current == round)
            pthread_cond_wait(&s->wake, &s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    return is_found;
}

/* ---- open and close ---- */

static int start_thread(struct so_seer *s, struct so_err *err)
{
    sigset_t all, before; /* signals are for the main thread */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&s->thread, NULL, run_thread, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0)
        return so_fail(err, SO_EIO, "cannot start a thread: %s", strerror(rc));
    s->is_running = true;
    return SO_OK;
}

int so_seer_open(struct so_db *db, struct so_seer **out, struct so_err *err)
{
    pthread_condattr_t steady;
    struct so_seer *s = so_calloc(1, sizeof(*s));
    if (s == NULL)
        return so_err_oom(err);
    s->end = &s->first;
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&s->wake, &steady);
    pthread_condattr_destroy(&steady);
    int rc = so_db_reader_open(db, &s->conn, err);
    if (rc == SO_OK)
        rc = start_thread(s, err);
    if (rc != SO_OK) {
        so_seer_close(s);
        return rc;
    }
    *out = s;
    return SO_OK;
}

void so_seer_close(struct so_seer *s)
{
    if (s == NULL)
        return;
    if (s->is_running) {
        pthread_mutex_lock(&s->lock);
        s->is_closing = true;
        pthread_cond_broadcast(&s->wake);
        pthread_mutex_unlock(&s->lock);
        pthread_join(s->thread, NULL);
    }
    so_conn_close(s->conn);
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
    so_free(s);
}
