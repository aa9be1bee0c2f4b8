/* nodes.c: the thread that talks with the other nodes.
 *
 * A round: what others wrote is read, and whoever is silent is buried; what waits in the queue goes into `out` as parcels,
 * and questions and answers about presences with it; `out` is written, a row at a time.  A write that failed is made again
 * under its number, so a row that was taken all the same is passed over by those who read it twice. */
#include "realtime/nodes.h"

#include "core/clock.h"
#include "core/mem.h"
#include "core/random.h"
#include "core/thread.h"
#include "db/pg_listen.h"
#include "model/notes_pg.h"
#include "realtime/board.h"
#include "realtime/peers.h"

#define MS INT64_C(1000000)

enum {
    ROW_MAX = 1 << 20,    /* bytes; a longer parcel has a row of its own */
    QUEUE_MAX = 32 << 20, /* of what waits to be written; beyond it broadcasts are dropped */
    OUT_MAX = 1 << 29,    /* presences are told all at once */
    SWEEP_MS = 60 * 1000, /* rows stay so long at least */
    RETRY_MS = 100,       /* after a failure ... */
    RETRY_MAX_MS = 1000,  /* ... and then twice as long each time, up to this */
    BEATS = 3             /* in the time after which a node is dead */
};

struct so_nodes {
    struct so_nodes_options options;
    struct so_bus *bus;
    struct so_presence *presence;
    struct so_pg_listener *listener;
    pthread_t thread;
    bool is_running;
    char me[SO_PEER_ID_SIZE];

    pthread_mutex_t lock;
    pthread_cond_t wake;
    /* under the lock: */
    struct so_note *first, **end; /* the queue: a reference each */
    size_t waiting;               /* its bytes */
    bool is_closing, is_told;     /* told: there may be something to read */
    bool must_greet;              /* others may know nothing of us, or we of them: we ask them all, and tell all */
    bool must_tell;               /* all our presences: something of them was not told */
    struct so_nodes_stats stats;

    /* the thread's: */
    struct so_board *board;
    struct so_peers *peers;
    struct so_buf out;                   /* parcels to be written */
    size_t written;                      /* of its bytes */
    int64_t number;                      /* of the newest row */
    size_t row_size;                     /* of the row that is being written; 0: none is */
    int64_t beat_ns, swept_ns, heard_ns; /* when a row was written last, a sweep made, a read done */
    int64_t retry_ms;                    /* 0: nothing is wrong */
    bool must_read;
};

/* ---- the queue; on any thread ---- */

static size_t size_of(const struct so_note *note)
{
    return sizeof(*note) + note->room.topic.n + note->event.n + note->body.n + note->meta.n;
}

static void carry(void *arg, struct so_note *note)
{
    struct so_nodes *n = arg;
    pthread_mutex_lock(&n->lock);
    bool is_full = n->waiting + size_of(note) > QUEUE_MAX;
    if (is_full && note->kind == SO_NOTE_PRESENCE)
        n->must_tell = true;
    else if (is_full)
        n->stats.dropped++;
    if (!is_full) {
        note->next = NULL;
        *n->end = so_note_ref(note);
        n->end = &note->next;
        n->waiting += size_of(note);
        pthread_cond_signal(&n->wake);
    }
    pthread_mutex_unlock(&n->lock);
}

/* On the listener's thread.  Without a channel: listening begins, and what was said before is unknown. */
static void on_heard(void *arg, struct so_str channel, struct so_str payload)
{
    struct so_nodes *n = arg;
    if (so_str_eq_c(payload, n->me))
        return;
    pthread_mutex_lock(&n->lock);
    n->is_told = true;
    n->must_greet |= channel.p == NULL;
    pthread_cond_signal(&n->wake);
    pthread_mutex_unlock(&n->lock);
}

/* ---- what is to be said ---- */

static void put_kind(struct so_buf *out, enum so_parcel_kind kind)
{
    const struct so_parcel parcel = {.kind = kind};
    so_parcel_put(out, &parcel);
}

static void put_note(void *out, const struct so_note *note)
{
    const struct so_parcel parcel = so_parcel_of(note);
    so_parcel_put(out, &parcel);
}

/* Without memory `out` stays as it was. */
static bool put_all(struct so_nodes *n, bool greets)
{
    size_t before = n->out.len;
    if (greets)
        put_kind(&n->out, SO_PARCEL_HELLO);
    put_kind(&n->out, SO_PARCEL_ALL);
    so_presence_each_own(n->presence, put_note, &n->out);
    put_kind(&n->out, SO_PARCEL_ALL_END);
    if (n->out.rc == SO_OK)
        return true;
    n->out.len = before;
    n->out.rc = SO_OK;
    return false;
}

static void put_queue(struct so_nodes *n, struct so_note *first)
{
    for (struct so_note *next; first != NULL; first = next) {
        size_t before = n->out.len;
        next = first->next;
        put_note(&n->out, first);
        if (n->out.rc != SO_OK) {
            n->out.len = before;
            n->out.rc = SO_OK;
            pthread_mutex_lock(&n->lock);
            n->must_tell |= first->kind == SO_NOTE_PRESENCE;
            n->stats.dropped += first->kind == SO_NOTE_BROADCAST;
            pthread_mutex_unlock(&n->lock);
        }
        so_note_unref(first);
    }
}

/* The notes that wait, unless enough is to be written already. */
static struct so_note *take_queue(struct so_nodes *n, bool *out_greets, bool *out_tells)
{
    struct so_note *first = NULL;
    pthread_mutex_lock(&n->lock);
    if (n->out.len < QUEUE_MAX) {
        first = n->first;
        n->first = NULL;
        n->end = &n->first;
        n->waiting = 0;
    }
    *out_greets = n->must_greet;
    *out_tells = n->must_tell;
    n->must_greet = n->must_tell = false;
    pthread_mutex_unlock(&n->lock);
    return first;
}

static void collect(struct so_nodes *n)
{
    bool greets, tells;
    put_queue(n, take_queue(n, &greets, &tells));
    so_peers_ask(n->peers, &n->out);
    tells |= so_peers_was_asked(n->peers);
    if ((!greets && !tells) || put_all(n, greets))
        return;
    pthread_mutex_lock(&n->lock);
    n->must_greet |= greets;
    n->must_tell |= tells;
    pthread_mutex_unlock(&n->lock);
}

/* ---- the table ---- */

static int64_t beat_after(const struct so_nodes *n) { return n->options.timeout_ms * MS / BEATS; }

/* All of `out`, or an empty row when it is time to say something. */
static int write_out(struct so_nodes *n, struct so_err *err)
{
    bool is_due = so_clock_mono_ns() - n->beat_ns >= beat_after(n);
    while (n->written < n->out.len || is_due) {
        struct so_str rest = so_str_slice(so_buf_str(&n->out), n->written, n->out.len);
        if (n->row_size == 0) {
            n->row_size = so_parcel_measure(rest, ROW_MAX);
            n->number++;
        }
        int rc = so_board_write(n->board, n->number, so_str_slice(rest, 0, n->row_size), err);
        if (rc != SO_OK)
            return rc;
        n->written += n->row_size;
        n->row_size = 0;
        n->beat_ns = so_clock_mono_ns();
        is_due = false;
    }
    so_buf_reset(&n->out);
    n->written = 0;
    return SO_OK;
}

static void take_row(void *arg, const struct so_board_row *row)
{
    struct so_nodes *n = arg;
    so_peers_take(n->peers, row->id, row->number, row->parcels, so_clock_mono_ns());
}

/* Whoever has been deaf himself buries nobody. */
static int read_all(struct so_nodes *n, struct so_err *err)
{
    int64_t began = so_clock_mono_ns();
    bool was_deaf = began - n->heard_ns > beat_after(n) * 2, more = true;
    if (!n->must_read && began - n->heard_ns < beat_after(n))
        return SO_OK;
    while (more) {
        int rc = so_board_read(n->board, take_row, n, &more, err);
        if (rc != SO_OK)
            return rc;
    }
    n->must_read = false;
    n->heard_ns = so_clock_mono_ns();
    if (was_deaf)
        so_peers_forgive(n->peers, n->heard_ns);
    so_peers_bury(n->peers, n->heard_ns - n->options.timeout_ms * MS);
    return SO_OK;
}

static void sweep(struct so_nodes *n)
{
    int64_t now = so_clock_mono_ns();
    if (now - n->swept_ns < SWEEP_MS * MS)
        return;
    n->swept_ns = now;
    (void)!so_board_sweep(n->board, NULL); /* the next one is soon */
}

/* ---- the thread ---- */

static int64_t next_retry(int64_t last) { return last == 0 ? RETRY_MS : last * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : last * 2; }

static void note_outcome(struct so_nodes *n, int rc, const struct so_err *err)
{
    bool was_wrong = n->retry_ms > 0, is_wrong = rc != SO_OK;
    n->retry_ms = is_wrong ? next_retry(n->retry_ms) : 0;
    pthread_mutex_lock(&n->lock);
    n->stats.peers = so_peers_count(n->peers);
    n->stats.rows = (uint64_t)n->number;
    pthread_mutex_unlock(&n->lock);
    if (n->options.told != NULL && was_wrong != is_wrong)
        n->options.told(n->options.arg, is_wrong ? err : NULL);
}

static void run_round(struct so_nodes *n)
{
    struct so_err err = SO_ERR_INIT;
    int rc = read_all(n, &err);
    if (rc == SO_OK) {
        collect(n);
        rc = write_out(n, &err);
    }
    if (rc == SO_OK)
        sweep(n);
    note_outcome(n, rc, &err);
}

static int64_t next_round(const struct so_nodes *n)
{
    int64_t oldest = n->beat_ns < n->heard_ns ? n->beat_ns : n->heard_ns;
    return n->retry_ms > 0 ? so_clock_mono_ns() + n->retry_ms * MS : oldest + beat_after(n);
}

/* Until there is something to do.  False: it is time to end. */
static bool wait_for_work(struct so_nodes *n)
{
    int64_t until = next_round(n);
    pthread_mutex_lock(&n->lock);
    for (;;) {
        bool has_work = n->first != NULL || n->is_told || n->must_greet || n->must_tell;
        if (n->is_closing || so_clock_mono_ns() >= until || (has_work && n->retry_ms == 0))
            break;
        so_cond_wait(&n->wake, &n->lock, until);
    }
    n->must_read |= n->is_told;
    n->is_told = false;
    bool goes_on = !n->is_closing;
    pthread_mutex_unlock(&n->lock);
    return goes_on;
}

/* What waits, and goodbye: others need not wait for our death. */
static void say_goodbye(struct so_nodes *n)
{
    bool greets, tells;
    if (n->retry_ms > 0) /* nobody would hear it */
        return;
    put_queue(n, take_queue(n, &greets, &tells));
    put_kind(&n->out, SO_PARCEL_BYE);
    (void)!write_out(n, NULL);
}

static void *run_thread(void *arg)
{
    struct so_nodes *n = arg;
    do
        run_round(n);
    while (wait_for_work(n));
    say_goodbye(n);
    return NULL;
}

/* ---- open and close ---- */

int so_nodes_open(const struct so_nodes_options *options, struct so_bus *bus, struct so_presence *presence,
                  struct so_nodes **out, struct so_err *err)
{
    static const char *const CHANNEL = SO_NOTES_PG_CHANNEL;
    struct so_nodes *n = so_calloc(1, sizeof(*n));
    if (n == NULL)
        return so_err_oom(err);
    n->options = *options;
    n->bus = bus;
    n->presence = presence;
    n->end = &n->first;
    n->must_greet = n->must_read = true;
    n->swept_ns = n->heard_ns = so_clock_mono_ns();
    so_random_uuid(n->me);
    so_buf_init(&n->out, OUT_MAX);
    pthread_mutex_init(&n->lock, NULL);
    so_cond_init(&n->wake);
    const struct so_pg_listen_options listen = {
        .url = options->listen_url, .channels = &CHANNEL, .channel_count = 1, .heard = on_heard, .arg = n};
    int rc = so_board_open(options->db, n->me, &n->board, err);
    if (rc == SO_OK)
        rc = so_peers_new(bus, presence, n->me, &n->peers, err);
    if (rc == SO_OK)
        rc = so_thread_start(run_thread, n, &n->thread, err);
    n->is_running = rc == SO_OK;
    if (rc == SO_OK && options->listen_url != NULL)
        rc = so_pg_listener_open(&listen, &n->listener, err);
    if (rc != SO_OK) {
        so_nodes_close(n);
        return rc;
    }
    so_bus_set_carrier(bus, carry, n);
    *out = n;
    return SO_OK;
}

void so_nodes_close(struct so_nodes *n)
{
    if (n == NULL)
        return;
    so_bus_set_carrier(n->bus, NULL, NULL);
    so_pg_listener_close(n->listener);
    if (n->is_running) {
        pthread_mutex_lock(&n->lock);
        n->is_closing = true;
        pthread_cond_signal(&n->wake);
        pthread_mutex_unlock(&n->lock);
        pthread_join(n->thread, NULL);
    }
    for (struct so_note *note = n->first, *next; note != NULL; note = next) {
        next = note->next;
        so_note_unref(note);
    }
    so_peers_free(n->peers);
    so_board_close(n->board);
    so_buf_deinit(&n->out);
    pthread_cond_destroy(&n->wake);
    pthread_mutex_destroy(&n->lock);
    so_free(n);
}

void so_nodes_get_stats(struct so_nodes *n, struct so_nodes_stats *out)
{
    pthread_mutex_lock(&n->lock);
    *out = n->stats;
    pthread_mutex_unlock(&n->lock);
}
