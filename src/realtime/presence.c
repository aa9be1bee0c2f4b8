/* presence.c: rooms hold groups, one for each key, and groups hold entries. */
#include "realtime/presence.h"

#include <pthread.h>

#include "core/mem.h"
#include "core/random.h"
#include "realtime/table.h"
#include "json/write.h"

enum { REF_SIZE = 18, DIFF_MAX = 64 << 20 };

struct room {
    struct so_table_entry entry; /* in so_presence.rooms */
    struct so_hash_table groups;
    char key[]; /* so_room_key() */
};

struct group {
    struct so_table_entry entry; /* in room.groups */
    struct room *room;
    struct so_presence_entry *first;
    char key[];
};

struct so_presence_entry {
    struct so_presence_entry *next, **at; /* of the group; what points to this one */
    struct group *group;
    struct so_note *leave; /* made beforehand: see so_presence_untrack() */
    bool is_far;           /* of another process */
    struct so_str ref;
    struct so_str said; /* as it was tracked, to see that nothing has changed; not of a far one */
    struct so_str meta; /* with its references */
    char text[];
};

struct so_presence {
    pthread_mutex_t lock;
    struct so_hash_table rooms;
    uint64_t version; /* changes so far */
};

int so_presence_new(struct so_presence **out, struct so_err *err)
{
    struct so_presence *p = so_calloc(1, sizeof(*p));
    if (p == NULL)
        return so_err_oom(err);
    pthread_mutex_init(&p->lock, NULL);
    *out = p;
    return SO_OK;
}

void so_presence_free(struct so_presence *p)
{
    if (p == NULL)
        return;
    so_hash_table_deinit(&p->rooms);
    pthread_mutex_destroy(&p->lock);
    so_free(p);
}

/* ---- where an entry lies ---- */

static struct room *find_room(const struct so_presence *p, const struct so_room_name *name)
{
    char buffer[SO_WIRE_NAME_MAX + 1];
    struct so_table_entry *e = so_hash_table_find(&p->rooms, so_room_key(name, buffer));
    return e == NULL ? NULL : SO_CONTAINER_OF(e, struct room, entry);
}

static struct room *make_room(struct so_presence *p, const struct so_room_name *name)
{
    char buffer[SO_WIRE_NAME_MAX + 1];
    struct so_str key = so_room_key(name, buffer);
    struct room *room = so_calloc(1, sizeof(*room) + key.n);
    if (room == NULL)
        return NULL;
    memcpy(room->key, key.p, key.n);
    room->entry.key = so_str(room->key, key.n);
    if (so_hash_table_put(&p->rooms, &room->entry))
        return room;
    so_free(room);
    return NULL;
}

static void drop_room_if_empty(struct so_presence *p, struct room *room)
{
    if (room->groups.count > 0)
        return;
    so_hash_table_remove(&p->rooms, &room->entry);
    so_hash_table_deinit(&room->groups);
    so_free(room);
}

static struct group *make_group(struct room *room, struct so_str key)
{
    struct group *group = so_calloc(1, sizeof(*group) + key.n);
    if (group == NULL)
        return NULL;
    if (key.n > 0)
        memcpy(group->key, key.p, key.n);
    group->room = room;
    group->entry.key = so_str(group->key, key.n);
    if (so_hash_table_put(&room->groups, &group->entry))
        return group;
    so_free(group);
    return NULL;
}

static void drop_group_if_empty(struct so_presence *p, struct group *group)
{
    struct room *room = group->room;
    if (group->first != NULL)
        return;
    so_hash_table_remove(&room->groups, &group->entry);
    so_free(group);
    drop_room_if_empty(p, room);
}

/* The group of that key, made with its room if need be.  NULL: out of memory, and nothing is left behind. */
static struct group *take_group(struct so_presence *p, const struct so_room_name *name, struct so_str key)
{
    struct room *room = find_room(p, name);
    if (room == NULL && (room = make_room(p, name)) == NULL)
        return NULL;
    struct so_table_entry *e = so_hash_table_find(&room->groups, key);
    struct group *group = e != NULL ? SO_CONTAINER_OF(e, struct group, entry) : make_group(room, key);
    if (group == NULL)
        drop_room_if_empty(p, room);
    return group;
}

static void link_entry(struct group *group, struct so_presence_entry *e)
{
    e->group = group;
    e->next = group->first;
    e->at = &group->first;
    if (e->next != NULL)
        e->next->at = &e->next;
    group->first = e;
}

static void unlink_entry(struct so_presence_entry *e)
{
    *e->at = e->next;
    if (e->next != NULL)
        e->next->at = e->at;
}

/* ---- what is said of it ---- */

/* previous: empty for none */
static void put_meta(struct so_buf *out, struct so_str said, struct so_str ref, struct so_str previous)
{
    bool is_empty = so_str_eq_c(said, "{}");
    so_buf_put(out, said.p, said.n - 1);
    so_buf_puts(out, is_empty ? "" : ",");
    so_buf_printf(out, "\"phx_ref\":\"%.*s\"", SO_STR_ARG(ref)); /* last, so that it outranks one of the user's */
    if (previous.n > 0)
        so_buf_printf(out, ",\"phx_ref_prev\":\"%.*s\"", SO_STR_ARG(previous));
    so_buf_putc(out, '}');
}

static void put_side(struct so_buf *out, const char *side, struct so_str key, struct so_str meta)
{
    so_buf_printf(out, "\"%s\":{", side);
    if (meta.n > 0) {
        so_json_put_str(out, key);
        so_buf_lit(out, ":{\"metas\":[");
        so_buf_put_str(out, meta);
        so_buf_lit(out, "]}");
    }
    so_buf_putc(out, '}');
}

/* What an entry is made of. */
struct presence {
    const struct so_room_name *room;
    struct so_str key, ref, said, meta;
};

/* One entry comes, in place of another that goes; one of them may be NULL.  NULL: out of memory. */
static struct so_note *make_diff(const struct so_room_name *room, struct so_str key, const struct so_presence_entry *joins,
                                 const struct so_presence_entry *leaves)
{
    static const struct so_str NOTHING = SO_STR_INIT("");
    struct so_note of = {.kind = SO_NOTE_PRESENCE, .room = *room, .event = key};
    struct so_buf body;
    so_buf_init(&body, DIFF_MAX);
    so_buf_putc(&body, '{');
    put_side(&body, "joins", key, joins == NULL ? NOTHING : joins->meta);
    so_buf_putc(&body, ',');
    put_side(&body, "leaves", key, leaves == NULL ? NOTHING : leaves->meta);
    so_buf_putc(&body, '}');
    of.body = so_buf_str(&body);
    of.ref = joins != NULL ? joins->ref : leaves->ref;
    of.meta = joins != NULL ? joins->meta : NOTHING;
    of.previous = joins != NULL && leaves != NULL ? leaves->ref : NOTHING;
    struct so_note *note = body.rc == SO_OK ? so_note_new(&of) : NULL;
    so_buf_deinit(&body);
    return note;
}

static void free_entry(struct so_presence_entry *e)
{
    if (e == NULL)
        return;
    so_note_unref(e->leave);
    so_free(e);
}

static struct so_str copy_to(char **at, struct so_str s)
{
    char *to = *at;
    if (s.n > 0)
        memcpy(to, s.p, s.n);
    *at += s.n;
    return so_str(to, s.n);
}

static struct so_presence_entry *make_entry(const struct presence *of, bool is_far)
{
    struct so_presence_entry *e = so_calloc(1, sizeof(*e) + of->ref.n + of->said.n + of->meta.n);
    if (e == NULL)
        return NULL;
    char *at = e->text;
    e->is_far = is_far;
    e->ref = copy_to(&at, of->ref);
    e->said = copy_to(&at, of->said);
    e->meta = copy_to(&at, of->meta);
    e->leave = make_diff(of->room, of->key, NULL, e);
    if (e->leave != NULL)
        return e;
    free_entry(e);
    return NULL;
}

static void draw_ref(char ref[REF_SIZE])
{
    uint8_t random[8];
    so_random_bytes(random, sizeof(random));
    ref[0] = 'F';
    for (size_t i = 0; i < sizeof(random); i++) {
        ref[1 + 2 * i] = "0123456789ABCDEF"[random[i] >> 4];
        ref[2 + 2 * i] = "0123456789ABCDEF"[random[i] & 15];
    }
    ref[REF_SIZE - 1] = '\0';
}

/* ---- in and out ---- */

/* Takes the place of `before`, which may be NULL, and is in the list from here on. */
static bool place(struct so_presence *p, const struct so_room_name *room, struct so_str key, struct so_presence_entry *e,
                  struct so_presence_entry *before, struct so_note *diff)
{
    pthread_mutex_lock(&p->lock);
    struct group *group = before != NULL ? before->group : take_group(p, room, key);
    if (group != NULL) {
        if (before != NULL)
            unlink_entry(before);
        link_entry(group, e);
        diff->version = ++p->version;
    }
    pthread_mutex_unlock(&p->lock);
    return group != NULL;
}

static int track(struct so_presence *p, const struct presence *of, bool is_far, struct so_presence_entry **entry,
                 struct so_note **out_diff)
{
    struct so_presence_entry *before = *entry, *e = make_entry(of, is_far);
    struct so_note *diff = e == NULL ? NULL : make_diff(of->room, of->key, e, before);
    if (diff == NULL || !place(p, of->room, of->key, e, before, diff)) {
        so_note_unref(diff);
        free_entry(e);
        return SO_ENOMEM;
    }
    free_entry(before);
    *entry = e;
    *out_diff = diff;
    return SO_OK;
}

int so_presence_track(struct so_presence *p, const struct so_room_name *room, struct so_str key, struct so_str meta,
                      struct so_presence_entry **entry, struct so_note **out_diff)
{
    char ref[REF_SIZE];
    struct so_buf full;
    if (*entry != NULL && so_str_eq((*entry)->said, meta)) {
        *out_diff = NULL;
        return SO_OK;
    }
    draw_ref(ref);
    so_buf_init(&full, DIFF_MAX);
    put_meta(&full, meta, so_str_c(ref), *entry == NULL ? SO_STR("") : (*entry)->ref);
    const struct presence of = {room, key, so_str_c(ref), meta, so_buf_str(&full)};
    int rc = full.rc == SO_OK ? track(p, &of, false, entry, out_diff) : SO_ENOMEM;
    so_buf_deinit(&full);
    return rc;
}

int so_presence_place(struct so_presence *p, const struct so_room_name *room, struct so_str key, struct so_str ref,
                      struct so_str meta, struct so_presence_entry **entry, struct so_note **out_diff)
{
    const struct presence of = {room, key, ref, SO_STR(""), meta};
    return track(p, &of, true, entry, out_diff);
}

struct so_note *so_presence_untrack(struct so_presence *p, struct so_presence_entry **entry)
{
    struct so_presence_entry *e = *entry;
    if (e == NULL)
        return NULL;
    pthread_mutex_lock(&p->lock);
    struct so_note *diff = e->leave; /* nobody else has seen it yet */
    diff->version = ++p->version;
    unlink_entry(e);
    drop_group_if_empty(p, e->group);
    pthread_mutex_unlock(&p->lock);
    e->leave = NULL;
    free_entry(e);
    *entry = NULL;
    return diff;
}

static void put_group(struct so_buf *out, const struct group *group)
{
    so_json_put_str(out, group->entry.key);
    so_buf_lit(out, ":{\"metas\":[");
    for (const struct so_presence_entry *e = group->first; e != NULL; e = e->next) {
        so_buf_put_str(out, e->meta);
        so_buf_puts(out, e->next == NULL ? "" : ",");
    }
    so_buf_lit(out, "]}");
}

void so_presence_put_state(struct so_presence *p, const struct so_room_name *room, struct so_buf *out, uint64_t *out_version)
{
    pthread_mutex_lock(&p->lock);
    const struct room *r = find_room(p, room);
    const struct so_table_entry *e = r == NULL ? NULL : so_hash_table_first(&r->groups);
    so_buf_putc(out, '{');
    while (e != NULL) {
        put_group(out, SO_CONTAINER_OF((uintptr_t)e, struct group, entry));
        e = so_hash_table_next(&r->groups, e);
        if (e != NULL)
            so_buf_putc(out, ',');
    }
    so_buf_putc(out, '}');
    *out_version = p->version;
    pthread_mutex_unlock(&p->lock);
}

static void each_of_group(const struct so_room_name *room, const struct group *group,
                          void (*fn)(void *arg, const struct so_note *one), void *arg)
{
    for (const struct so_presence_entry *e = group->first; e != NULL; e = e->next) {
        const struct so_note one = {
            .kind = SO_NOTE_PRESENCE, .room = *room, .event = group->entry.key, .ref = e->ref, .meta = e->meta};
        if (!e->is_far)
            fn(arg, &one);
    }
}

void so_presence_each_own(struct so_presence *p, void (*fn)(void *arg, const struct so_note *one), void *arg)
{
    pthread_mutex_lock(&p->lock);
    for (const struct so_table_entry *r = so_hash_table_first(&p->rooms); r != NULL; r = so_hash_table_next(&p->rooms, r)) {
        const struct room *room = SO_CONTAINER_OF((uintptr_t)r, struct room, entry);
        const struct so_room_name name = so_room_of_key(r->key);
        const struct so_hash_table *groups = &room->groups;
        for (const struct so_table_entry *g = so_hash_table_first(groups); g != NULL; g = so_hash_table_next(groups, g))
            each_of_group(&name, SO_CONTAINER_OF((uintptr_t)g, struct group, entry), fn, arg);
    }
    pthread_mutex_unlock(&p->lock);
}
