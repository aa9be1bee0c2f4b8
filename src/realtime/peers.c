/* peers.c: a table of processes, each with a table of its presences by their references. */
#include "realtime/peers.h"

#include "core/mem.h"
#include "realtime/table.h"

struct so_peers {
    struct so_bus *bus;
    struct so_presence *presence;
    struct so_str me;
    struct so_hash_table table; /* struct peer */
    bool was_asked;
    char id[SO_PEER_ID_SIZE];
};

struct peer {
    struct so_table_entry entry; /* its key: the id */
    struct so_hash_table far;    /* struct far */
    int64_t number;              /* of its last row */
    int64_t heard_ns;
    bool must_ask; /* something may have been missed */
    char id[SO_PEER_ID_SIZE];
};

/* Somebody's presence in another process. */
struct far {
    struct so_table_entry entry; /* its key: the reference */
    struct so_presence_entry *presence;
    bool is_unconfirmed; /* while all are told: not among them yet */
    char ref[];
};

/* ---- presences ---- */

static struct far *find_far(const struct peer *peer, struct so_str ref)
{
    struct so_table_entry *e = so_hash_table_find(&peer->far, ref);
    return e == NULL ? NULL : SO_CONTAINER_OF(e, struct far, entry);
}

static struct far *make_far(struct peer *peer, struct so_str ref)
{
    struct far *far = so_calloc(1, sizeof(*far) + ref.n);
    if (far == NULL)
        return NULL;
    if (ref.n > 0)
        memcpy(far->ref, ref.p, ref.n);
    far->entry.key = so_str(far->ref, ref.n);
    if (so_hash_table_put(&peer->far, &far->entry))
        return far;
    so_free(far);
    return NULL;
}

/* Of a row that is out of memory nothing is delivered twice or late: the note is lost. */
static void deliver(struct so_peers *p, struct so_note *note)
{
    if (note != NULL)
        (void)!so_bus_publish(p->bus, NULL, note);
    so_note_unref(note);
}

static void drop_far(struct so_peers *p, struct peer *peer, struct far *far)
{
    deliver(p, so_presence_untrack(p->presence, &far->presence));
    so_hash_table_remove(&peer->far, &far->entry);
    so_free(far);
}

/* All of them, or those that were not confirmed. */
static void drop_all(struct so_peers *p, struct peer *peer, bool unconfirmed_only)
{
    struct so_table_entry *e = so_hash_table_first(&peer->far);
    while (e != NULL) {
        struct so_table_entry *next = so_hash_table_next(&peer->far, e);
        struct far *far = SO_CONTAINER_OF(e, struct far, entry);
        if (far->is_unconfirmed || !unconfirmed_only)
            drop_far(p, peer, far);
        e = next;
    }
}

static int take_here(struct so_peers *p, struct peer *peer, const struct so_note *said)
{
    struct far *before = said->previous.n > 0 ? find_far(peer, said->previous) : NULL, *far = find_far(peer, said->ref);
    struct so_note *diff;
    if (far != NULL) { /* told again */
        far->is_unconfirmed = false;
        return SO_OK;
    }
    far = make_far(peer, said->ref);
    if (far == NULL)
        return SO_ENOMEM;
    if (before != NULL)
        far->presence = before->presence;
    if (so_presence_place(p->presence, &said->room, said->event, said->ref, said->meta, &far->presence, &diff) != SO_OK) {
        so_hash_table_remove(&peer->far, &far->entry);
        so_free(far);
        return SO_ENOMEM;
    }
    if (before != NULL) { /* its place is taken */
        so_hash_table_remove(&peer->far, &before->entry);
        so_free(before);
    }
    deliver(p, diff);
    return SO_OK;
}

static int take_gone(struct so_peers *p, struct peer *peer, const struct so_note *said)
{
    struct far *far = find_far(peer, said->ref);
    if (far != NULL)
        drop_far(p, peer, far);
    return SO_OK;
}

static void doubt_all(struct peer *peer)
{
    for (struct so_table_entry *e = so_hash_table_first(&peer->far); e != NULL; e = so_hash_table_next(&peer->far, e))
        SO_CONTAINER_OF(e, struct far, entry)->is_unconfirmed = true;
    peer->must_ask = false;
}

/* ---- processes ---- */

static struct peer *find_peer(const struct so_peers *p, struct so_str id)
{
    struct so_table_entry *e = so_hash_table_find(&p->table, id);
    return e == NULL ? NULL : SO_CONTAINER_OF(e, struct peer, entry);
}

static struct peer *make_peer(struct so_peers *p, struct so_str id, int64_t number)
{
    struct peer *peer = id.n < SO_PEER_ID_SIZE ? so_calloc(1, sizeof(*peer)) : NULL;
    if (peer == NULL)
        return NULL;
    memcpy(peer->id, id.p, id.n);
    peer->entry.key = so_str(peer->id, id.n);
    peer->number = number - 1;
    peer->must_ask = true;
    if (so_hash_table_put(&p->table, &peer->entry))
        return peer;
    so_free(peer);
    return NULL;
}

static void drop_peer(struct so_peers *p, struct peer *peer)
{
    drop_all(p, peer, false);
    so_hash_table_remove(&p->table, &peer->entry);
    so_hash_table_deinit(&peer->far);
    so_free(peer);
}

/* ---- rows ---- */

static int take_broadcast(struct so_peers *p, const struct so_note *said)
{
    struct so_note *note = so_note_new(said);
    if (note == NULL)
        return SO_ENOMEM;
    deliver(p, note);
    return SO_OK;
}

/* peer: NULL for the database's own.  *out_left: it has said goodbye. */
static int take_parcel(struct so_peers *p, struct peer *peer, const struct so_parcel *parcel, bool *out_left)
{
    if (parcel->kind == SO_PARCEL_BROADCAST)
        return take_broadcast(p, &parcel->note);
    if (peer == NULL)
        return SO_OK;
    switch (parcel->kind) {
    case SO_PARCEL_HERE: return take_here(p, peer, &parcel->note);
    case SO_PARCEL_GONE: return take_gone(p, peer, &parcel->note);
    case SO_PARCEL_HELLO: p->was_asked |= parcel->to.n == 0 || so_str_eq(parcel->to, p->me); break;
    case SO_PARCEL_ALL: doubt_all(peer); break;
    case SO_PARCEL_ALL_END: drop_all(p, peer, true); break;
    case SO_PARCEL_BYE: *out_left = true; break;
    default: break; /* a newer version's */
    }
    return SO_OK;
}

void so_peers_take(struct so_peers *p, struct so_str id, int64_t number, struct so_str parcels, int64_t now_ns)
{
    struct peer *peer = id.n == 0 ? NULL : find_peer(p, id);
    if (id.n > 0 && peer == NULL && (peer = make_peer(p, id, number)) == NULL)
        return; /* it will be new again with its next row */
    if (peer != NULL && number <= peer->number)
        return; /* written twice: its connection broke, and it did not know whether the first one had been taken */
    if (peer != NULL) {
        peer->must_ask |= number > peer->number + 1;
        peer->number = number;
        peer->heard_ns = now_ns;
    }
    bool has_left = false;
    for (;;) {
        struct so_parcel parcel;
        bool found = false;
        int rc = so_parcel_read(&parcels, &parcel, &found);
        if (rc == SO_OK && !found)
            break;
        bool is_bad = rc != SO_OK;
        if (!is_bad)
            rc = take_parcel(p, peer, &parcel, &has_left);
        if (rc != SO_OK && peer != NULL)
            peer->must_ask = true;
        if (is_bad)
            break;
    }
    if (has_left)
        drop_peer(p, peer);
}

void so_peers_ask(struct so_peers *p, struct so_buf *out)
{
    for (struct so_table_entry *e = so_hash_table_first(&p->table); e != NULL; e = so_hash_table_next(&p->table, e)) {
        struct peer *peer = SO_CONTAINER_OF(e, struct peer, entry);
        const struct so_parcel hello = {.kind = SO_PARCEL_HELLO, .to = peer->entry.key};
        if (!peer->must_ask)
            continue;
        so_parcel_put(out, &hello);
        peer->must_ask = out->rc != SO_OK;
    }
}

bool so_peers_was_asked(struct so_peers *p)
{
    bool was_asked = p->was_asked;
    p->was_asked = false;
    return was_asked;
}

/* ---- life and death ---- */

void so_peers_bury(struct so_peers *p, int64_t before_ns)
{
    struct so_table_entry *e = so_hash_table_first(&p->table);
    while (e != NULL) {
        struct so_table_entry *next = so_hash_table_next(&p->table, e);
        struct peer *peer = SO_CONTAINER_OF(e, struct peer, entry);
        if (peer->heard_ns < before_ns)
            drop_peer(p, peer);
        e = next;
    }
}

void so_peers_forgive(struct so_peers *p, int64_t now_ns)
{
    for (struct so_table_entry *e = so_hash_table_first(&p->table); e != NULL; e = so_hash_table_next(&p->table, e))
        SO_CONTAINER_OF(e, struct peer, entry)->heard_ns = now_ns;
}

size_t so_peers_count(const struct so_peers *p) { return p->table.count; }

int so_peers_new(struct so_bus *bus, struct so_presence *presence, const char *me, struct so_peers **out, struct so_err *err)
{
    struct so_peers *p = so_calloc(1, sizeof(*p));
    if (p == NULL)
        return so_err_oom(err);
    p->bus = bus;
    p->presence = presence;
    p->me = so_str(p->id, so_min_size(strlen(me), sizeof(p->id) - 1));
    memcpy(p->id, me, p->me.n);
    *out = p;
    return SO_OK;
}

void so_peers_free(struct so_peers *p)
{
    if (p == NULL)
        return;
    so_peers_bury(p, INT64_MAX);
    so_hash_table_deinit(&p->table);
    so_free(p);
}
