/* pg_listen.c: connect, LISTEN, wait; from the beginning when it is lost. */
#include "db/pg_listen.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "core/mem.h"
#include "db/pg_int.h"

enum { PAUSE_FIRST_MS = 100, PAUSE_MAX_MS = 10000 };

struct so_pg_listener {
    struct so_pg_listen_options options; /* its url and channels are ours */
    char *url;
    char *channels[SO_PG_CHANNELS_MAX];
    int stop[2]; /* a pipe: readable when it is time to end */
    pthread_t thread;
    bool is_running;
};

/* False when it is time to end. */
static bool wait_for(const struct so_pg_listener *l, int fd, int ms)
{
    struct pollfd fds[] = {{.fd = l->stop[0], .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    while (poll(fds, fd < 0 ? 1 : 2, ms) < 0 && errno == EINTR)
        ;
    return fds[0].revents == 0;
}

static void ignore_notice(void *unused, const char *message) { (void)unused, (void)message; }

static PGconn *connect_to(const struct so_pg_listener *l, struct so_err *err)
{
    const char *keywords[SO_PG_CONNECT_PARAMS], *values[SO_PG_CONNECT_PARAMS];
    so_pg_connect_params(l->url, keywords, values);
    PGconn *pg = so_pq.connectdbParams(keywords, values, 1);
    if (pg == NULL) {
        so_err_oom(err);
        return NULL;
    }
    so_pq.setNoticeProcessor(pg, ignore_notice, NULL);
    if (so_pq.status(pg) == CONNECTION_OK)
        return pg;
    so_pg_fail_connect(pg, err);
    so_pq.finish(pg);
    return NULL;
}

static int listen_to(PGconn *pg, const char *channel, struct so_err *err)
{
    char *name = so_pq.escapeIdentifier(pg, channel, strlen(channel));
    struct so_buf sql;
    so_buf_init(&sql, 1024);
    so_buf_printf(&sql, "LISTEN %s", name == NULL ? "" : name);
    so_pq.freemem(name);
    PGresult *result = so_pq.exec(pg, so_buf_cstr(&sql));
    int rc = so_pq.resultStatus(result) == PGRES_COMMAND_OK ? SO_OK : so_pg_fail_result(result, err);
    so_pq.clear(result);
    so_buf_deinit(&sql);
    return rc;
}

static void tell(const struct so_pg_listener *l, PGconn *pg)
{
    for (PGnotify *n; (n = so_pq.notifies(pg)) != NULL; so_pq.freemem(n))
        l->options.heard(l->options.arg, so_str_c(n->relname), so_str_c(n->extra));
}

/* Until the connection is lost (err says why), or it is time to end. */
static void listen_until_lost(const struct so_pg_listener *l, PGconn *pg, struct so_err *err)
{
    for (size_t i = 0; i < l->options.channel_count; i++)
        if (listen_to(pg, l->channels[i], err) != SO_OK)
            return;
    l->options.heard(l->options.arg, (struct so_str){NULL, 0}, SO_STR(""));
    tell(l, pg); /* what came with the answers to LISTEN */
    while (wait_for(l, so_pq.socket(pg), -1)) {
        bool is_open = so_pq.consumeInput(pg) == 1;
        tell(l, pg);
        if (!is_open) {
            so_pg_fail_lost(pg, err);
            return;
        }
    }
}

static void *run_thread(void *arg)
{
    const struct so_pg_listener *l = arg;
    int pause = PAUSE_FIRST_MS;
    do {
        struct so_err err = SO_ERR_INIT;
        PGconn *pg = connect_to(l, &err);
        if (pg != NULL) {
            pause = PAUSE_FIRST_MS;
            listen_until_lost(l, pg, &err);
            so_pq.finish(pg);
        }
        if (err.code != SO_OK && l->options.failed != NULL)
            l->options.failed(l->options.arg, &err);
        pause = pause * 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS : pause * 2;
    } while (wait_for(l, -1, pause / 2));
    return NULL;
}

static int copy_options(struct so_pg_listener *l, const struct so_pg_listen_options *o, struct so_err *err)
{
    l->options = *o;
    l->url = so_strndup(o->url, strlen(o->url));
    bool copied = l->url != NULL;
    for (size_t i = 0; i < o->channel_count && copied; i++) {
        l->channels[i] = so_strndup(o->channels[i], strlen(o->channels[i]));
        copied = l->channels[i] != NULL;
    }
    return copied ? SO_OK : so_err_oom(err);
}

int so_pg_listener_open(const struct so_pg_listen_options *options, struct so_pg_listener **out, struct so_err *err)
{
    if (options->channel_count > SO_PG_CHANNELS_MAX)
        return so_fail(err, SO_ELIMIT, "at most %d channels can be listened to", SO_PG_CHANNELS_MAX);
    int rc = so_pq_load(err);
    if (rc != SO_OK)
        return rc;
    struct so_pg_listener *l = so_calloc(1, sizeof(*l));
    if (l == NULL)
        return so_err_oom(err);
    l->stop[0] = l->stop[1] = -1;
    rc = copy_options(l, options, err);
    if (rc == SO_OK && pipe2(l->stop, O_CLOEXEC) != 0)
        rc = so_fail(err, SO_EIO, "cannot make a pipe: %s", strerror(errno));
    if (rc == SO_OK)
        rc = so_thread_start(run_thread, l, &l->thread, err);
    if (rc != SO_OK) {
        so_pg_listener_close(l);
        return rc;
    }
    l->is_running = true;
    *out = l;
    return SO_OK;
}

void so_pg_listener_close(struct so_pg_listener *l)
{
    if (l == NULL)
        return;
    if (l->stop[1] >= 0)
        close(l->stop[1]); /* its other end becomes readable */
    if (l->is_running)
        pthread_join(l->thread, NULL);
    if (l->stop[0] >= 0)
        close(l->stop[0]);
    for (size_t i = 0; i < SO_PG_CHANNELS_MAX; i++)
        so_free(l->channels[i]);
    so_free(l->url);
    so_free(l);
}
