/* subscription.c: what a subscriber asked for, resolved against the tables as they are. */
#include "core/hash.h"
#include "core/mem.h"
#include "realtime/changes_int.h"

enum {
    LISTENERS_MAX = 200, /* of one subscription */
    FILTER_MAX = 1 << 20,
    ID_BITS = 48 /* JavaScript holds 53 */
};

/* ---- what was asked ---- */

static unsigned wants_of(struct so_str event)
{
    static const struct {
        const char *name;
        unsigned wants;
    } EVENTS[] = {{"INSERT", SO_WANTS_INSERT}, {"UPDATE", SO_WANTS_UPDATE}, {"DELETE", SO_WANTS_DELETE}};
    for (size_t i = 0; i < COUNT_OF(EVENTS); i++)
        if (so_str_eq_nocase(event, so_str_c(EVENTS[i].name)))
            return EVENTS[i].wants;
    return SO_WANTS_INSERT | SO_WANTS_UPDATE | SO_WANTS_DELETE;
}

static int64_t id_of(const struct so_listener *l)
{
    const struct so_str parts[] = {l->event, l->schema, l->table, l->filter, l->select};
    uint64_t hash = 0;
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        hash = so_hash(parts[i], hash + (parts[i].p != NULL) + 1); /* the same in every process: no secret seed */
    int64_t id = (int64_t)(hash & ((UINT64_C(1) << ID_BITS) - 1));
    return id == 0 ? 1 : id;
}

static int take_listener(struct so_subscription *s, struct so_listener *asked, struct so_listening *l, struct so_err *err)
{
    bool any_table = asked->table.p == NULL || so_str_eq_c(asked->table, "*");
    bool any_schema = asked->schema.p == NULL || so_str_eq_c(asked->schema, "*");
    *l = (struct so_listening){.subscription = s, .wants = wants_of(asked->event), .id = asked->id = id_of(asked)};
    so_arena_init(&l->arena, FILTER_MAX);
    bool is_filtered = asked->filter.p != NULL && so_str_trim(asked->filter).n > 0;
    if (any_table && (is_filtered || asked->select.p != NULL))
        return so_fail(err, SO_EINVAL, "%s needs a table",
                       is_filtered ? "a filter" : "column selection is not supported for wildcard subscriptions: it");
    l->schema = any_schema ? (struct so_str){NULL, 0} : asked->schema;
    l->table = any_table ? (struct so_str){NULL, 0} : asked->table;
    l->filter_text = asked->filter;
    l->select = asked->select;
    return SO_OK;
}

/* What they point to is the asker's until now. */
static int keep_texts(struct so_subscription *s, struct so_err *err)
{
    struct so_str *texts[4 * LISTENERS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < s->count; i++) {
        texts[count++] = &s->listeners[i].schema;
        texts[count++] = &s->listeners[i].table;
        texts[count++] = &s->listeners[i].filter_text;
        texts[count++] = &s->listeners[i].select;
    }
    return so_keep_texts(texts, count, &s->texts, err);
}

/* ---- against the tables ---- */

struct asking {
    const struct so_watch *watch;
    const struct so_identity *who;
};

static bool may_read(const void *arg, const struct so_column *column)
{
    const struct asking *a = arg;
    return so_watch_shows(a->watch, column, a->who);
}

static void release(struct so_listening *l)
{
    so_listening_unlink(l);
    if (l->watch != NULL) {
        so_viewer_put(l->watch, l->viewer);
        so_projection_put(l->watch, l->projection);
    }
    l->watch = NULL;
    l->viewer = NULL;
    l->projection = NULL;
    l->filter = (struct so_change_filter){0};
    so_arena_deinit(&l->arena);
}

/* `out` has the asked texts; its other parts are filled in.  On failure release() it. */
static int resolve(struct so_listening *out, const struct so_watches *watches, const struct so_identity *who,
                   struct so_err *err)
{
    if (out->schema.p != NULL && !so_str_eq_c(out->schema, "public") && watches->catalog->engine == SO_ENGINE_SQLITE)
        return so_fail(err, SO_EINVAL, "there is no schema \"%.*s\"", SO_STR_ARG(so_str_slice(out->schema, 0, 63)));
    if (out->table.p == NULL)
        return SO_OK;
    out->watch = so_watches_find_in(watches, out->schema, out->table);
    if (out->watch == NULL)
        return so_fail(err, SO_EINVAL, "there is no table \"%.*s\" whose changes are told",
                       SO_STR_ARG(so_str_slice(out->table, 0, 63)));
    const struct asking asking = {out->watch, who};
    int rc = SO_OK;
    if (out->filter_text.p != NULL)
        rc = so_change_filter_parse(out->filter_text, out->watch->relation, may_read, &asking, &out->arena, &out->filter,
                                    err);
    if (rc == SO_OK)
        rc = so_projection_get(out->watch, who, out->select, &out->projection, err);
    return rc == SO_OK ? so_viewer_get(out->watch, who, &out->viewer, err) : rc;
}

static void unlink_all(struct so_subscription *s)
{
    for (size_t i = 0; i < s->count; i++)
        so_listening_unlink(&s->listeners[i]);
}

int so_subscription_link(struct so_subscription *s, struct so_err *err)
{
    for (size_t i = 0; i < s->count; i++) {
        int rc = so_listening_link(s->changes, &s->listeners[i], err);
        if (rc != SO_OK) {
            unlink_all(s);
            return rc;
        }
    }
    return SO_OK;
}

/* All listeners anew under `who` and the tables of now; none is changed when one fails. */
int so_subscription_resolve(struct so_subscription *s, const struct so_identity *who, struct so_err *err)
{
    struct so_listening *fresh = so_calloc(s->count + 1, sizeof(*fresh));
    int rc = fresh == NULL ? so_err_oom(err) : SO_OK;
    size_t made = 0;
    while (rc == SO_OK && made < s->count) {
        const struct so_listening *old = &s->listeners[made];
        struct so_listening *l = &fresh[made++];
        *l = (struct so_listening){.subscription = s,
                                   .id = old->id,
                                   .wants = old->wants,
                                   .schema = old->schema,
                                   .table = old->table,
                                   .filter_text = old->filter_text,
                                   .select = old->select};
        so_arena_init(&l->arena, FILTER_MAX);
        rc = resolve(l, s->changes->watches, who, err);
    }
    for (size_t i = 0; rc == SO_OK && i < s->count; i++) {
        release(&s->listeners[i]);
        s->listeners[i] = fresh[i];
        s->parts = 0; /* they may be others now */
    }
    for (size_t i = 0; rc != SO_OK && i < made; i++)
        release(&fresh[i]);
    so_free(fresh);
    return rc;
}

/* ---- from the beginning to the end ---- */

static void free_subscription(struct so_subscription *s)
{
    for (size_t i = 0; i < s->count; i++)
        release(&s->listeners[i]);
    so_free(s->who_texts);
    so_free(s->texts);
    so_free(s->listeners);
    so_free(s->hits);
    so_free(s);
}

static int make(struct so_changes *c, const struct so_identity *who, struct so_listener *listeners, size_t count,
                struct so_subscription **out, struct so_err *err)
{
    struct so_subscription *s = so_calloc(1, sizeof(*s));
    if (s == NULL)
        return so_err_oom(err);
    s->changes = c;
    s->listeners = so_calloc(count + 1, sizeof(s->listeners[0]));
    s->hits = so_calloc(count + 1, sizeof(s->hits[0]));
    int rc = s->listeners == NULL || s->hits == NULL ? so_err_oom(err) : so_keep_identity(who, &s->who, &s->who_texts, err);
    while (rc == SO_OK && s->count < count) {
        rc = take_listener(s, &listeners[s->count], &s->listeners[s->count], err);
        s->count++;
    }
    if (rc == SO_OK)
        rc = keep_texts(s, err);
    if (rc == SO_OK)
        rc = so_subscription_resolve(s, &s->who, err);
    if (rc != SO_OK) {
        free_subscription(s);
        return rc;
    }
    *out = s;
    return SO_OK;
}

int so_changes_subscribe(struct so_changes *c, const struct so_identity *who, struct so_listener *listeners, size_t count,
                         int64_t since, const struct so_subscription_events *events, void *arg, struct so_subscription **out,
                         struct so_err *err)
{
    struct so_subscription *s = NULL;
    if (c->watches == NULL)
        return so_fail(err, SO_EINVAL, "the tables are not known yet");
    if (count > LISTENERS_MAX)
        return so_fail(err, SO_EINVAL, "more than %d listeners", LISTENERS_MAX);
    int rc = make(c, who, listeners, count, &s, err);
    if (rc != SO_OK)
        return rc;
    s->events = events;
    s->arg = arg;
    s->state = since < 0 ? SO_FRESH : SO_CATCHING;
    s->at = since;
    s->owes_ready = true;
    s->next = c->subscriptions;
    if (s->next != NULL)
        s->next->prev = s;
    c->subscriptions = s;
    s->ticket = so_slot_ask(c->slot, since);
    c->catching++;
    if (c->open++ == 0)
        c->epoch = s->ticket;
    *out = s;
    return SO_OK;
}

int so_subscription_renew(struct so_subscription *s, const struct so_identity *who, struct so_err *err)
{
    struct so_identity copy;
    char *texts;
    bool is_live = s->state == SO_LIVE;
    int rc = so_keep_identity(who, &copy, &texts, err);
    if (rc != SO_OK)
        return rc;
    rc = so_subscription_resolve(s, &copy, err);
    if (rc != SO_OK) {
        so_free(texts);
        return rc;
    }
    so_free(s->who_texts);
    s->who_texts = texts;
    s->who = copy;
    if (is_live &&
        so_subscription_link(s, NULL) != SO_OK) { /* no changes come now: the loop's place is its own from here on */
        s->state = SO_CATCHING;
        s->at = s->changes->at;
        s->changes->catching++;
    }
    s->owes_ready = true;
    s->ticket = so_slot_ask(s->changes->slot, s->state == SO_CATCHING ? s->at : -1);
    return SO_OK;
}

void so_subscription_hold(struct so_subscription *s, int64_t at)
{
    if (s->state == SO_LIVE) {
        unlink_all(s);
        s->state = SO_CATCHING;
        s->changes->catching++;
    }
    s->at = at;
    s->is_held = true;
}

void so_subscription_go_on(struct so_subscription *s)
{
    if (s == NULL || s->is_closed || !s->is_held)
        return;
    s->is_held = false;
    s->ticket = so_slot_ask(s->changes->slot, s->at);
}

void so_subscription_close(struct so_subscription *s)
{
    if (s == NULL || s->is_closed)
        return;
    struct so_changes *c = s->changes;
    s->is_closed = true;
    c->catching -= s->state != SO_LIVE;
    unlink_all(s);
    *(s->prev == NULL ? &c->subscriptions : &s->prev->next) = s->next;
    if (s->next != NULL)
        s->next->prev = s->prev;
    s->next_closed = c->closed;
    c->closed = s;
    if (--c->open == 0) {
        c->at = -1;
        so_slot_idle(c->slot);
    }
    so_subscription_sweep(c);
}

void so_subscription_fail(struct so_subscription *s, const struct so_err *err)
{
    so_subscription_close(s);
    s->events->failed(err, s->arg);
}

void so_subscription_sweep(struct so_changes *c)
{
    while (c->depth == 0 && c->closed != NULL) {
        struct so_subscription *s = c->closed;
        c->closed = s->next_closed;
        free_subscription(s);
    }
}
