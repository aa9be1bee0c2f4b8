/* feed.c: the thread that reads the change log, once for all loops.
 *
 * A round: what is new goes to every loop that listens; then each loop that someone came back to gets a slice of the past;
 * then, when nothing is left to read, the marks that say so.  With nobody listening the log is not read at all.
 * The thread wakes when our own writer has committed, when someone asks, and every poll_ms for what other programs wrote.
 * What could not be posted (no memory, a loop that does not take what it has) is read again later: a loop that is behind
 * walks through the past from where it stopped. */
#include <signal.h>
#include <time.h>

#include "core/clock.h"
#include "core/mem.h"
#include "model/logging_pg.h"
#include "realtime/feed_int.h"

enum {
    RETENTION_MS = 5000, /* between two looks at what is too old */
    TRIM_STEP = 500,     /* changes removed in one job */
    POLL_MS = 500,       /* when the options say nothing */
    RETRY_MS = 100       /* after a failure: nobody will say that the database is back */
};

/* ---- the present ---- */

static int begin(struct so_feed *f, struct so_err *err)
{
    int64_t floor, newest;
    int rc = so_source_bounds(f->source, &floor, &newest, err);
    if (rc != SO_OK)
        return rc;
    pthread_mutex_lock(&f->lock);
    f->last = newest;
    pthread_mutex_unlock(&f->lock);
    return SO_OK;
}

/* With the lock held. */
static void post_live(struct so_feed *f, int64_t floor, struct so_batch *batch)
{
    for (struct so_slot *s = f->slots; s != NULL; s = s->next) {
        if (!s->is_listening)
            continue;
        if (s->posted < 0)
            s->posted = f->last;
        bool is_new = batch->last > f->last;
        if (!is_new || s->is_behind)
            continue;
        s->is_behind = s->in_flight >= SO_SLOT_IN_FLIGHT_MAX || so_slot_post(s, floor, batch, NULL) != SO_OK;
        if (!s->is_behind)
            s->posted = batch->last;
    }
    f->last = batch->last;
}

static int read_live(struct so_feed *f, bool *out_complete, struct so_err *err)
{
    struct so_batch *batch;
    int64_t floor;
    int rc = f->last < 0 ? begin(f, err) : SO_OK;
    if (rc == SO_OK)
        rc = so_source_read(f->source, f->last, INT64_MAX, SO_FEED_BATCH_MAX, &batch, &floor, err);
    if (rc != SO_OK)
        return rc;
    *out_complete = !batch->has_more;
    pthread_mutex_lock(&f->lock);
    post_live(f, floor, batch);
    pthread_mutex_unlock(&f->lock);
    so_batch_unref(batch);
    return SO_OK;
}

/* ---- the past; all with the lock held ---- */

/* Whether there is a slice to read for `s`; begins a walk where one is due. */
static bool wants_past(struct so_feed *f, struct so_slot *s)
{
    if (!s->is_listening || s->in_flight >= SO_SLOT_IN_FLIGHT_MAX)
        return false;
    if (s->cursor < 0 && s->is_behind && s->in_flight > SO_SLOT_IN_FLIGHT_MAX / 2)
        return false;
    if (s->cursor < 0 && (s->is_behind || s->wanted != SO_SLOT_NOTHING)) {
        s->cursor = s->is_behind && s->posted < s->wanted ? s->posted : s->wanted;
        s->wanted = SO_SLOT_NOTHING;
    }
    if (s->cursor >= f->last) { /* nothing lies between, or a number that was never given */
        s->cursor = -1;
        s->owes_mark = true;
        if (s->is_behind)
            s->posted = f->last;
        s->is_behind = false;
    }
    return s->cursor >= 0;
}

static void unref(struct so_slot *s)
{
    if (--s->refs == 0)
        so_free(s);
}

static int post_past(struct so_feed *f, struct so_slot *s, int64_t floor, struct so_batch *batch, struct so_err *err)
{
    if (batch->last == batch->from) /* removed meanwhile */
        floor = batch->from = batch->last = f->last;
    int rc = so_slot_post(s, floor, batch, err);
    if (rc == SO_OK)
        s->cursor = batch->last;
    return rc;
}

/* One slice for one slot; the lock is let go meanwhile. */
static int read_past(struct so_feed *f, struct so_slot *s, struct so_err *err)
{
    int64_t from = s->cursor, upto = f->last, floor;
    struct so_batch *batch;
    s->refs++;
    pthread_mutex_unlock(&f->lock);
    int rc = so_source_read(f->source, from, upto, SO_FEED_BATCH_MAX, &batch, &floor, err);
    pthread_mutex_lock(&f->lock);
    if (rc == SO_OK) {
        if (s->is_listening && s->cursor == from)
            rc = post_past(f, s, floor, batch, err);
        so_batch_unref(batch);
    }
    unref(s);
    return rc;
}

/* A slice for each slot that wants one.  The list may change under our feet, so each slot is marked once it was served. */
static int serve_past(struct so_feed *f, bool *out_more, struct so_err *err)
{
    int rc = SO_OK;
    f->round++;
    for (struct so_slot *s = f->slots; rc == SO_OK && s != NULL;) {
        if (s->round == f->round || !wants_past(f, s)) {
            s->round = f->round;
            s = s->next;
            continue;
        }
        s->round = f->round;
        rc = read_past(f, s, err);
        s = f->slots;
    }
    for (struct so_slot *s = f->slots; s != NULL; s = s->next)
        *out_more |= wants_past(f, s);
    return rc;
}

static int post_marks(struct so_feed *f, struct so_err *err)
{
    int rc = SO_OK;
    for (struct so_slot *s = f->slots; rc == SO_OK && s != NULL; s = s->next) {
        bool is_due = s->owes_mark || s->taken != s->answered;
        if (!is_due || !s->is_listening || s->cursor >= 0 || s->is_behind || s->posted < 0)
            continue;
        rc = so_slot_post_mark(s, err);
        if (rc != SO_OK)
            break;
        s->owes_mark = false;
        s->answered = s->taken;
    }
    return rc;
}

/* ---- retention ---- */

static int run_trim(struct so_db_job *job, struct so_conn *conn, struct so_err *err)
{
    const struct so_feed *f = SO_CONTAINER_OF(job, struct so_feed, trim);
    return so_source_trim(f->source, conn, f->trim_upto, err);
}

static void trim_done(struct so_db_job *job)
{
    struct so_feed *f = SO_CONTAINER_OF(job, struct so_feed, trim);
    pthread_mutex_lock(&f->lock);
    f->is_trimming = false;
    f->must_trim = job->rc == SO_OK;
    pthread_cond_broadcast(&f->wake);
    pthread_mutex_unlock(&f->lock);
}

/* The steps are jobs among others, so that no write waits for more than one of them. */
static void look_at_retention(struct so_feed *f)
{
    int64_t now = so_clock_mono_ns(), upto = 0;
    pthread_mutex_lock(&f->lock);
    bool is_due = !f->is_trimming && (f->must_trim || now - f->trimmed_ns >= RETENTION_MS * INT64_C(1000000));
    f->must_trim = false;
    pthread_mutex_unlock(&f->lock);
    if (!is_due)
        return;
    f->trimmed_ns = now;
    if (so_source_excess(f->source, f->options.keep_rows, f->options.keep_seconds, TRIM_STEP, &upto, NULL) != SO_OK ||
        upto == 0)
        return;
    f->trim_upto = upto;
    f->trim = (struct so_db_job){.run = run_trim, .done = trim_done, .repeatable = true};
    pthread_mutex_lock(&f->lock);
    f->is_trimming = true;
    pthread_mutex_unlock(&f->lock);
    if (so_db_submit(f->db, &f->trim, NULL) == SO_OK)
        return;
    pthread_mutex_lock(&f->lock);
    f->is_trimming = false;
    pthread_mutex_unlock(&f->lock);
}

/* ---- the thread ---- */

/* Notes what was asked before the log is read.  False: nobody listens. */
static bool begin_round(struct so_feed *f)
{
    pthread_mutex_lock(&f->lock);
    f->is_told = false;
    bool is_heard = f->listening > 0;
    if (!is_heard)
        f->last = -1;
    for (struct so_slot *s = f->slots; s != NULL; s = s->next)
        s->taken = s->asked;
    pthread_mutex_unlock(&f->lock);
    return is_heard;
}

/* How long to wait for the next one, unless there is a reason to begin it. */
static unsigned run_round(struct so_feed *f)
{
    bool is_complete = false, more = false;
    if (!begin_round(f))
        return RETENTION_MS;
    if (read_live(f, &is_complete, NULL) != SO_OK)
        return RETRY_MS;
    pthread_mutex_lock(&f->lock);
    int rc = serve_past(f, &more, NULL);
    if (rc == SO_OK && is_complete)
        rc = post_marks(f, NULL);
    pthread_mutex_unlock(&f->lock);
    if (rc != SO_OK)
        return RETRY_MS;
    return more || !is_complete ? 0 : f->options.poll_ms;
}

static void wait_for(struct so_feed *f, unsigned ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(&f->wake, &f->lock, &until);
}

/* With the lock held: whether someone asked after the round had begun. */
static bool is_asked(const struct so_feed *f)
{
    bool asked = f->is_told || f->must_trim;
    for (const struct so_slot *s = f->slots; s != NULL; s = s->next)
        asked |= s->is_listening && s->taken != s->asked;
    return asked;
}

static void *run_thread(void *arg)
{
    struct so_feed *f = arg;
    for (;;) {
        unsigned wait_ms = run_round(f);
        look_at_retention(f);
        pthread_mutex_lock(&f->lock);
        if (wait_ms > 0 && !f->is_closing && !is_asked(f))
            wait_for(f, wait_ms);
        bool is_closing = f->is_closing;
        pthread_mutex_unlock(&f->lock);
        if (is_closing)
            return NULL;
    }
}

/* On the writer's thread. */
static void note_commit(void *arg)
{
    struct so_feed *f = arg;
    pthread_mutex_lock(&f->lock);
    if (f->listening > 0 && !f->is_told) {
        f->is_told = true;
        pthread_cond_signal(&f->wake);
    }
    pthread_mutex_unlock(&f->lock);
}

/* ---- open and close ---- */

/* Signals are for the main thread. */
static int start_thread(struct so_feed *f, struct so_err *err)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&f->thread, NULL, run_thread, f);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0)
        return so_fail(err, SO_EIO, "cannot start a thread: %s", strerror(rc));
    f->is_running = true;
    return SO_OK;
}

/* On the listener's thread: something was committed; or the connection was made, and it is unknown what was. */
static void note_notice(void *arg, struct so_str channel, struct so_str payload)
{
    (void)channel, (void)payload;
    note_commit(arg);
}

/* On PostgreSQL others tell of their commits, and policies are asked by a thread of its own. */
static int open_postgres(struct so_feed *f, struct so_err *err)
{
    static const char *const CHANNEL = SO_LOGGING_PG_CHANNEL;
    const struct so_pg_listen_options options = {
        .url = f->options.listen_url, .channels = &CHANNEL, .channel_count = 1, .heard = note_notice, .arg = f};
    int rc = so_seer_open(f->db, &f->seer, err);
    return rc == SO_OK && options.url != NULL ? so_pg_listener_open(&options, &f->listener, err) : rc;
}

int so_feed_open(struct so_db *db, const struct so_feed_options *options, struct so_feed **out, struct so_err *err)
{
    struct so_feed *f = so_calloc(1, sizeof(*f));
    pthread_condattr_t steady;
    if (f == NULL)
        return so_err_oom(err);
    f->db = db;
    f->options = *options;
    if (f->options.poll_ms == 0)
        f->options.poll_ms = POLL_MS;
    f->last = -1;
    f->must_trim = true;
    pthread_mutex_init(&f->lock, NULL);
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&f->wake, &steady);
    pthread_condattr_destroy(&steady);
    int rc = so_source_open(db, &f->source, err);
    if (rc == SO_OK && so_db_is_postgres(db))
        rc = open_postgres(f, err);
    if (rc == SO_OK)
        rc = start_thread(f, err);
    if (rc != SO_OK) {
        so_feed_close(f);
        return rc;
    }
    so_db_on_commit(db, note_commit, f);
    *out = f;
    return SO_OK;
}

void so_feed_close(struct so_feed *f)
{
    if (f == NULL)
        return;
    so_pg_listener_close(f->listener);
    so_seer_close(f->seer);
    if (f->is_running) {
        so_db_on_commit(f->db, NULL, NULL);
        pthread_mutex_lock(&f->lock);
        f->is_closing = true;
        pthread_cond_broadcast(&f->wake);
        pthread_mutex_unlock(&f->lock);
        pthread_join(f->thread, NULL);
    }
    pthread_mutex_lock(&f->lock);
    while (f->is_trimming)
        pthread_cond_wait(&f->wake, &f->lock);
    pthread_mutex_unlock(&f->lock);
    so_source_close(f->source);
    pthread_cond_destroy(&f->wake);
    pthread_mutex_destroy(&f->lock);
    so_free(f);
}

int64_t so_feed_last(struct so_feed *f)
{
    pthread_mutex_lock(&f->lock);
    int64_t last = f->last;
    pthread_mutex_unlock(&f->lock);
    return last;
}

struct so_seer *so_feed_seer(const struct so_feed *feed) { return feed->seer; }
struct so_str so_feed_anon_role(const struct so_feed *feed) { return feed->options.anon_role; }
