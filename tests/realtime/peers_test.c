/* peers_test.c: two processes without a database between them: whatever of one's rows gets lost, comes twice or finds no
 * memory, after the questions and their answers the other knows the same presences. */
#include "../testing.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/mem.h"
#include "realtime/peers.h"

enum { PEOPLE = 8, MEMORY_MAX = 1 << 20 };

static const struct so_room_name ROOM = {SO_STR_INIT("realtime:lobby"), false};

/* A process that others hear of, and one that hears of it. */
static struct world {
    struct so_bus *bus;
    struct so_presence *here, *there;
    struct so_peers *peers;
    struct so_presence_entry *people[PEOPLE];
    int64_t number;
} w;

static void open_world(void)
{
    w = (struct world){NULL};
    assert_int_equal(so_bus_new(&w.bus, NULL), SO_OK);
    assert_int_equal(so_presence_new(&w.here, NULL), SO_OK);
    assert_int_equal(so_presence_new(&w.there, NULL), SO_OK);
    assert_int_equal(so_peers_new(w.bus, w.there, "there", &w.peers, NULL), SO_OK);
}

static size_t count_there(void)
{
    struct so_buf text;
    uint64_t version;
    size_t n = 0;
    so_buf_init(&text, MEMORY_MAX);
    so_presence_put_state(w.there, &ROOM, &text, &version);
    for (struct so_str rest = so_buf_str(&text); rest.n > 0; rest = so_str_slice(rest, 1, rest.n))
        n += so_str_starts(rest, SO_STR("\"phx_ref\""));
    so_buf_deinit(&text);
    return n;
}

static void close_world(void)
{
    so_peers_free(w.peers);
    assert_int_equal(count_there(), 0);
    for (size_t i = 0; i < PEOPLE; i++)
        so_note_unref(so_presence_untrack(w.here, &w.people[i]));
    so_presence_free(w.here);
    so_presence_free(w.there);
    so_bus_free(w.bus);
}

/* What somebody does, as a row. */
static void change(struct so_buf *row)
{
    int who = rand() % PEOPLE;
    char key[8], meta[24];
    struct so_note *diff = NULL;
    (void)snprintf(key, sizeof(key), "k%d", who % 3);
    (void)snprintf(meta, sizeof(meta), "{\"n\":%d}", rand() % 4);
    if (rand() % 3 > 0)
        assert_int_equal(so_presence_track(w.here, &ROOM, so_str_c(key), so_str_c(meta), &w.people[who], &diff), SO_OK);
    else
        diff = so_presence_untrack(w.here, &w.people[who]);
    so_buf_reset(row);
    if (diff == NULL)
        return;
    const struct so_parcel parcel = so_parcel_of(diff);
    so_parcel_put(row, &parcel);
    so_note_unref(diff);
}

static void put_one(void *out, const struct so_note *note)
{
    const struct so_parcel parcel = so_parcel_of(note);
    so_parcel_put(out, &parcel);
}

static void answer(struct so_buf *row)
{
    const struct so_parcel begin = {.kind = SO_PARCEL_ALL}, end = {.kind = SO_PARCEL_ALL_END};
    so_buf_reset(row);
    so_parcel_put(row, &begin);
    so_presence_each_own(w.here, put_one, row);
    so_parcel_put(row, &end);
}

static void take(const struct so_buf *row, int64_t number)
{
    so_peers_take(w.peers, SO_STR("here"), number, so_buf_str(row), number);
}

/* Asks, if there is a reason, and hears the answer; now both know the same. */
static void settle(struct so_buf *row)
{
    struct so_buf question;
    so_buf_init(&question, MEMORY_MAX);
    so_peers_ask(w.peers, &question);
    if (question.len > 0) {
        answer(row);
        take(row, ++w.number);
    }
    so_buf_deinit(&question);
    struct so_buf state[2];
    struct so_presence *const both[] = {w.here, w.there};
    size_t people = 0;
    for (size_t i = 0; i < PEOPLE; i++)
        people += w.people[i] != NULL;
    assert_int_equal(count_there(), people);
    for (size_t i = 0; i < 2; i++) {
        uint64_t version;
        so_buf_init(&state[i], MEMORY_MAX);
        so_presence_put_state(both[i], &ROOM, &state[i], &version);
    }
    assert_int_equal(state[0].len, state[1].len); /* the same texts, in an order of their own */
    so_buf_deinit(&state[0]);
    so_buf_deinit(&state[1]);
}

static void whatever_gets_lost_both_know_the_same_in_the_end(void **state)
{
    (void)state;
    struct so_buf row;
    open_world();
    so_buf_init(&row, MEMORY_MAX);
    srand(5);
    for (int round = 0; round < 3000; round++) {
        change(&row);
        w.number++;
        int fate = rand() % 12;
        if (fate == 0)
            continue; /* lost */
        if (fate == 1)
            so_mem_fail_at(rand() % 6);
        take(&row, w.number);
        so_mem_fail_at(-1);
        if (fate == 2)
            take(&row, w.number); /* twice */
        if (fate == 3)
            so_peers_bury(w.peers, INT64_MAX); /* taken for dead */
        if (round % 10 == 9) {
            so_buf_reset(&row);
            take(&row, ++w.number); /* a sign of life, which shows what is missing */
            settle(&row);
        }
    }
    so_buf_deinit(&row);
    close_world();
}

static void the_dead_leave_and_those_who_say_goodbye(void **state)
{
    (void)state;
    struct so_buf row;
    const struct so_parcel bye = {.kind = SO_PARCEL_BYE};
    open_world();
    so_buf_init(&row, MEMORY_MAX);
    for (int i = 0; i < PEOPLE; i++)
        change(&row);
    answer(&row);
    take(&row, 1);
    assert_true(count_there() > 0);
    so_peers_bury(w.peers, 1);
    assert_int_equal(so_peers_count(w.peers), 1);
    so_peers_forgive(w.peers, 100);
    so_peers_bury(w.peers, 100);
    assert_int_equal(so_peers_count(w.peers), 1);
    so_peers_bury(w.peers, 101);
    assert_int_equal(so_peers_count(w.peers), 0);
    assert_int_equal(count_there(), 0);
    take(&row, 2);
    assert_true(count_there() > 0);
    so_buf_reset(&row);
    so_parcel_put(&row, &bye);
    take(&row, 3);
    assert_int_equal(count_there(), 0);
    so_buf_deinit(&row);
    close_world();
}

static void questions_are_for_whom_they_name(void **state)
{
    (void)state;
    static const struct {
        const char *to;
        bool is_us;
    } CASES[] = {{"", true}, {"there", true}, {"somebody", false}};
    open_world();
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct so_buf row;
        const struct so_parcel hello = {.kind = SO_PARCEL_HELLO, .to = so_str_c(CASES[i].to)};
        so_buf_init(&row, MEMORY_MAX);
        so_parcel_put(&row, &hello);
        take(&row, ++w.number);
        assert_int_equal(so_peers_was_asked(w.peers), CASES[i].is_us);
        assert_false(so_peers_was_asked(w.peers));
        so_buf_deinit(&row);
    }
    close_world();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_gets_lost_both_know_the_same_in_the_end),
        cmocka_unit_test(the_dead_leave_and_those_who_say_goodbye),
        cmocka_unit_test(questions_are_for_whom_they_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
