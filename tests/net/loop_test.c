/* loop_test.c: tasks arrive in order and on the right thread, and nothing is lost when a loop ends. */
#include "../testing.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>
#include <uv.h>

#include "core/mem.h"
#include "net/deadline.h"
#include "net/listen.h"
#include "net/loop.h"

static struct so_loop *make_loop(void)
{
    struct so_loop *loop = NULL;
    assert_int_equal(so_loop_new(&loop, NULL), SO_OK);
    return loop;
}

/* ---- tasks ---- */

enum { POSTERS = 4, TASKS_EACH = 2000 };

struct numbered_task {
    struct so_task task;
    struct so_loop *loop;
    unsigned poster, number;
};
static struct numbered_task tasks[POSTERS][TASKS_EACH];
static unsigned next_number[POSTERS], arrived;
static bool is_out_of_order, is_elsewhere;

static void arrive(struct so_task *task)
{
    struct numbered_task *t = SO_CONTAINER_OF(task, struct numbered_task, task);
    is_out_of_order = is_out_of_order || t->number != next_number[t->poster]++;
    is_elsewhere = is_elsewhere || !so_loop_is_current(t->loop);
    if (++arrived == POSTERS * TASKS_EACH)
        so_loop_stop(t->loop);
}

static void *post_all(void *mine)
{
    for (struct numbered_task *t = mine, *end = t + TASKS_EACH; t < end; t++)
        so_loop_post(t->loop, &t->task);
    return NULL;
}

static void tasks_of_one_thread_run_in_order_on_the_loop(void **state)
{
    (void)state;
    struct so_loop *loop = make_loop();
    pthread_t threads[POSTERS];
    arrived = 0;
    assert_false(so_loop_is_current(loop));
    for (unsigned i = 0; i < POSTERS; i++) {
        next_number[i] = 0;
        for (unsigned k = 0; k < TASKS_EACH; k++)
            tasks[i][k] = (struct numbered_task){.task = {.run = arrive}, .loop = loop, .poster = i, .number = k};
        assert_int_equal(pthread_create(&threads[i], NULL, post_all, tasks[i]), 0);
    }
    so_loop_run(loop);
    for (unsigned i = 0; i < POSTERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(arrived, POSTERS * TASKS_EACH);
    assert_false(is_out_of_order);
    assert_false(is_elsewhere);
    so_loop_free(loop);
}

static void *stop_soon(void *loop)
{
    usleep(20 * 1000);
    so_loop_stop(loop);
    so_loop_stop(loop);
    return NULL;
}

static void a_loop_runs_until_it_is_stopped(void **state)
{
    (void)state;
    struct so_loop *loop = make_loop();
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, stop_soon, loop), 0);
    uint64_t before = uv_hrtime();
    so_loop_run(loop);
    assert_true(uv_hrtime() - before > 10 * 1000 * 1000);
    pthread_join(thread, NULL);
    so_loop_run(loop); /* stopped for good: returns at once */
    so_loop_free(loop);
    so_loop_free(NULL);
}

static bool has_run;
static void note_run(struct so_task *task)
{
    (void)task;
    has_run = true;
}

static void a_task_posted_to_a_stopped_loop_still_runs(void **state)
{
    (void)state;
    struct so_loop *loop = make_loop();
    struct so_task task = {.run = note_run};
    so_loop_stop(loop);
    so_loop_run(loop);
    has_run = false;
    so_loop_post(loop, &task);
    so_loop_free(loop);
    assert_true(has_run);
}

/* ---- work ---- */

struct job {
    struct so_work work;
    struct so_loop *loop;
    bool is_worked, is_on_loop_while_working;
};
static unsigned jobs_done, jobs_wanted;

static void do_work(struct so_work *w)
{
    struct job *job = SO_CONTAINER_OF(w, struct job, work);
    job->is_worked = true;
    job->is_on_loop_while_working = so_loop_is_current(job->loop);
}

static void count_done(struct so_work *w)
{
    struct job *job = SO_CONTAINER_OF(w, struct job, work);
    assert_true(so_loop_is_current(job->loop));
    if (++jobs_done == jobs_wanted)
        so_loop_stop(job->loop);
}

static void work_is_done_off_the_loop_and_told_on_it(void **state)
{
    (void)state;
    enum { JOBS = 500 };
    static struct job jobs[JOBS];
    struct so_loop *loop = make_loop();
    assert_int_equal(so_workers_start(3, NULL), SO_OK);
    assert_int_equal(so_workers_start(3, NULL), SO_EEXISTS);
    jobs_done = 0;
    jobs_wanted = JOBS;
    for (size_t i = 0; i < JOBS; i++) {
        jobs[i] = (struct job){.work = {.work = do_work, .done = count_done}, .loop = loop};
        assert_int_equal(so_loop_work(loop, &jobs[i].work, NULL), SO_OK);
    }
    so_loop_run(loop);
    for (size_t i = 0; i < JOBS; i++) {
        assert_true(jobs[i].is_worked);
        assert_false(jobs[i].is_on_loop_while_working);
    }
    so_loop_free(loop);
    so_workers_stop();
}

static void a_loop_does_not_end_before_its_work(void **state)
{
    (void)state;
    struct so_loop *loop = make_loop();
    struct job job = {.work = {.work = do_work, .done = count_done}, .loop = loop};
    assert_int_equal(so_workers_start(0, NULL), SO_OK);
    jobs_done = jobs_wanted = 0;
    assert_int_equal(so_loop_work(loop, &job.work, NULL), SO_OK);
    so_loop_stop(loop);
    so_loop_run(loop);
    assert_int_equal(jobs_done, 1);
    so_loop_free(loop);
    so_workers_stop();
}

static atomic_bool may_go;
static void wait_for_leave(struct so_work *w)
{
    while (!atomic_load(&may_go))
        usleep(1000);
    do_work(w);
}

static void the_queue_is_bounded_and_closed_in_order(void **state)
{
    (void)state;
    static struct job jobs[SO_WORK_QUEUE_MAX + 2];
    struct so_err err = SO_ERR_INIT;
    struct so_loop *loop = make_loop();
    for (size_t i = 0; i < COUNT_OF(jobs); i++)
        jobs[i] = (struct job){.work = {.work = wait_for_leave, .done = count_done}, .loop = loop};
    assert_int_equal(so_loop_work(loop, &jobs[0].work, &err), SO_ECLOSED);
    atomic_store(&may_go, false);
    jobs_done = 0;
    jobs_wanted = 0;
    assert_int_equal(so_workers_start(1, NULL), SO_OK);
    unsigned taken = 0;
    while (taken < COUNT_OF(jobs) && so_loop_work(loop, &jobs[taken].work, NULL) == SO_OK)
        taken++;
    assert_in_range(taken, SO_WORK_QUEUE_MAX, SO_WORK_QUEUE_MAX + 1); /* one more when the thread has taken the first */
    atomic_store(&may_go, true);
    so_workers_stop(); /* the one under way ends; those that wait are told without having been worked */
    so_loop_stop(loop);
    so_loop_run(loop);
    assert_int_equal(jobs_done, taken);
    assert_false(jobs[taken - 1].is_worked);
    so_loop_free(loop);
}

/* ---- deadlines ---- */

static struct so_deadlines deadlines;
static struct so_deadline short_one, renewed, long_one, eternal, removed;
static struct so_deadline *expired[8];
static size_t expired_count;

static void note_expired(struct so_deadline *d, void *arg)
{
    expired[expired_count++] = d;
    if (d == &renewed && expired_count < 3) {
        so_deadline_put(&deadlines, d, 0);
        return;
    }
    so_deadline_remove(d);
    if (d == &long_one) {
        so_deadlines_close(&deadlines, NULL);
        so_loop_stop(arg);
    }
}

static void deadlines_expire_in_order_and_can_be_renewed(void **state)
{
    (void)state;
    struct so_loop *loop = make_loop();
    expired_count = 0;
    so_deadlines_init(&deadlines, so_loop_uv(loop), note_expired, loop);
    deadlines.lasts_ms[0] = 20;
    deadlines.lasts_ms[1] = 100;
    so_deadline_put(&deadlines, &long_one, 1); /* the timer is on for this one when a shorter one comes */
    so_deadline_put(&deadlines, &short_one, 0);
    so_deadline_put(&deadlines, &renewed, 1);
    so_deadline_put(&deadlines, &renewed, 0);
    so_deadline_put(&deadlines, &removed, 0);
    so_deadline_put(&deadlines, &eternal, 2);
    so_deadline_remove(&removed);
    so_deadline_remove(&removed);
    uint64_t before = uv_hrtime();
    so_loop_run(loop);
    assert_true(uv_hrtime() - before >= 95 * 1000 * 1000);
    const struct so_deadline *want[] = {&short_one, &renewed, &renewed, &long_one};
    assert_int_equal(expired_count, COUNT_OF(want));
    for (size_t i = 0; i < COUNT_OF(want); i++)
        assert_ptr_equal(expired[i], want[i]);
    assert_ptr_equal(so_deadline_first(&deadlines, 2), &eternal);
    so_loop_free(loop);
}

/* ---- sockets, memory ---- */

static void two_sockets_listen_on_one_port(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        unsigned port;
        int want;
    } BAD[] = {{"localhost", 80, SO_EINVAL}, {"", 80, SO_EINVAL}, {"127.0.0.1", 65536, SO_EINVAL}, {"1.2.3.4", 0, SO_EIO}};
    int one = -1, two = -1, none = -1;
    unsigned port = 0, same = 0;
    assert_int_equal(so_listen_open("127.0.0.1", 0, &one, &port, NULL), SO_OK);
    assert_int_not_equal(port, 0);
    assert_int_equal(so_listen_open("127.0.0.1", port, &two, &same, NULL), SO_OK);
    assert_int_equal(same, port);
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        struct so_err err = SO_ERR_INIT;
        assert_int_equal(so_listen_open(BAD[i].host, BAD[i].port, &none, &same, &err), BAD[i].want);
        assert_true(err.message[0] != '\0');
    }
    assert_int_equal(none, -1);
    close(one);
    close(two);
}

static void a_failed_allocation_is_an_error(void **state)
{
    (void)state;
    struct so_loop *loop = NULL;
    so_mem_fail_at(0);
    assert_int_equal(so_loop_new(&loop, NULL), SO_ENOMEM);
    so_mem_fail_at(0);
    assert_int_equal(so_workers_start(2, NULL), SO_ENOMEM);
    so_mem_fail_at(-1);
    assert_null(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_of_one_thread_run_in_order_on_the_loop),
        cmocka_unit_test(a_loop_runs_until_it_is_stopped),
        cmocka_unit_test(a_task_posted_to_a_stopped_loop_still_runs),
        cmocka_unit_test(work_is_done_off_the_loop_and_told_on_it),
        cmocka_unit_test(a_loop_does_not_end_before_its_work),
        cmocka_unit_test(the_queue_is_bounded_and_closed_in_order),
        cmocka_unit_test(deadlines_expire_in_order_and_can_be_renewed),
        cmocka_unit_test(two_sockets_listen_on_one_port),
        cmocka_unit_test(a_failed_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
