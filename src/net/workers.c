/* workers.c: threads for what may block, and the bounded queue in front of them.
 *
 *   so_loop_work() --queue--> worker: work() --so_loop_post()--> loop: done()
 *
 * Not libuv's own pool: its queue has no bound, and its size is set by an environment variable before the first use. */
#include <pthread.h>
#include <string.h>

#include "core/mem.h"
#include "net/loop.h"

enum { THREADS_DEFAULT = 4 };

static struct {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t filled;
    struct so_work *first, *last;
    size_t waiting;
    bool is_open;
    pthread_t *threads;
    unsigned count;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER};

static void finish(struct so_task *task)
{
    struct so_work *w = SO_CONTAINER_OF(task, struct so_work, task);
    struct so_loop *loop = w->loop;
    w->done(w); /* may free w */
    so_loop_release(loop);
}

/* The next work, or NULL when the pool is closed.  Called with the lock held. */
static struct so_work *take_next(void)
{
    while (pool.is_open && pool.first == NULL)
        pthread_cond_wait(&pool.filled, &pool.lock);
    struct so_work *w = pool.is_open ? pool.first : NULL;
    if (w != NULL) {
        pool.first = w->next;
        pool.waiting--;
    }
    return w;
}

static void *run_worker(void *unused)
{
    (void)unused;
    for (;;) {
        pthread_mutex_lock(&pool.lock);
        struct so_work *w = take_next();
        pthread_mutex_unlock(&pool.lock);
        if (w == NULL)
            return NULL;
        w->work(w);
        so_loop_post(w->loop, &w->task);
    }
}

int so_loop_work(struct so_loop *loop, struct so_work *w, struct so_err *err)
{
    w->loop = loop;
    w->task.run = finish;
    w->next = NULL;
    pthread_mutex_lock(&pool.lock);
    int rc = !pool.is_open ? SO_ECLOSED : pool.waiting >= SO_WORK_QUEUE_MAX ? SO_EBUSY : SO_OK;
    if (rc == SO_OK) {
        if (pool.first == NULL)
            pool.first = w;
        else
            pool.last->next = w;
        pool.last = w;
        pool.waiting++;
        pthread_cond_signal(&pool.filled);
    }
    pthread_mutex_unlock(&pool.lock);
    if (rc == SO_ECLOSED)
        return so_fail(err, rc, "the worker threads are not running");
    if (rc == SO_EBUSY)
        return so_fail_http(err, rc, 503, "", "%d pieces of work are waiting already", SO_WORK_QUEUE_MAX);
    so_loop_hold(loop); /* in time: done() can only run when this thread is back in the loop */
    return SO_OK;
}

int so_workers_start(unsigned threads, struct so_err *err)
{
    unsigned wanted = threads == 0 ? THREADS_DEFAULT : threads;
    pthread_t *list = so_calloc(wanted, sizeof(*list));
    if (list == NULL)
        return so_err_oom(err);
    pthread_mutex_lock(&pool.lock);
    bool is_taken = pool.is_open;
    if (!is_taken) {
        pool.is_open = true;
        pool.threads = list;
        pool.count = 0;
    }
    pthread_mutex_unlock(&pool.lock);
    if (is_taken) {
        so_free(list);
        return so_fail(err, SO_EEXISTS, "the worker threads are running already");
    }
    for (unsigned i = 0; i < wanted; i++) {
        int rc = pthread_create(&list[i], NULL, run_worker, NULL);
        if (rc != 0) {
            so_workers_stop();
            return so_fail(err, SO_EIO, "cannot start worker thread %u of %u: %s", i + 1, wanted, strerror(rc));
        }
        pool.count = i + 1;
    }
    return SO_OK;
}

void so_workers_stop(void)
{
    pthread_mutex_lock(&pool.lock);
    struct so_work *left = pool.first;
    pthread_t *threads = pool.threads;
    unsigned count = pool.count;
    pool.is_open = false;
    pool.first = pool.last = NULL;
    pool.waiting = 0;
    pool.threads = NULL;
    pool.count = 0;
    pthread_cond_broadcast(&pool.filled);
    pthread_mutex_unlock(&pool.lock);

    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    so_free(threads);
    while (left != NULL) {
        struct so_work *w = left;
        left = w->next;
        so_loop_post(w->loop, &w->task);
    }
}
