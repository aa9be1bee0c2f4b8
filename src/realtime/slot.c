/* slot.c: the mailbox between the feed's thread and one loop. */
#include "core/mem.h"
#include "realtime/feed_int.h"

struct message {
    struct so_task task;
    struct so_slot *slot;
    struct so_batch *batch; /* a reference, or NULL */
    struct so_slot_message says;
};

int so_slot_open(struct so_feed *feed, struct so_loop *loop, bool (*receive)(void *arg, struct so_slot_message *m),
                 void *arg, struct so_slot **out, struct so_err *err)
{
    struct so_slot *slot = so_calloc(1, sizeof(*slot));
    if (slot == NULL)
        return so_err_oom(err);
    *slot = (struct so_slot){.feed = feed,
                             .loop = loop,
                             .receive = receive,
                             .arg = arg,
                             .posted = -1,
                             .cursor = -1,
                             .wanted = SO_SLOT_NOTHING,
                             .refs = 1};
    pthread_mutex_lock(&feed->lock);
    slot->next = feed->slots;
    feed->slots = slot;
    pthread_mutex_unlock(&feed->lock);
    *out = slot;
    return SO_OK;
}

/* With the lock held. */
static void stop_listening(struct so_slot *slot)
{
    if (slot->is_listening)
        slot->feed->listening--;
    slot->is_listening = false;
    slot->is_behind = slot->owes_mark = false;
    slot->posted = slot->cursor = -1;
    slot->wanted = SO_SLOT_NOTHING;
}

void so_slot_close(struct so_slot *slot)
{
    if (slot == NULL)
        return;
    struct so_feed *feed = slot->feed;
    slot->receive = NULL;
    pthread_mutex_lock(&feed->lock);
    stop_listening(slot);
    struct so_slot **at = &feed->slots;
    while (*at != slot)
        at = &(*at)->next;
    *at = slot->next;
    bool is_last = --slot->refs == 0;
    pthread_mutex_unlock(&feed->lock);
    if (is_last)
        so_free(slot);
}

uint64_t so_slot_ask(struct so_slot *slot, int64_t since)
{
    struct so_feed *feed = slot->feed;
    pthread_mutex_lock(&feed->lock);
    if (!slot->is_listening)
        feed->listening++;
    slot->is_listening = true;
    uint64_t ticket = ++slot->asked;
    bool is_on_the_way = slot->cursor >= 0 && since >= slot->cursor; /* the walk that goes on will come by */
    if (since >= 0 && !is_on_the_way && since < slot->wanted)
        slot->wanted = since;
    pthread_cond_signal(&feed->wake);
    pthread_mutex_unlock(&feed->lock);
    return ticket;
}

void so_slot_idle(struct so_slot *slot)
{
    pthread_mutex_lock(&slot->feed->lock);
    stop_listening(slot);
    pthread_mutex_unlock(&slot->feed->lock);
}

/* ---- messages ---- */

void so_slot_release(struct so_slot_message *says)
{
    struct message *m = SO_CONTAINER_OF(says, struct message, says);
    struct so_slot *slot = m->slot;
    /* A slot that was closed may have outlived its feed: then this loop is the only one to know it. */
    bool is_open = slot->receive != NULL;
    if (is_open)
        pthread_mutex_lock(&slot->feed->lock);
    bool has_room = --slot->in_flight == SO_SLOT_IN_FLIGHT_MAX / 2;
    bool is_last = --slot->refs == 0;
    if (is_open && has_room)
        pthread_cond_signal(&slot->feed->wake);
    if (is_open)
        pthread_mutex_unlock(&slot->feed->lock);
    so_batch_unref(m->batch);
    so_free(m);
    if (is_last)
        so_free(slot);
}

static void receive(struct so_task *task)
{
    struct message *m = SO_CONTAINER_OF(task, struct message, task);
    bool is_kept = m->slot->receive != NULL && m->slot->receive(m->slot->arg, &m->says);
    if (!is_kept)
        so_slot_release(&m->says);
}

static struct message *new_message(struct so_slot *slot, struct so_err *err)
{
    struct message *m = so_calloc(1, sizeof(*m));
    if (m == NULL) {
        so_err_oom(err);
        return NULL;
    }
    *m = (struct message){.task = {.run = receive}, .slot = slot, .says = {.floor = -1}};
    return m;
}

static void post(struct message *m)
{
    m->slot->refs++;
    m->slot->in_flight++;
    so_loop_post(m->slot->loop, &m->task);
}

int so_slot_post(struct so_slot *slot, int64_t floor, struct so_batch *batch, struct so_err *err)
{
    struct message *m = new_message(slot, err);
    if (m == NULL)
        return SO_ENOMEM;
    m->says.floor = floor;
    m->says.batch = m->batch = batch == NULL ? NULL : so_batch_ref(batch);
    post(m);
    return SO_OK;
}

int so_slot_post_mark(struct so_slot *slot, struct so_err *err)
{
    struct message *m = new_message(slot, err);
    if (m == NULL)
        return SO_ENOMEM;
    m->says.is_mark = true;
    m->says.seq = slot->posted;
    m->says.ticket = slot->taken;
    post(m);
    return SO_OK;
}
