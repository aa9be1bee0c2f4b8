/* bus.c: the bus between the event loops of one process: a note is not copied, each loop is handed a reference. */
#include "realtime/bus.h"

#include <pthread.h>

#include "core/mem.h"

/* ---- notes ---- */

struct so_str so_room_key(const struct so_room_name *room, char buffer[SO_WIRE_NAME_MAX + 1])
{
    size_t n = so_min_size(room->topic.n, SO_WIRE_NAME_MAX);
    buffer[0] = room->is_private ? 'p' : 'o';
    memcpy(buffer + 1, room->topic.p, n);
    return so_str(buffer, n + 1);
}

struct so_room_name so_room_of_key(struct so_str key)
{
    return (struct so_room_name){so_str_slice(key, 1, key.n), key.p[0] == 'p'};
}

static struct so_str copy_to(char **at, struct so_str s)
{
    char *to = *at;
    if (s.n > 0)
        memcpy(to, s.p, s.n);
    *at += s.n;
    return so_str(to, s.n);
}

struct so_note *so_note_new(const struct so_note *of)
{
    size_t size = sizeof(*of) + of->room.topic.n + of->event.n + of->body.n + of->meta.n + of->ref.n + of->previous.n;
    struct so_note *note = so_malloc(size);
    if (note == NULL)
        return NULL;
    *note = *of;
    note->refs = 1;
    char *at = (char *)(note + 1);
    note->room.topic = copy_to(&at, of->room.topic);
    note->event = copy_to(&at, of->event);
    note->body = copy_to(&at, of->body);
    note->meta = copy_to(&at, of->meta);
    note->ref = copy_to(&at, of->ref);
    note->previous = copy_to(&at, of->previous);
    note->next = NULL;
    return note;
}

struct so_note *so_note_ref(struct so_note *note)
{
    (void)__atomic_add_fetch(&note->refs, 1, __ATOMIC_RELAXED);
    return note;
}

void so_note_unref(struct so_note *note)
{
    if (note != NULL && __atomic_sub_fetch(&note->refs, 1, __ATOMIC_ACQ_REL) == 0)
        so_free(note);
}

/* ---- members ---- */

struct so_bus_member {
    struct so_bus *bus;
    struct so_bus_member *next;
    struct so_loop *loop;
    void (*receive)(struct so_note *note, void *arg); /* NULL once it has left; of its loop */
    void *arg;
    unsigned refs; /* atomic: itself, and what is posted to it */
};

struct so_bus {
    pthread_mutex_t lock;
    struct so_bus_member *first;
    size_t count;
    void (*carry)(void *arg, struct so_note *note); /* NULL: to nobody; set while nobody publishes */
    void *carry_arg;
};

int so_bus_new(struct so_bus **out, struct so_err *err)
{
    struct so_bus *bus = so_calloc(1, sizeof(*bus));
    if (bus == NULL)
        return so_err_oom(err);
    pthread_mutex_init(&bus->lock, NULL);
    *out = bus;
    return SO_OK;
}

void so_bus_free(struct so_bus *bus)
{
    if (bus == NULL)
        return;
    pthread_mutex_destroy(&bus->lock);
    so_free(bus);
}

static void unref_member(struct so_bus_member *member)
{
    if (__atomic_sub_fetch(&member->refs, 1, __ATOMIC_ACQ_REL) == 0)
        so_free(member);
}

int so_bus_join(struct so_bus *bus, struct so_loop *loop, void (*receive)(struct so_note *note, void *arg), void *arg,
                struct so_bus_member **out, struct so_err *err)
{
    struct so_bus_member *member = so_malloc(sizeof(*member));
    if (member == NULL)
        return so_err_oom(err);
    *member = (struct so_bus_member){.bus = bus, .loop = loop, .receive = receive, .arg = arg, .refs = 1};
    pthread_mutex_lock(&bus->lock);
    member->next = bus->first;
    bus->first = member;
    bus->count++;
    pthread_mutex_unlock(&bus->lock);
    *out = member;
    return SO_OK;
}

void so_bus_leave(struct so_bus_member *member)
{
    if (member == NULL)
        return;
    struct so_bus *bus = member->bus;
    pthread_mutex_lock(&bus->lock);
    struct so_bus_member **at = &bus->first;
    while (*at != member)
        at = &(*at)->next;
    *at = member->next;
    bus->count--;
    pthread_mutex_unlock(&bus->lock);
    member->receive = NULL;
    unref_member(member);
}

/* ---- notes on their way ---- */

struct delivery {
    struct so_task task;
    struct delivery *next; /* while they are being made */
    struct so_bus_member *member;
    struct so_note *note;
};

static void arrive(struct so_task *task)
{
    struct delivery *d = SO_CONTAINER_OF(task, struct delivery, task);
    if (d->member->receive != NULL)
        d->member->receive(d->note, d->member->arg);
    unref_member(d->member);
    so_note_unref(d->note);
    so_free(d);
}

/* All of them before the first is posted, so that a note arrives everywhere or nowhere. */
static int make_deliveries(size_t count, struct delivery **out)
{
    struct delivery *all = NULL;
    for (; count > 0; count--) {
        struct delivery *d = so_malloc(sizeof(*d));
        if (d == NULL) {
            while (all != NULL) {
                d = all->next;
                so_free(all);
                all = d;
            }
            return SO_ENOMEM;
        }
        d->next = all;
        all = d;
    }
    *out = all;
    return SO_OK;
}

void so_bus_set_carrier(struct so_bus *bus, void (*carry)(void *arg, struct so_note *note), void *arg)
{
    bus->carry = carry;
    bus->carry_arg = arg;
}

int so_bus_publish(struct so_bus *bus, const struct so_bus_member *from, struct so_note *note)
{
    struct delivery *ready = NULL;
    if (from != NULL && bus->carry != NULL)
        bus->carry(bus->carry_arg, note);
    pthread_mutex_lock(&bus->lock);
    int rc = make_deliveries(bus->count - (from != NULL ? 1 : 0), &ready);
    for (struct so_bus_member *m = bus->first; rc == SO_OK && m != NULL; m = m->next) {
        if (m == from)
            continue;
        struct delivery *d = ready;
        ready = d->next;
        (void)__atomic_add_fetch(&m->refs, 1, __ATOMIC_RELAXED);
        *d = (struct delivery){.task = {.run = arrive}, .member = m, .note = so_note_ref(note)};
        so_loop_post(m->loop, &d->task);
    }
    pthread_mutex_unlock(&bus->lock);
    return rc;
}
