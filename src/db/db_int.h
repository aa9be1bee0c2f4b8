/* db_int.h: the database's parts: the pool of readers and the writer.  Not for other modules. */
#ifndef SO_DB_DB_INT_H
#define SO_DB_DB_INT_H

#include <pthread.h>

#include "db/db.h"

/* Connections for worker threads, opened when they are first needed. */
struct so_pool {
    pthread_mutex_t lock;
    pthread_cond_t given_back;
    const char *path;
    int64_t statement_ns; /* time limit from taking to giving back */
    struct so_conn *free; /* linked by next */
    unsigned open, max;
};

void so_pool_init(struct so_pool *pool, const char *path, unsigned max, int64_t statement_ns);
void so_pool_deinit(struct so_pool *pool); /* every connection is back */
int so_pool_take(struct so_pool *pool, struct so_conn **out, struct so_err *err) SO_MUST_CHECK;
void so_pool_give(struct so_pool *pool, struct so_conn *conn);

struct so_writer;
struct so_writer_options {
    size_t queue_max, batch_max;
    int64_t statement_ns;
};
int so_writer_open(const char *path, const struct so_writer_options *options, struct so_writer **out,
                   struct so_err *err) SO_MUST_CHECK;
void so_writer_close(struct so_writer *w); /* does the jobs that wait; NULL is fine */
int so_writer_submit(struct so_writer *w, struct so_db_job *job, struct so_err *err) SO_MUST_CHECK;
bool so_writer_is_this_thread(const struct so_writer *w);
void so_writer_on_commit(struct so_writer *w, void (*fn)(void *arg), void *arg);
void so_writer_stats(struct so_writer *w, struct so_db_stats *out);

#endif
