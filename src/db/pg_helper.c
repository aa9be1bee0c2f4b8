/* pg_helper.c: the pool's thread for what may block: making connections (names are looked up, TLS and passwords computed)
 * and asking the server to cancel a statement (a connection of its own).  What is finished wakes the loop through a pipe. */
#include "db/pg_pool_int.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static void ignore_notice(void *unused, const char *message) { (void)unused, (void)message; }

static void do_connect(struct so_pg_task *task)
{
    const char *keywords[SO_PG_CONNECT_PARAMS], *values[SO_PG_CONNECT_PARAMS];
    so_pg_connect_params(task->url, keywords, values);
    task->err = SO_ERR_INIT;
    task->pg = so_pq.connectdbParams(keywords, values, 1);
    if (task->pg == NULL) {
        so_err_oom(&task->err);
        return;
    }
    if (so_pq.status(task->pg) == CONNECTION_OK && so_pq.setnonblocking(task->pg, 1) == 0 &&
        so_pq.enterPipelineMode(task->pg) == 1) {
        so_pq.setNoticeProcessor(task->pg, ignore_notice, NULL);
        return;
    }
    so_pg_fail_connect(task->pg, &task->err);
    so_pq.finish(task->pg);
    task->pg = NULL;
}

static void do_cancel(struct so_pg_task *task)
{
    char why[256];
    (void)!so_pq.cancel(task->cancel, why, sizeof(why)); /* if it fails, the loop's patience ends all the same */
    so_pq.freeCancel(task->cancel);
    task->cancel = NULL;
}

static struct so_pg_task *next_task(struct so_pg_helper *h)
{
    pthread_mutex_lock(&h->lock);
    while (h->todo == NULL && !h->is_closing)
        pthread_cond_wait(&h->work, &h->lock);
    struct so_pg_task *task = h->is_closing ? NULL : h->todo;
    if (task != NULL)
        h->todo = task->next;
    if (h->todo == NULL)
        h->todo_tail = &h->todo;
    pthread_mutex_unlock(&h->lock);
    return task;
}

static void *run_thread(void *arg)
{
    struct so_pg_helper *h = arg;
    for (struct so_pg_task *task; (task = next_task(h)) != NULL;) {
        if (task->kind == SO_PG_TASK_CONNECT)
            do_connect(task);
        else
            do_cancel(task);
        pthread_mutex_lock(&h->lock);
        task->next = h->finished;
        h->finished = task;
        pthread_mutex_unlock(&h->lock);
        ssize_t n;
        do /* a full pipe will wake the loop as well */
            n = write(h->wake[1], "", 1);
        while (n < 0 && errno == EINTR);
    }
    return NULL;
}

void so_pg_helper_put(struct so_pg_helper *h, struct so_pg_task *task)
{
    task->is_queued = true;
    task->next = NULL;
    pthread_mutex_lock(&h->lock);
    *h->todo_tail = task;
    h->todo_tail = &task->next;
    pthread_cond_signal(&h->work);
    pthread_mutex_unlock(&h->lock);
}

struct so_pg_task *so_pg_helper_take(struct so_pg_helper *h)
{
    char bytes[64];
    while (read(h->wake[0], bytes, sizeof(bytes)) == (ssize_t)sizeof(bytes))
        ;
    pthread_mutex_lock(&h->lock);
    struct so_pg_task *finished = h->finished;
    h->finished = NULL;
    pthread_mutex_unlock(&h->lock);
    for (struct so_pg_task *task = finished; task != NULL; task = task->next)
        task->is_queued = false;
    return finished;
}

int so_pg_helper_open(struct so_pg_helper *h, struct so_err *err)
{
    *h = (struct so_pg_helper){.wake = {-1, -1}, .todo_tail = &h->todo};
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->work, NULL);
    if (pipe2(h->wake, O_CLOEXEC | O_NONBLOCK) != 0)
        return so_fail(err, SO_EIO, "cannot make a pipe: %s", strerror(errno));
    int rc = so_thread_start(run_thread, h, &h->thread, err);
    h->is_running = rc == SO_OK;
    return rc;
}

void so_pg_helper_close(struct so_pg_helper *h)
{
    pthread_mutex_lock(&h->lock);
    h->is_closing = true;
    pthread_cond_signal(&h->work);
    pthread_mutex_unlock(&h->lock);
    if (h->is_running)
        pthread_join(h->thread, NULL);
    for (size_t i = 0; i < COUNT_OF(h->wake); i++)
        if (h->wake[i] >= 0)
            close(h->wake[i]);
    pthread_cond_destroy(&h->work);
    pthread_mutex_destroy(&h->lock);
}
