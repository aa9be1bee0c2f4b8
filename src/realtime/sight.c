/* sight.c: what PostgreSQL's policies let viewers see.  A loop must not wait for the database, so the feed's messages wait
 * in line instead:
 *
 *   message -> dispatched once for its questions alone (nothing is told) -> the seer answers them -> dispatched for good
 *
 * Who subscribes or reloads meanwhile brings new questions: the message is dispatched for questions until there are none
 * without an answer.  Answers are good for one message.  An answer that is not there is never a yes. */
#include "core/mem.h"
#include "realtime/changes_int.h"
#include "realtime/seer.h"
#include "json/write.h"

enum { ROUND_MAX = 1 << 30, COLUMNS_MAX = 1 << 20, KEY_BYTES = sizeof(void *) + sizeof(int64_t) };

/* One question: what does this viewer see of this change? */
struct sight {
    struct so_table_entry entry; /* of so_sights.known; the key is viewer and number */
    char key[KEY_BYTES];
    struct sight *next; /* of the round */
    struct so_watch *watch;
    struct so_viewer *viewer; /* a reference */
    const struct so_change *change;
    struct so_seer_ask *ask; /* once asked */
    size_t at;               /* its place there */
};

/* Questions that are asked together, and their answers. */
struct round {
    struct so_seer_round seer;
    struct so_sights *sights;
    struct so_arena arena;
    struct sight *first, **end;
    struct round *next;
    struct so_slot_message *message; /* whose batch the rows are in */
};

struct so_sights {
    struct so_changes *changes;
    struct so_seer *seer;
    struct so_loop *loop;
    struct so_slot_message *head, **tail; /* messages in line */
    struct so_hash_table known;           /* questions about the first of them */
    struct round *answered;               /* rounds that hold them */
    struct round *asking;                 /* at the seer's; NULL: none */
    struct round *collecting;             /* while a message is dispatched for questions */
    bool is_stale;                        /* what `asking` asks is no longer of use */
    bool is_collecting;
};

/* ---- rounds ---- */

static struct round *new_round(struct so_sights *s)
{
    struct round *r = so_calloc(1, sizeof(*r));
    if (r == NULL)
        return NULL;
    r->sights = s;
    r->end = &r->first;
    r->message = s->head;
    so_arena_init(&r->arena, ROUND_MAX);
    return r;
}

static void free_round(struct round *r)
{
    if (r == NULL)
        return;
    so_arena_deinit(&r->arena);
    so_free(r);
}

/* The questions of a round are asked no more: their viewers may go. */
static void drop_questions(struct so_sights *s, struct round *r)
{
    for (struct sight *q = r->first; q != NULL; q = q->next) {
        so_hash_table_remove(&s->known, &q->entry);
        so_viewer_put(q->watch, q->viewer);
    }
    r->first = NULL;
    r->end = &r->first;
}

static void forget_answers(struct so_sights *s)
{
    for (struct round *r = s->answered, *next; r != NULL; r = next) {
        next = r->next;
        drop_questions(s, r);
        free_round(r);
    }
    s->answered = NULL;
}

/* ---- questions ---- */

static void make_key(char key[KEY_BYTES], const struct so_viewer *v, const struct so_change *change)
{
    memcpy(key, &v, sizeof(v));
    memcpy(key + sizeof(v), &change->seq, sizeof(change->seq));
}

static int add_question(struct so_sights *s, struct so_watch *w, struct so_viewer *v, const struct so_change *change,
                        struct so_err *err)
{
    if (s->collecting == NULL)
        s->collecting = new_round(s);
    struct round *r = s->collecting;
    struct sight *q = r == NULL ? NULL : so_alloc_zero(&r->arena, sizeof(*q));
    if (q == NULL)
        return so_err_oom(err);
    q->watch = w;
    q->viewer = v;
    q->change = change;
    make_key(q->key, v, change);
    q->entry.key = (struct so_str){q->key, KEY_BYTES};
    if (!so_hash_table_put(&s->known, &q->entry))
        return so_err_oom(err);
    v->refs++;
    *r->end = q;
    r->end = &q->next;
    return SO_OK;
}

int so_sight_form(struct so_changes *c, struct so_watch *w, struct so_viewer *v, const struct so_change *change,
                  enum so_form *out, struct so_err *err)
{
    struct so_sights *s = c->sights;
    char key[KEY_BYTES];
    make_key(key, v, change);
    struct so_table_entry *found = so_hash_table_find(&s->known, (struct so_str){key, KEY_BYTES});
    const struct sight *q = found == NULL ? NULL : SO_CONTAINER_OF(found, struct sight, entry);
    *out = SO_FORM_NOTHING;
    if (s->is_collecting)
        return q == NULL ? add_question(s, w, v, change, err) : SO_OK;
    if (q == NULL || q->ask == NULL)
        return so_fail(err, SO_EBUSY, "the policy was not asked");
    if (q->ask->err.code != SO_OK) {
        if (err != NULL)
            *err = q->ask->err;
        return q->ask->err.code;
    }
    *out = so_form_of(change->op, q->ask->old_seen[q->at], q->ask->new_seen[q->at]);
    return SO_OK;
}

/* ---- a round for the seer ---- */

/* A viewer's questions, while they are counted and filled in. */
struct asker {
    struct so_table_entry entry; /* the key is the viewer */
    const struct so_viewer *viewer;
    struct so_watch *watch;
    struct so_seer_ask *ask;
    size_t count;
    size_t *rows;
};

/* A JSON list of the columns that the viewer is told of. */
static int list_columns(const struct so_watch *w, const struct so_viewer *v, struct so_arena *arena, struct so_str *out,
                        struct so_err *err)
{
    struct so_buf b;
    struct so_jw j;
    so_buf_init(&b, COLUMNS_MAX);
    so_jw_init(&j, &b);
    so_jw_array(&j);
    for (size_t i = 0; i < w->relation->column_count; i++)
        if (so_watch_shows(w, &w->relation->columns[i], &v->who))
            so_jw_str(&j, w->relation->columns[i].name);
    so_jw_end_array(&j);
    int rc = so_buf_check(&b, "the list of columns", err);
    *out = rc == SO_OK ? so_arena_dup(arena, so_buf_str(&b)) : (struct so_str){NULL, 0};
    so_buf_deinit(&b);
    return rc == SO_OK && out->p == NULL ? so_err_oom(err) : rc;
}

/* Copies: the seer reads them while viewers come and go. */
static int fill_ask(struct round *r, const struct asker *a, struct so_err *err)
{
    struct so_seer_ask *ask = a->ask;
    ask->role = so_arena_dup(&r->arena, so_watch_role(a->watch, &a->viewer->who));
    ask->claims = so_arena_dup(&r->arena, a->viewer->who.claims.p == NULL ? SO_STR("{}") : a->viewer->who.claims);
    ask->schema = so_arena_dup(&r->arena, a->watch->relation->schema);
    ask->table = so_arena_dup(&r->arena, a->watch->relation->name);
    ask->rows = a->rows;
    ask->old_seen = so_alloc_zero(&r->arena, a->count);
    ask->new_seen = so_alloc_zero(&r->arena, a->count);
    if (ask->role.p == NULL || ask->claims.p == NULL || ask->schema.p == NULL || ask->table.p == NULL ||
        ask->old_seen == NULL || ask->new_seen == NULL)
        return so_err_oom(err);
    return list_columns(a->watch, a->viewer, &r->arena, &ask->columns, err);
}

static struct asker *find_asker(const struct so_hash_table *askers, const struct sight *q)
{
    struct so_table_entry *found = so_hash_table_find(askers, so_str_slice(q->entry.key, 0, sizeof(void *)));
    return found == NULL ? NULL : SO_CONTAINER_OF(found, struct asker, entry);
}

static int count_questions(struct round *r, struct so_hash_table *askers, struct so_err *err)
{
    for (struct sight *q = r->first; q != NULL; q = q->next) {
        struct asker *a = find_asker(askers, q);
        if (a == NULL) {
            a = so_alloc_zero(&r->arena, sizeof(*a));
            if (a == NULL)
                return so_err_oom(err);
            a->entry.key = so_str_slice(q->entry.key, 0, sizeof(void *));
            a->viewer = q->viewer;
            a->watch = q->watch;
            if (!so_hash_table_put(askers, &a->entry))
                return so_err_oom(err);
        }
        a->count++;
    }
    return SO_OK;
}

static int make_asks(struct round *r, const struct so_hash_table *askers, struct so_err *err)
{
    r->seer.asks = so_alloc_zero(&r->arena, (askers->count + 1) * sizeof(*r->seer.asks));
    if (r->seer.asks == NULL)
        return so_err_oom(err);
    int rc = SO_OK;
    for (struct so_table_entry *e = so_hash_table_first(askers); rc == SO_OK && e != NULL;
         e = so_hash_table_next(askers, e)) {
        struct asker *a = SO_CONTAINER_OF(e, struct asker, entry);
        a->ask = &r->seer.asks[r->seer.ask_count++];
        a->rows = so_alloc_array(&r->arena, a->count, sizeof(*a->rows));
        rc = a->rows == NULL ? so_err_oom(err) : fill_ask(r, a, err);
    }
    return rc;
}

/* Each change once, however many ask about it. */
static int place_questions(struct round *r, const struct so_hash_table *askers, struct so_err *err)
{
    const struct so_batch *b = r->message->batch;
    size_t *places = so_alloc_zero(&r->arena, (b->count + 1) * sizeof(*places)); /* 1 + position; 0: none yet */
    r->seer.rows = so_alloc_zero(&r->arena, (b->count + 1) * sizeof(*r->seer.rows));
    if (places == NULL || r->seer.rows == NULL)
        return so_err_oom(err);
    for (struct sight *q = r->first; q != NULL; q = q->next) {
        size_t *place = &places[q->change - b->changes];
        if (*place == 0) {
            r->seer.rows[r->seer.row_count++] = (struct so_seer_row){q->change->old_row.text, q->change->new_row.text};
            *place = r->seer.row_count;
        }
        struct asker *a = find_asker(askers, q);
        q->ask = a->ask;
        q->at = a->ask->count++;
        a->rows[q->at] = *place - 1;
    }
    return SO_OK;
}

static void on_answered(struct so_task *task);

static int prepare_round(struct round *r, struct so_err *err)
{
    struct so_hash_table askers = {0};
    int rc = count_questions(r, &askers, err);
    if (rc == SO_OK)
        rc = make_asks(r, &askers, err);
    if (rc == SO_OK)
        rc = place_questions(r, &askers, err);
    so_hash_table_deinit(&askers);
    r->seer.loop = r->sights->loop;
    r->seer.done = (struct so_task){.run = on_answered};
    return rc;
}

/* ---- messages in line ---- */

static void leave_line(struct so_sights *s)
{
    struct so_slot_message *m = s->head;
    s->head = m->next;
    if (s->head == NULL)
        s->tail = &s->head;
    so_slot_release(m);
}

/* The first message's questions go to the seer.  False: there are none, or no memory for them, so that those who have no
 * answer are told that they cannot go on. */
static bool ask_first(struct so_sights *s)
{
    if (s->head->batch == NULL)
        return false;
    s->is_collecting = true;
    so_changes_take(s->changes, s->head, true);
    s->is_collecting = false;
    struct round *r = s->collecting;
    s->collecting = NULL;
    if (r == NULL)
        return false;
    if (r->first == NULL || prepare_round(r, NULL) != SO_OK) {
        drop_questions(s, r);
        free_round(r);
        return false;
    }
    s->asking = r;
    so_seer_ask(s->seer, &r->seer);
    return true;
}

static void run(struct so_sights *s)
{
    while (s->head != NULL && s->asking == NULL && !ask_first(s)) {
        so_changes_take(s->changes, s->head, false);
        forget_answers(s);
        leave_line(s);
    }
}

static void on_answered(struct so_task *task)
{
    struct round *r = SO_CONTAINER_OF(task, struct round, seer.done);
    struct so_sights *s = r->sights;
    if (s == NULL) { /* all have gone meanwhile */
        free_round(r);
        return;
    }
    s->asking = NULL;
    if (s->is_stale) {
        free_round(r);
    } else {
        r->next = s->answered;
        s->answered = r;
    }
    s->is_stale = false;
    run(s);
}

void so_sights_take(struct so_sights *s, struct so_slot_message *m)
{
    m->next = NULL;
    *s->tail = m;
    s->tail = &m->next;
    run(s);
}

/* ---- beginning and end ---- */

int so_sights_new(struct so_changes *c, struct so_seer *seer, struct so_loop *loop, struct so_sights **out,
                  struct so_err *err)
{
    struct so_sights *s = so_calloc(1, sizeof(*s));
    if (s == NULL)
        return so_err_oom(err);
    s->changes = c;
    s->seer = seer;
    s->loop = loop;
    s->tail = &s->head;
    *out = s;
    return SO_OK;
}

/* A round at the seer's stays until it is answered: it reads the first message's batch, which therefore stays, too. */
void so_sights_reset(struct so_sights *s)
{
    if (s == NULL)
        return;
    forget_answers(s);
    if (s->asking != NULL && !s->is_stale) {
        drop_questions(s, s->asking);
        s->is_stale = true;
    }
}

void so_sights_free(struct so_sights *s)
{
    if (s == NULL)
        return;
    so_sights_reset(s);
    if (s->asking != NULL && so_seer_take_back(s->seer, &s->asking->seer))
        free_round(s->asking);
    else if (s->asking != NULL)
        s->asking->sights = NULL;
    while (s->head != NULL)
        leave_line(s);
    so_hash_table_deinit(&s->known);
    so_free(s);
}
