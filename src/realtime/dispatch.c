/* dispatch.c: one change to those whom it is for.
 *
 *   candidates (by table, by value) -> filter -> policy, once per viewer -> hits, by subscription -> heard()
 *
 * No callback runs before all hits are known, so that what a callback closes or opens disturbs no list. */
#include "realtime/changes_int.h"

/* A viewer that only listeners of every table have: kept until the change is told. */
struct held {
    struct held *next;
    struct so_viewer *viewer;
};

struct dispatch {
    struct so_changes *changes;
    struct so_watch *watch;
    const struct so_change *change;
    struct so_subscription *hits, **hits_end;
    struct held *held;
    struct so_err err; /* why the broken ones are */
};

/* ---- candidates ---- */

static int matches(struct dispatch *d, const struct so_listening *l, unsigned want, const struct so_row *row, bool *out,
                   struct so_err *err)
{
    *out = false;
    return (l->wants & want) == 0 ? SO_OK : so_change_filter_test(&l->filter, row, &d->changes->scratch, out, err);
}

/* What the listener would take: of an update the update itself, or the departure of the row from its sight. */
static int wanted(struct dispatch *d, const struct so_listening *l, bool *as_is, bool *as_delete, struct so_err *err)
{
    static const unsigned WANTS[] = {SO_WANTS_INSERT, SO_WANTS_UPDATE, SO_WANTS_DELETE};
    const struct so_change *change = d->change;
    bool is_delete = change->op == SO_CHANGE_DELETE;
    *as_is = *as_delete = false;
    if (l->schema.p != NULL && !so_str_eq(l->schema, d->watch->relation->schema))
        return SO_OK;
    int rc = matches(d, l, WANTS[change->op], is_delete ? &change->old_row : &change->new_row, as_is, err);
    if (rc == SO_OK && change->op == SO_CHANGE_UPDATE)
        rc = matches(d, l, SO_WANTS_DELETE, &change->old_row, as_delete, err);
    return rc;
}

static int viewer_for(struct dispatch *d, const struct so_listening *l, struct so_viewer **out, struct so_err *err)
{
    *out = l->viewer;
    if (l->viewer != NULL)
        return SO_OK;
    struct held *held = so_alloc_zero(&d->changes->scratch, sizeof(*held));
    if (held == NULL)
        return so_err_oom(err);
    int rc = so_viewer_get(d->watch, &l->subscription->who, &held->viewer, err);
    if (rc != SO_OK)
        return rc;
    held->next = d->held;
    d->held = held;
    *out = held->viewer;
    return SO_OK;
}

/* A reference until the hit is told. */
static int projection_for(struct dispatch *d, const struct so_listening *l, struct so_projection **out, struct so_err *err)
{
    if (l->projection == NULL)
        return so_projection_get(d->watch, &l->subscription->who, (struct so_str){NULL, 0}, out, err);
    *out = l->projection;
    (*out)->refs++;
    return SO_OK;
}

static void add_subscription(struct dispatch *d, struct so_subscription *s)
{
    if (s->is_hit)
        return;
    s->is_hit = true;
    s->next_hit = NULL;
    *d->hits_end = s;
    d->hits_end = &s->next_hit;
}

static void add_hit(struct dispatch *d, const struct so_listening *l, struct so_projection *projection, enum so_form form)
{
    struct so_subscription *s = l->subscription;
    add_subscription(d, s);
    s->form = form;
    size_t at = s->hit_count++;
    for (; at > 0 && s->hits[at - 1].listening > l; at--) /* in the order of the listeners */
        s->hits[at] = s->hits[at - 1];
    s->hits[at] = (struct so_hit){l, projection};
}

static int consider(struct dispatch *d, const struct so_listening *l, struct so_err *err)
{
    bool as_is, as_delete;
    enum so_form form;
    struct so_viewer *viewer;
    struct so_projection *projection;
    int rc = wanted(d, l, &as_is, &as_delete, err);
    if (rc != SO_OK || !(as_is || as_delete))
        return rc;
    rc = viewer_for(d, l, &viewer, err);
    if (rc == SO_OK)
        rc = so_viewer_form(d->changes, d->watch, viewer, d->change, &form, err);
    if (rc != SO_OK || form == SO_FORM_NOTHING || !(form == SO_FORM_DELETE_KEY ? as_delete : as_is))
        return rc;
    rc = projection_for(d, l, &projection, err);
    if (rc == SO_OK)
        add_hit(d, l, projection, form);
    return rc;
}

/* Who cannot be answered truly must not go on: it is told, and may come back. */
static void try_one(struct dispatch *d, const struct so_listening *l)
{
    struct so_err err = SO_ERR_INIT;
    if (consider(d, l, &err) == SO_OK)
        return;
    add_subscription(d, l->subscription);
    l->subscription->is_broken = true;
    d->err = err;
}

static void try_list(struct dispatch *d, const struct so_listening *first)
{
    for (const struct so_listening *l = first; l != NULL; l = l->next)
        try_one(d, l);
}

static void try_bucket(struct dispatch *d, const struct so_bucket *bucket)
{
    if (bucket != NULL)
        try_list(d, bucket->first);
}

/* Those who wait for a value that the row has, or had. */
static void try_buckets(struct dispatch *d)
{
    for (size_t i = 0; i < d->watch->relation->column_count; i++) {
        if (d->watch->bucketed[i] == 0)
            continue;
        const struct so_bucket *now = NULL, *before = NULL;
        if (d->change->op != SO_CHANGE_DELETE)
            now = so_watch_bucket(d->watch, i, &d->change->new_row);
        if (d->change->op != SO_CHANGE_INSERT)
            before = so_watch_bucket(d->watch, i, &d->change->old_row);
        try_bucket(d, now);
        if (before != now)
            try_bucket(d, before);
    }
}

/* ---- telling ---- */

/* Takes the hits that share the projection of the first of them: one call of heard().  Moves the others to the front. */
static void take_some(struct dispatch *d, struct so_subscription *s, struct so_heard *heard, int64_t *ids)
{
    struct so_projection *projection = s->hits[0].projection;
    size_t left = 0;
    for (size_t i = 0; i < s->hit_count; i++) {
        if (s->hits[i].projection != projection) {
            s->hits[left++] = s->hits[i];
            continue;
        }
        ids[heard->id_count++] = s->hits[i].listening->id;
        so_projection_put(d->watch, projection);
    }
    s->hit_count = left;
    heard->has_more = left > 0;
}

static bool has_room(const struct so_subscription *s, size_t bytes)
{
    return s->events->has_room == NULL || s->events->has_room(bytes, s->arg);
}

/* One part of a change.  Those that were told before there was no room are not told again. */
static int tell_some(struct dispatch *d, struct so_subscription *s, size_t part, struct so_err *err)
{
    int64_t *ids = so_alloc_array(&d->changes->scratch, s->hit_count, sizeof(*ids));
    struct so_heard heard = {.seq = d->change->seq, .dispatch = d->changes->generation, .ids = ids};
    if (ids == NULL)
        return so_err_oom(err);
    int rc = so_payload(d->changes, d->watch, s->hits[0].projection, s->form, d->change, &heard.data, err);
    if (rc != SO_OK)
        return rc;
    bool is_new = part >= s->parts;
    if (is_new && !has_room(s, heard.data.n)) {
        so_subscription_hold(s, d->change->seq - 1);
        return SO_OK;
    }
    take_some(d, s, &heard, ids);
    if (is_new) {
        s->parts = part + 1;
        s->events->heard(&heard, s->arg);
    }
    return SO_OK;
}

static void tell(struct dispatch *d, struct so_subscription *s)
{
    struct so_err err = d->err;
    int rc = s->is_broken ? err.code : SO_OK;
    if (rc == SO_OK)
        err = SO_ERR_INIT;
    if (s->parts_of != d->change->seq)
        s->parts = 0;
    s->parts_of = d->change->seq;
    for (size_t part = 0; rc == SO_OK && s->hit_count > 0 && !s->is_closed && !s->is_held; part++)
        rc = tell_some(d, s, part, &err);
    while (s->hit_count > 0)
        so_projection_put(d->watch, s->hits[--s->hit_count].projection);
    s->is_hit = s->is_broken = false;
    if (rc != SO_OK && !s->is_closed)
        so_subscription_fail(s, &err);
}

/* ---- the whole ---- */

static bool begin(struct dispatch *d, struct so_changes *c, const struct so_change *change)
{
    *d = (struct dispatch){.changes = c, .change = change, .err = SO_ERR_INIT};
    d->hits_end = &d->hits;
    d->watch = c->watches == NULL ? NULL : so_watches_find(c->watches, change->table);
    c->generation++;
    return d->watch != NULL;
}

static void end(struct dispatch *d)
{
    /* The projections that the texts were written for outlive this, so that equal texts are equal pointers. */
    for (struct so_subscription *s = d->hits; s != NULL; s = s->next_hit)
        tell(d, s);
    for (struct held *h = d->held; h != NULL; h = h->next)
        so_viewer_put(d->watch, h->viewer);
    so_arena_reset(&d->changes->scratch);
}

void so_dispatch(struct so_changes *c, const struct so_change *change)
{
    struct dispatch d;
    if (!begin(&d, c, change))
        return;
    try_list(&d, d.watch->others);
    try_buckets(&d);
    try_list(&d, c->any_table);
    end(&d);
}

void so_dispatch_to(struct so_subscription *s, const struct so_change *change)
{
    struct dispatch d;
    if (!begin(&d, s->changes, change))
        return;
    for (size_t i = 0; i < s->count; i++)
        if (s->listeners[i].watch == NULL || s->listeners[i].watch == d.watch)
            try_one(&d, &s->listeners[i]);
    end(&d);
}
