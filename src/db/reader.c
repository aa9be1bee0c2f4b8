/* reader.c: the pool of read-only connections for worker threads. */
#include "db/db_int.h"

#include "core/clock.h"

void so_pool_init(struct so_pool *pool, const struct so_driver *driver, const struct so_db_setup *setup)
{
    *pool = (struct so_pool){.driver = driver, .setup = setup};
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->given_back, NULL);
}

void so_pool_deinit(struct so_pool *pool)
{
    while (pool->free != NULL) {
        struct so_conn *conn = pool->free;
        pool->free = conn->next;
        so_conn_close(conn);
    }
    pthread_cond_destroy(&pool->given_back);
    pthread_mutex_destroy(&pool->lock);
}

/* A free one, or NULL when the caller may open one more. */
static struct so_conn *take_or_reserve(struct so_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    while (pool->free == NULL && pool->open == pool->setup->options.pool_size)
        pthread_cond_wait(&pool->given_back, &pool->lock);
    struct so_conn *conn = pool->free;
    if (conn != NULL)
        pool->free = conn->next;
    else
        pool->open++;
    pthread_mutex_unlock(&pool->lock);
    return conn;
}

static void unreserve(struct so_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->open--;
    pthread_cond_signal(&pool->given_back);
    pthread_mutex_unlock(&pool->lock);
}

int so_pool_take(struct so_pool *pool, struct so_conn **out, struct so_err *err)
{
    struct so_conn *conn = take_or_reserve(pool);
    if (conn == NULL) {
        int rc = pool->driver->conn_open(pool->setup, SO_CONN_READER, &conn, err);
        if (rc != SO_OK) {
            unreserve(pool);
            return rc;
        }
    }
    so_conn_set_deadline(conn, so_clock_mono_ns() + pool->setup->statement_ns);
    *out = conn;
    return SO_OK;
}

void so_pool_give(struct so_pool *pool, struct so_conn *conn)
{
    if (pool->driver->conn_is_usable != NULL && !pool->driver->conn_is_usable(conn)) {
        so_conn_close(conn);
        unreserve(pool);
        return;
    }
    pthread_mutex_lock(&pool->lock);
    conn->next = pool->free;
    pool->free = conn;
    pthread_cond_signal(&pool->given_back);
    pthread_mutex_unlock(&pool->lock);
}
