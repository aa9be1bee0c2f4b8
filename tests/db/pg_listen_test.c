/* pg_listen_test.c: notifications, and that none is lost without a word. */
#include "pg_fixture.h"

#include <pthread.h>

#include "core/mem.h"
#include "db/pg_listen.h"

/* What was heard, as text: "start channel:payload ..." */
struct heard {
    pthread_mutex_t lock;
    pthread_cond_t more;
    char text[512];
    int failures;
};

static void on_heard(void *arg, struct so_str channel, struct so_str payload)
{
    struct heard *h = arg;
    pthread_mutex_lock(&h->lock);
    size_t n = strlen(h->text);
    if (channel.p == NULL)
        snprintf(h->text + n, sizeof(h->text) - n, "start ");
    else
        snprintf(h->text + n, sizeof(h->text) - n, "%.*s:%.*s ", SO_STR_ARG(channel), SO_STR_ARG(payload));
    pthread_cond_broadcast(&h->more);
    pthread_mutex_unlock(&h->lock);
}

static void on_failed(void *arg, const struct so_err *err)
{
    struct heard *h = arg;
    pthread_mutex_lock(&h->lock);
    h->failures += err->status == 503;
    pthread_cond_broadcast(&h->more);
    pthread_mutex_unlock(&h->lock);
}

static void wait_until(struct heard *h, const char *text)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 20;
    pthread_mutex_lock(&h->lock);
    while (strcmp(h->text, text) != 0 && pthread_cond_timedwait(&h->more, &h->lock, &end) == 0)
        ;
    assert_string_equal(h->text, text);
    pthread_mutex_unlock(&h->lock);
}

static void what_is_said_is_heard_also_after_a_loss(void **state)
{
    static const char *const CHANNELS[] = {"pgrst", "Odd \"one\""};
    (void)state;
    struct pg_fixture f;
    struct heard h = {.lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};
    struct so_pg_listener *l;
    char sql[200];
    pg_open(&f);
    struct so_pg_listen_options options = {f.url, CHANNELS, COUNT_OF(CHANNELS), on_heard, on_failed, &h};
    assert_int_equal(so_pg_listener_open(&options, &l, &f.err), SO_OK);
    wait_until(&h, "start ");
    pg_exec(&f, "NOTIFY pgrst, 'reload schema'; NOTIFY other, 'x'; NOTIFY \"Odd \"\"one\"\"\"");
    wait_until(&h, "start pgrst:reload schema Odd \"one\": ");
    snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '%s'", f.name);
    assert_int_equal(pg_run_outside(f.admin, sql, &f.err), SO_OK);
    wait_until(&h, "start pgrst:reload schema Odd \"one\": start ");
    pg_exec(&f, "NOTIFY pgrst, 'again'");
    wait_until(&h, "start pgrst:reload schema Odd \"one\": start pgrst:again ");
    so_pg_listener_close(l);
    assert_int_equal(h.failures, 1);
    pg_close(&f);
}

static void without_a_server_it_ends_when_told(void **state)
{
    (void)state;
    struct heard h = {.lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};
    struct so_pg_listener *l;
    struct so_err err = SO_ERR_INIT;
    struct so_pg_listen_options options = {"postgresql:///x?host=/nowhere", NULL, 0, on_heard, on_failed, &h};
    assert_int_equal(so_pg_listener_open(&options, &l, &err), SO_OK);
    pthread_mutex_lock(&h.lock);
    while (h.failures < 2)
        pthread_cond_wait(&h.more, &h.lock);
    pthread_mutex_unlock(&h.lock);
    so_pg_listener_close(l);
    options.channel_count = SO_PG_CHANNELS_MAX + 1;
    assert_int_equal(so_pg_listener_open(&options, &l, &err), SO_ELIMIT);
}

static void memory_that_runs_out_is_an_error(void **state)
{
    static const char *const CHANNELS[] = {"a", "b"};
    (void)state;
    struct heard h = {.lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};
    struct so_pg_listen_options options = {"postgresql:///x?host=/nowhere", CHANNELS, 2, on_heard, on_failed, &h};
    for (long n = 0;; n++) {
        struct so_pg_listener *l;
        struct so_err err = SO_ERR_INIT;
        so_mem_fail_at(n);
        int rc = so_pg_listener_open(&options, &l, &err);
        so_mem_fail_at(-1);
        if (rc == SO_OK) {
            so_pg_listener_close(l);
            break;
        }
        assert_int_equal(rc, SO_ENOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_said_is_heard_also_after_a_loss),
        cmocka_unit_test(without_a_server_it_ends_when_told),
        cmocka_unit_test(memory_that_runs_out_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
