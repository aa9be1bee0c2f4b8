/* presence_test.c: a model beside it: whoever applies the diffs to the state that he was given knows who is there. */
#include "../testing.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/mem.h"
#include "realtime/presence.h"
#include "json/json.h"

enum { PEOPLE = 12, KEYS = 4, METAS_MAX = 64, MEMORY_MAX = 1 << 20 };

static const struct so_room_name ROOM = {SO_STR_INIT("realtime:lobby"), false},
                                 OTHER = {SO_STR_INIT("realtime:lobby"), true};

/* What a client knows: references of those who are there. */
struct view {
    char refs[METAS_MAX][20];
    size_t count;
};

static void forget(struct view *v, struct so_str ref)
{
    for (size_t i = 0; i < v->count; i++)
        if (so_str_eq_c(ref, v->refs[i])) {
            memmove(v->refs[i], v->refs[--v->count], sizeof(v->refs[0]));
            return;
        }
    fail_msg("%.*s leaves, but was not there", SO_STR_ARG(ref));
}

static void learn(struct view *v, struct so_str ref)
{
    for (size_t i = 0; i < v->count; i++)
        assert_false(so_str_eq_c(ref, v->refs[i]));
    (void)snprintf(v->refs[v->count++], sizeof(v->refs[0]), "%.*s", SO_STR_ARG(ref));
}

/* Every reference below {"key":{"metas":[{"phx_ref":...}]}} */
static void each(const struct so_json *people, struct view *v, void (*fn)(struct view *v, struct so_str ref))
{
    for (uint32_t i = 0; i < people->len; i++) {
        const struct so_json *metas = so_json_get(&people->u.members[i].value, SO_STR("metas"));
        assert_true(metas->len > 0);
        for (uint32_t k = 0; k < metas->len; k++)
            fn(v, so_json_get_str(&metas->u.items[k], SO_STR("phx_ref")));
    }
}

static void apply(struct view *v, const struct so_note *diff)
{
    struct so_arena arena;
    struct so_json body;
    so_arena_init(&arena, MEMORY_MAX);
    assert_int_equal(so_json_parse(&arena, diff->body, NULL, &body, NULL), SO_OK);
    each(so_json_get(&body, SO_STR("leaves")), v, forget);
    each(so_json_get(&body, SO_STR("joins")), v, learn);
    so_arena_deinit(&arena);
}

static uint64_t read_state(struct so_presence *p, const struct so_room_name *room, struct view *v)
{
    struct so_arena arena;
    struct so_json state;
    struct so_buf text;
    uint64_t version;
    so_buf_init(&text, MEMORY_MAX);
    so_arena_init(&arena, MEMORY_MAX);
    so_presence_put_state(p, room, &text, &version);
    assert_int_equal(so_json_parse(&arena, so_buf_str(&text), NULL, &state, NULL), SO_OK);
    v->count = 0;
    each(&state, v, learn);
    so_arena_deinit(&arena);
    so_buf_deinit(&text);
    return version;
}

static void diffs_lead_from_one_state_to_the_next(void **state)
{
    (void)state;
    struct so_presence *p;
    struct so_presence_entry *people[PEOPLE] = {NULL};
    struct view told = {.count = 0}, now;
    assert_int_equal(so_presence_new(&p, NULL), SO_OK);
    srand(3);
    for (int round = 0; round < 3000; round++) {
        int who = rand() % PEOPLE;
        char key[8], meta[40];
        struct so_note *diff = NULL;
        (void)snprintf(key, sizeof(key), "k%d", who % KEYS);
        (void)snprintf(meta, sizeof(meta), "{\"n\":%d}", rand() % 3);
        if (rand() % 3 > 0)
            assert_int_equal(so_presence_track(p, &ROOM, so_str_c(key), so_str_c(meta), &people[who], &diff), SO_OK);
        else
            diff = so_presence_untrack(p, &people[who]);
        if (diff != NULL)
            apply(&told, diff);
        uint64_t version = read_state(p, &ROOM, &now);
        assert_true(diff == NULL || diff->version == version);
        so_note_unref(diff);
        assert_int_equal(now.count, told.count);
        for (size_t i = 0; i < now.count; i++) {
            size_t k = 0;
            while (k < told.count && strcmp(told.refs[k], now.refs[i]) != 0)
                k++;
            assert_true(k < told.count);
        }
    }
    for (size_t i = 0; i < PEOPLE; i++)
        so_note_unref(so_presence_untrack(p, &people[i]));
    (void)read_state(p, &ROOM, &now);
    assert_int_equal(now.count, 0);
    so_presence_free(p);
}

static void the_same_again_is_no_news(void **state)
{
    (void)state;
    struct so_presence *p;
    struct so_presence_entry *e = NULL;
    struct so_note *diff;
    struct view other;
    assert_int_equal(so_presence_new(&p, NULL), SO_OK);
    assert_int_equal(so_presence_track(p, &ROOM, SO_STR("k"), SO_STR("{}"), &e, &diff), SO_OK);
    assert_non_null(diff);
    so_note_unref(diff);
    assert_int_equal(so_presence_track(p, &ROOM, SO_STR("k"), SO_STR("{}"), &e, &diff), SO_OK);
    assert_null(diff);
    (void)read_state(p, &OTHER, &other);
    assert_int_equal(other.count, 0); /* the private room of that name is another */
    so_note_unref(so_presence_untrack(p, &e));
    assert_null(so_presence_untrack(p, &e));
    so_presence_free(p);
}

static void ours_outrank_the_users_references(void **state)
{
    (void)state;
    struct so_presence *p;
    struct so_presence_entry *e = NULL;
    struct so_note *diff;
    struct view v;
    assert_int_equal(so_presence_new(&p, NULL), SO_OK);
    assert_int_equal(so_presence_track(p, &ROOM, SO_STR("\"k\\"), SO_STR("{\"phx_ref\":\"mine\"}"), &e, &diff), SO_OK);
    so_note_unref(diff);
    (void)read_state(p, &ROOM, &v);
    assert_int_equal(v.refs[0][0], 'F');
    so_note_unref(so_presence_untrack(p, &e));
    so_presence_free(p);
}

static void without_memory_all_stays_as_it_was(void **state)
{
    (void)state;
    struct so_presence *p;
    assert_int_equal(so_presence_new(&p, NULL), SO_OK);
    for (long n = 0;; n++) {
        struct so_presence_entry *e = NULL;
        struct so_note *diff = NULL;
        struct view v;
        so_mem_fail_at(n);
        int first = so_presence_track(p, &ROOM, SO_STR("k"), SO_STR("{\"a\":1}"), &e, &diff);
        so_note_unref(diff);
        diff = NULL;
        int second = first == SO_OK ? so_presence_track(p, &ROOM, SO_STR("k"), SO_STR("{\"a\":2}"), &e, &diff) : SO_ENOMEM;
        so_note_unref(diff);
        bool failed = so_mem_failed();
        so_mem_fail_at(-1);
        (void)read_state(p, &ROOM, &v);
        assert_int_equal(v.count, first == SO_OK ? 1 : 0);
        assert_true(failed || second == SO_OK);
        so_mem_fail_at(0); /* leaving needs none */
        so_note_unref(so_presence_untrack(p, &e));
        so_mem_fail_at(-1);
        (void)read_state(p, &ROOM, &v);
        assert_int_equal(v.count, 0);
        if (!failed)
            break;
    }
    so_presence_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(diffs_lead_from_one_state_to_the_next),
        cmocka_unit_test(the_same_again_is_no_news),
        cmocka_unit_test(ours_outrank_the_users_references),
        cmocka_unit_test(without_memory_all_stays_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
