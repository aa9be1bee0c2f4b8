/* changes.c: where each subscription of a loop stands, as the feed's messages come in.
 *
 * Those who are live share one place, c->at, and are found through the tables' lists; one who comes back has a place of its
 * own until the mark that finds it there.  A batch is taken by whom it continues: from <= place < last.
 * One who cannot take more now is held at its place, out of the lists, and comes back when it can. */
#include "core/mem.h"
#include "realtime/changes_int.h"

enum { SCRATCH_MAX = 1 << 30 };

/* ---- the feed's messages ---- */

/* Calls fn for each subscription; it may close any of them and open others, which come to the front. */
static void each(struct so_changes *c, void (*fn)(struct so_subscription *s, const void *arg), const void *arg)
{
    for (struct so_subscription *s = c->subscriptions, *next; s != NULL; s = next) {
        fn(s, arg);
        /* One that was closed meanwhile is not freed yet, and still says where it stood; what follows it may be closed, too.
         */
        next = s->next;
        while (next != NULL && next->is_closed)
            next = next->next;
    }
}

static void say_ready(struct so_subscription *s, int64_t seq)
{
    s->owes_ready = false;
    s->events->ready(seq, s->arg);
}

/* The log begins only after *floor. */
static void meet_floor(struct so_subscription *s, const void *arg)
{
    int64_t floor = *(const int64_t *)arg;
    struct so_changes *c = s->changes;
    int64_t at = s->state == SO_LIVE ? c->at : s->at;
    if (s->is_closed || s->state == SO_FRESH || at >= floor)
        return;
    s->at = floor;
    s->events->gap(at, floor, s->arg);
    if (!s->is_closed && s->state == SO_LIVE)
        say_ready(s, floor);
    else
        s->owes_ready = true;
}

static void take_past(struct so_subscription *s, const void *arg)
{
    const struct so_batch *b = arg;
    if (s->state != SO_CATCHING || s->is_held || s->at < b->from || s->at >= b->last)
        return;
    for (size_t i = 0; i < b->count && !s->is_closed && !s->is_held; i++)
        if (b->changes[i].seq > s->at)
            so_dispatch_to(s, &b->changes[i]);
    if (!s->changes->is_asking && !s->is_held)
        s->at = b->last;
}

static void take_batch(struct so_changes *c, const struct so_batch *b)
{
    if (c->at >= b->from && c->at < b->last) {
        for (size_t i = 0; i < b->count; i++)
            if (b->changes[i].seq > c->at)
                so_dispatch(c, &b->changes[i]);
        if (c->at >= 0 && !c->is_asking) /* else all have gone */
            c->at = b->last;
    }
    if (c->catching > 0)
        each(c, take_past, b);
}

static void go_live(struct so_subscription *s, int64_t seq)
{
    struct so_err err = SO_ERR_INIT;
    if (so_subscription_link(s, &err) != SO_OK) {
        so_subscription_fail(s, &err);
        return;
    }
    s->state = SO_LIVE;
    s->changes->catching--;
    say_ready(s, seq);
}

static void meet_mark(struct so_subscription *s, const void *arg)
{
    const struct so_slot_message *m = arg;
    bool is_answered = s->ticket <= m->ticket;
    if (s->is_closed)
        return;
    if (s->state == SO_LIVE) {
        if (is_answered && s->owes_ready)
            say_ready(s, m->seq);
        return;
    }
    if (s->state == SO_CATCHING && is_answered && s->at > m->seq) { /* a number that was never given: another log */
        int64_t asked = s->at;
        s->at = m->seq;
        s->events->gap(asked, m->seq, s->arg);
    }
    if (!s->is_closed && !s->is_held && (s->state == SO_FRESH ? is_answered : s->at == m->seq))
        go_live(s, m->seq);
}

void so_changes_take(struct so_changes *c, const struct so_slot_message *m, bool only_questions)
{
    c->depth++;
    c->is_asking = only_questions;
    if (m->floor >= 0) { /* met a second time it changes nothing */
        each(c, meet_floor, &m->floor);
        if (c->at >= 0 && c->at < m->floor)
            c->at = m->floor;
    }
    if (m->batch != NULL)
        take_batch(c, m->batch);
    c->is_asking = false;
    if (m->is_mark && !only_questions && m->ticket >= c->epoch && c->open > 0) {
        if (c->at < 0)
            c->at = m->seq;
        each(c, meet_mark, m);
    }
    c->depth--;
    so_subscription_sweep(c);
}

/* On PostgreSQL the message waits in line. */
static bool receive(void *arg, struct so_slot_message *m)
{
    struct so_changes *c = arg;
    if (c->sights == NULL)
        so_changes_take(c, m, false);
    else
        so_sights_take(c->sights, m);
    return c->sights != NULL;
}

/* ---- open and close ---- */

int so_changes_new(struct so_feed *feed, struct so_loop *loop, struct so_conn *reader, struct so_changes **out,
                   struct so_err *err)
{
    struct so_changes *c = so_calloc(1, sizeof(*c));
    if (c == NULL)
        return so_err_oom(err);
    c->reader = reader;
    c->at = -1;
    so_arena_init(&c->scratch, SCRATCH_MAX);
    c->anon_role = so_feed_anon_role(feed);
    struct so_seer *seer = so_feed_seer(feed);
    int rc = seer == NULL ? SO_OK : so_sights_new(c, seer, loop, &c->sights, err);
    if (rc == SO_OK)
        rc = so_slot_open(feed, loop, receive, c, &c->slot, err);
    if (rc != SO_OK) {
        so_sights_free(c->sights);
        so_free(c);
        return rc;
    }
    *out = c;
    return SO_OK;
}

void so_changes_free(struct so_changes *c)
{
    if (c == NULL)
        return;
    while (c->subscriptions != NULL)
        so_subscription_close(c->subscriptions);
    so_sights_free(c->sights);
    c->sights = NULL;
    so_slot_close(c->slot);
    so_watches_free(c->watches);
    so_arena_deinit(&c->scratch);
    so_free(c);
}

/* ---- a reload ---- */

static void resolve_again(struct so_subscription *s, const void *arg)
{
    const struct so_err *broken = arg;
    struct so_err err = *broken;
    int rc = broken->code;
    if (s->is_closed)
        return;
    if (rc == SO_OK)
        rc = so_subscription_resolve(s, &s->who, &err);
    if (rc == SO_OK && s->state == SO_LIVE)
        rc = so_subscription_link(s, &err);
    if (rc != SO_OK)
        so_subscription_fail(s, &err);
}

/* When there is no memory for the new tables, nobody may go on under the policies of the old ones. */
int so_changes_use(struct so_changes *c, const struct so_catalog *catalog, const struct so_model *model, struct so_err *err)
{
    struct so_watches *old = c->watches, *fresh = NULL;
    struct so_err broken = SO_ERR_INIT;
    if (so_watches_new(catalog, model, c->anon_role, &fresh, &broken) != SO_OK && err != NULL)
        *err = broken;
    so_sights_reset(c->sights);
    c->depth++;
    c->watches = fresh;
    each(c, resolve_again, &broken);
    c->depth--;
    so_subscription_sweep(c); /* they hold on to the old tables */
    so_watches_free(old);
    return broken.code;
}
