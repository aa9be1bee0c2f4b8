/* changes_int.h: what the files behind changes.h share about one loop's subscriptions.
 *
 *   changes.c       messages of the feed: where each subscription stands; reloads
 *   subscription.c  subscribe, renew, close
 *   watch.c         tables that can be listened to: who sees which columns of them (projections), who looks (viewers)
 *   visible.c       policies on the rows of a change
 *   sight.c         the same on PostgreSQL: messages wait until the policies were asked
 *   dispatch.c      one change to those whom it is for
 *   payload.c       a change as JSON
 *   keep.c          copies of texts
 *
 * Threads: the loop's. */
#ifndef SO_REALTIME_CHANGES_INT_H
#define SO_REALTIME_CHANGES_INT_H

#include "realtime/feed.h"
#include "realtime/filter.h"
#include "realtime/table.h"

/* What a viewer gets to see of a change. */
enum so_form {
    SO_FORM_NOTHING,
    SO_FORM_INSERT,
    SO_FORM_UPDATE,     /* both rows */
    SO_FORM_UPDATE_KEY, /* the row came into view: of the old one the key alone */
    SO_FORM_DELETE,
    SO_FORM_DELETE_KEY, /* an update took the row out of view: its key alone */
    SO_FORM_COUNT
};

/* Callers between whom a table's policy makes no difference: one answer per change serves them all. */
struct so_viewer {
    struct so_table_entry entry; /* of its watch; the key is what the policy asks about the caller */
    unsigned refs;
    char *key, *texts; /* hold the key, and who */
    struct so_identity who;
    uint64_t generation; /* of the change that `form` is about */
    enum so_form form;
};

/* A set of columns, and how a change looks with them. */
struct so_projection {
    struct so_table_entry entry; /* of its watch; the key is a byte per column: shown or not */
    unsigned refs;
    struct so_str columns_json; /* the member "columns" */
    struct so_arena arena;
    uint64_t generation;
    struct so_str data[SO_FORM_COUNT]; /* p == NULL: not written yet; in the scratch arena */
};

struct so_listening;
/* Listeners who want one value of one column. */
struct so_bucket {
    struct so_table_entry entry; /* of its watch; the key is column and value */
    struct so_listening *first;
    size_t column;
    char key[];
};

/* A table whose changes are logged. */
struct so_watch {
    const struct so_watches *all;
    const struct so_relation *relation;
    const struct so_table *table;       /* NULL on PostgreSQL where no schema file says anything about it */
    bool asks_uid, asks_role, asks_jwt; /* of the select policy */
    struct so_hash_table viewers, projections, buckets;
    size_t *bucketed;            /* per column: how many buckets */
    struct so_listening *others; /* whom no value finds */
    struct so_question { /* the policy as a statement about the old and the new row of a change: the same for all viewers */
        uint64_t generation;
        struct so_str sql; /* in the scratch arena */
    } questions[2];
};

/* The tables of one catalog and model. */
struct so_watches {
    struct so_arena arena;
    struct so_catalog *catalog;
    struct so_model *model;
    struct so_map by_name;   /* -> struct so_watch; on PostgreSQL by "schema.table" */
    struct so_str anon_role; /* of callers without a token on PostgreSQL; borrowed */
};

/* One listener. */
enum { SO_WANTS_INSERT = 1, SO_WANTS_UPDATE = 2, SO_WANTS_DELETE = 4 };
struct so_listening {
    struct so_subscription *subscription;
    int64_t id;
    unsigned wants;
    struct so_str schema, table, filter_text, select; /* table.p == NULL: every table; schema.p == NULL: of any schema */
    struct so_arena arena;                            /* the parsed filter: anew after a reload */
    struct so_change_filter filter;
    struct so_watch *watch; /* NULL: every table */
    struct so_viewer *viewer;
    struct so_projection *projection;
    struct so_listening **list, *prev, *next; /* where changes find it; list == NULL: nowhere */
    struct so_bucket *bucket;
};

enum so_subscription_state {
    SO_FRESH,    /* waits for the mark that says from where */
    SO_CATCHING, /* takes the past from its own place */
    SO_LIVE      /* found through the tables' lists, at the loop's place */
};

/* A listener for whom a change is, while it is dispatched. */
struct so_hit {
    const struct so_listening *listening;
    struct so_projection *projection;
};

struct so_subscription {
    struct so_changes *changes;
    struct so_subscription *prev, *next; /* of those not closed */
    struct so_subscription *next_closed;
    const struct so_subscription_events *events;
    void *arg;
    char *texts; /* of the listeners */
    char *who_texts;
    struct so_identity who;
    struct so_listening *listeners;
    size_t count;
    enum so_subscription_state state;
    bool owes_ready, is_closed;
    bool is_held;           /* SO_CATCHING: it has no room, and stays where it is until so_subscription_go_on() */
    size_t parts;           /* so many calls of heard() told of ... */
    int64_t parts_of;       /* ... this change: when it was held between them, it goes on there */
    bool is_hit, is_broken; /* while a change is dispatched */
    int64_t at;             /* SO_CATCHING: everything up to here was heard */
    uint64_t ticket;
    struct so_hit *hits; /* count of them */
    size_t hit_count;
    enum so_form form; /* of the hits */
    struct so_subscription *next_hit;
};

struct so_sights;
struct so_changes {
    struct so_slot *slot;
    struct so_conn *reader;   /* SQLite */
    struct so_sights *sights; /* PostgreSQL; else NULL */
    struct so_str anon_role;
    struct so_watches *watches; /* NULL before the first so_changes_use() */
    struct so_subscription *subscriptions, *closed;
    size_t open;     /* not closed */
    size_t catching; /* of them not live */
    int64_t at;      /* the live ones heard everything up to here; -1: nobody is live */
    uint64_t epoch;  /* ticket of the first who asked after nobody listened */
    struct so_listening *any_table;
    unsigned depth;          /* of callbacks: what is closed meanwhile is freed later */
    bool is_asking;          /* a message is dispatched for its questions alone */
    uint64_t generation;     /* one per dispatched change */
    struct so_arena scratch; /* for one change */
};

/* keep.c: the texts move into one block, for so_free(). */
int so_keep_texts(struct so_str *const *texts, size_t count, char **out, struct so_err *err) SO_MUST_CHECK;
int so_keep_identity(const struct so_identity *who, struct so_identity *out, char **out_block,
                     struct so_err *err) SO_MUST_CHECK;

/* watch.c */
int so_watches_new(const struct so_catalog *catalog, const struct so_model *model, struct so_str anon_role,
                   struct so_watches **out, struct so_err *err) SO_MUST_CHECK;
void so_watches_free(struct so_watches *w); /* nobody listens there any more; NULL is fine */
struct so_watch *so_watches_find(const struct so_watches *w, struct so_str table); /* as a change names it */
/* As a listener names it; schema.p == NULL: public. */
struct so_watch *so_watches_find_in(const struct so_watches *w, struct so_str schema, struct so_str table);
struct so_str so_watch_role(const struct so_watch *w, const struct so_identity *who); /* PostgreSQL: the role to ask as */
bool so_watch_shows(const struct so_watch *w, const struct so_column *column, const struct so_identity *who);
/* Each finds or makes, and counts a reference.  select.p == NULL: all that `who` may read.  SO_EINVAL: no such column. */
int so_viewer_get(struct so_watch *w, const struct so_identity *who, struct so_viewer **out,
                  struct so_err *err) SO_MUST_CHECK;
void so_viewer_put(struct so_watch *w, struct so_viewer *v); /* NULL is fine */
int so_projection_get(struct so_watch *w, const struct so_identity *who, struct so_str select, struct so_projection **out,
                      struct so_err *err) SO_MUST_CHECK;
void so_projection_put(struct so_watch *w, struct so_projection *p); /* NULL is fine */
static inline bool so_projection_shows(const struct so_projection *p, size_t column) { return p->entry.key.p[column] == 1; }

/* Puts a listener where changes find it, and takes it from there. */
int so_listening_link(struct so_changes *c, struct so_listening *l, struct so_err *err) SO_MUST_CHECK;
void so_listening_unlink(struct so_listening *l);
/* The bucket of what the row has in a column, or NULL. */
struct so_bucket *so_watch_bucket(const struct so_watch *w, size_t column, const struct so_row *row);

/* visible.c: asked once per viewer and change. */
int so_viewer_form(struct so_changes *c, struct so_watch *w, struct so_viewer *v, const struct so_change *change,
                   enum so_form *out, struct so_err *err) SO_MUST_CHECK;

enum so_form so_form_of(enum so_change_op op, bool old_seen, bool new_seen);

/* sight.c: the same from PostgreSQL's answers, and the messages that wait for them. */
struct so_seer;
int so_sights_new(struct so_changes *c, struct so_seer *seer, struct so_loop *loop, struct so_sights **out,
                  struct so_err *err) SO_MUST_CHECK;
void so_sights_free(struct so_sights *s);  /* NULL is fine */
void so_sights_reset(struct so_sights *s); /* the tables will be others: what was asked means nothing.  NULL is fine */
void so_sights_take(struct so_sights *s, struct so_slot_message *m); /* until it is released */
int so_sight_form(struct so_changes *c, struct so_watch *w, struct so_viewer *v, const struct so_change *change,
                  enum so_form *out, struct so_err *err) SO_MUST_CHECK;
/* changes.c: what a message brings; or only its questions, and its floor: else nobody moves and nothing is told. */
void so_changes_take(struct so_changes *c, const struct so_slot_message *m, bool only_questions);

/* payload.c: written once per projection, form and change. */
int so_payload(struct so_changes *c, const struct so_watch *w, struct so_projection *p, enum so_form form,
               const struct so_change *change, struct so_str *out, struct so_err *err) SO_MUST_CHECK;

/* dispatch.c */
void so_dispatch(struct so_changes *c, const struct so_change *change); /* to all who are live */
void so_dispatch_to(struct so_subscription *s, const struct so_change *change);

/* subscription.c */
int so_subscription_resolve(struct so_subscription *s, const struct so_identity *who, struct so_err *err) SO_MUST_CHECK;
int so_subscription_link(struct so_subscription *s, struct so_err *err) SO_MUST_CHECK;
void so_subscription_fail(struct so_subscription *s, const struct so_err *err); /* while depth > 0 */
void so_subscription_hold(struct so_subscription *s, int64_t at);               /* at: it has heard everything up to there */
void so_subscription_sweep(struct so_changes *c); /* frees what was closed, unless a callback runs */

#endif
