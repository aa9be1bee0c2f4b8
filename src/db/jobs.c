/* jobs.c: the queue of jobs in front of the threads that write. */
#include "db/db_int.h"

#include <string.h>

static _Thread_local const struct so_writer *writer_of_this_thread;

void so_writer_enter(const struct so_writer *w) { writer_of_this_thread = w; }

bool so_writer_is_this_thread(const struct so_writer *w) { return writer_of_this_thread == w; }

void so_writer_init(struct so_writer *w, size_t queue_max)
{
    *w = (struct so_writer){.tail = &w->head, .queue_max = queue_max};
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->work, NULL);
}

void so_writer_deinit(struct so_writer *w)
{
    pthread_cond_destroy(&w->work);
    pthread_mutex_destroy(&w->lock);
}

int so_writer_submit(struct so_writer *w, struct so_db_job *job, struct so_err *err)
{
    int rc = SO_OK;
    job->next = NULL;
    pthread_mutex_lock(&w->lock);
    if (w->is_closing) {
        rc = so_fail(err, SO_ECLOSED, "the database is closing");
    } else if (w->queued >= w->queue_max) {
        rc = so_fail_http(err, SO_EBUSY, 503, "53300", "too many writes are waiting");
    } else {
        *w->tail = job;
        w->tail = &job->next;
        w->queued++;
        pthread_cond_signal(&w->work);
    }
    pthread_mutex_unlock(&w->lock);
    return rc;
}

size_t so_writer_take(struct so_writer *w, struct so_db_job **out, size_t max)
{
    size_t count = 0;
    pthread_mutex_lock(&w->lock);
    while (w->head == NULL && !w->is_closing)
        pthread_cond_wait(&w->work, &w->lock);
    while (w->head != NULL && count < max) {
        struct so_db_job *job = w->head;
        if (job->alone && count > 0)
            break;
        w->head = job->next;
        out[count++] = job;
        if (job->alone)
            break;
    }
    if (w->head == NULL)
        w->tail = &w->head;
    w->queued -= count;
    pthread_mutex_unlock(&w->lock);
    for (size_t i = 0; i < count; i++) { /* a job that cannot even start is told why, too */
        out[i]->rc = SO_OK;
        out[i]->err = SO_ERR_INIT;
    }
    return count;
}

void so_writer_tell(struct so_writer *w, struct so_db_job *const *jobs, size_t count)
{
    size_t good = 0;
    for (size_t i = 0; i < count; i++)
        good += jobs[i]->rc == SO_OK;
    pthread_mutex_lock(&w->lock);
    w->stats.commits += good > 0;
    w->stats.jobs += count;
    if (w->stats.batch_largest < count)
        w->stats.batch_largest = count;
    if (good > 0 && w->on_commit != NULL)
        w->on_commit(w->on_commit_arg);
    pthread_mutex_unlock(&w->lock);
    for (size_t i = 0; i < count; i++)
        jobs[i]->done(jobs[i]);
}

void so_writer_on_commit(struct so_writer *w, void (*fn)(void *arg), void *arg)
{
    pthread_mutex_lock(&w->lock);
    w->on_commit = fn;
    w->on_commit_arg = arg;
    pthread_mutex_unlock(&w->lock);
}

void so_writer_end(struct so_writer *w)
{
    pthread_mutex_lock(&w->lock);
    w->is_closing = true;
    pthread_cond_broadcast(&w->work);
    pthread_mutex_unlock(&w->lock);
}

void so_writer_stats(struct so_writer *w, struct so_db_stats *out)
{
    pthread_mutex_lock(&w->lock);
    *out = w->stats;
    out->queue_length = w->queued;
    pthread_mutex_unlock(&w->lock);
}

void so_job_end(struct so_db_job *job, int rc, const struct so_err *err)
{
    job->rc = rc;
    if (rc != SO_OK && err != NULL && job->err.code == SO_OK)
        job->err = *err;
    if (rc != SO_OK && job->err.code == SO_OK)
        so_fail(&job->err, rc, "the write failed");
}
