/* bus_test.c: notes reach every other loop, in order, and nobody who has left. */
#include "../testing.h"

#include <pthread.h>
#include <stdlib.h>

#include "core/mem.h"
#include "realtime/bus.h"

enum { MEMBERS = 3, NOTES = 500 };

static struct member {
    struct so_loop *loop;
    struct so_bus_member *member;
    pthread_t thread;
    unsigned heard[MEMBERS]; /* how many of each sender, on its loop's thread */
} members[MEMBERS];
static struct so_bus *bus;

/* event: the sender; version: its count. */
static void receive(struct so_note *note, void *arg)
{
    struct member *m = arg;
    unsigned from = (unsigned)(note->event.p[0] - '0');
    assert_true(so_loop_is_current(m->loop));
    assert_int_equal(note->version, m->heard[from]);
    m->heard[from]++;
}

static void *talk(void *arg)
{
    struct member *m = arg;
    char name = (char)('0' + (m - members));
    for (unsigned n = 0; n < NOTES; n++) {
        const struct so_note of = {.room = {SO_STR("realtime:a"), false}, .event = so_str(&name, 1), .version = n};
        struct so_note *note = so_note_new(&of);
        assert_int_equal(so_bus_publish(bus, m->member, note), SO_OK);
        so_note_unref(note);
    }
    return NULL;
}

struct leaving {
    struct so_task task;
    struct member *member;
};

static void leave(struct so_task *task)
{
    struct member *m = SO_CONTAINER_OF(task, struct leaving, task)->member;
    so_bus_leave(m->member);
    so_loop_stop(m->loop);
}

static void *run(void *arg)
{
    so_loop_run(((struct member *)arg)->loop);
    return NULL;
}

static void notes_reach_all_others_in_order(void **state)
{
    (void)state;
    pthread_t talkers[MEMBERS];
    struct leaving leavings[MEMBERS];
    assert_int_equal(so_bus_new(&bus, NULL), SO_OK);
    for (size_t i = 0; i < MEMBERS; i++) {
        assert_int_equal(so_loop_new(&members[i].loop, NULL), SO_OK);
        assert_int_equal(so_bus_join(bus, members[i].loop, receive, &members[i], &members[i].member, NULL), SO_OK);
    }
    for (size_t i = 0; i < MEMBERS; i++) {
        pthread_create(&members[i].thread, NULL, run, &members[i]);
        pthread_create(&talkers[i], NULL, talk, &members[i]);
    }
    for (size_t i = 0; i < MEMBERS; i++)
        pthread_join(talkers[i], NULL);
    for (size_t i = 0; i < MEMBERS; i++) { /* posted after all notes, so it runs after them */
        leavings[i] = (struct leaving){{.run = leave}, &members[i]};
        so_loop_post(members[i].loop, &leavings[i].task);
    }
    for (size_t i = 0; i < MEMBERS; i++) {
        pthread_join(members[i].thread, NULL);
        so_loop_free(members[i].loop);
        for (size_t from = 0; from < MEMBERS; from++)
            assert_int_equal(members[i].heard[from], from == i ? 0 : NOTES);
    }
    so_bus_free(bus);
}

static void nobody_hears_after_leaving(void **state)
{
    (void)state;
    const struct so_note of = {.room = {SO_STR("realtime:a"), false}, .event = SO_STR("0")};
    struct so_note *note = so_note_new(&of);
    struct member *m = &members[0];
    *m = (struct member){NULL};
    assert_int_equal(so_bus_new(&bus, NULL), SO_OK);
    assert_int_equal(so_loop_new(&m->loop, NULL), SO_OK);
    assert_int_equal(so_bus_join(bus, m->loop, receive, m, &m->member, NULL), SO_OK);
    assert_int_equal(so_bus_publish(bus, NULL, note), SO_OK); /* on its way when it leaves */
    so_mem_fail_at(0);
    assert_int_equal(so_bus_publish(bus, NULL, note), SO_ENOMEM);
    so_mem_fail_at(-1);
    so_bus_leave(m->member);
    so_note_unref(note);
    so_loop_free(m->loop);
    so_bus_free(bus);
    assert_int_equal(m->heard[0], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(notes_reach_all_others_in_order),
        cmocka_unit_test(nobody_hears_after_leaving),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
