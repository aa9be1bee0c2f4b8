/* loop.c: a libuv loop with a mailbox: a lock-free stack of tasks and one uv_async that says "look into it". */
#include "net/loop.h"

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <uv.h>

#include "core/mem.h"

struct so_loop {
    uv_loop_t uv;
    uv_async_t wake;
    _Atomic(struct so_task *) posted; /* newest first */
    atomic_bool must_stop;
    /* Threads between the first and the last touch of the loop in so_loop_post() and so_loop_stop().  What they post may
     * end the loop before they return; it must not be freed under them. */
    atomic_uint visitors;
    size_t holds;
    bool is_detached; /* the mailbox no longer keeps uv_run() going */
};

static _Thread_local const struct so_loop *current;

static void visit(struct so_loop *loop) { atomic_fetch_add_explicit(&loop->visitors, 1, memory_order_acquire); }

static void leave(struct so_loop *loop) { atomic_fetch_sub_explicit(&loop->visitors, 1, memory_order_release); }

/* Runs what was posted, oldest first.  What those tasks post in turn waits for the next round, so that sockets get their
 * share. */
static void run_posted(struct so_loop *loop)
{
    struct so_task *newest = atomic_exchange_explicit(&loop->posted, NULL, memory_order_acquire);
    struct so_task *oldest = NULL;
    while (newest != NULL) {
        struct so_task *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest != NULL) {
        struct so_task *task = oldest;
        oldest = task->next; /* read first: run() may free the task */
        task->run(task);
    }
}

/* The mailbox keeps the loop going until it is stopped and nothing holds it any more. */
static void settle(struct so_loop *loop)
{
    bool detach = atomic_load(&loop->must_stop) && loop->holds == 0;
    if (detach == loop->is_detached)
        return;
    loop->is_detached = detach;
    if (detach)
        uv_unref((uv_handle_t *)&loop->wake);
    else
        uv_ref((uv_handle_t *)&loop->wake);
}

static void on_wake(uv_async_t *wake)
{
    struct so_loop *loop = wake->data;
    run_posted(loop);
    settle(loop);
}

int so_loop_new(struct so_loop **out, struct so_err *err)
{
    struct so_loop *loop = so_calloc(1, sizeof(*loop));
    if (loop == NULL)
        return so_err_oom(err);
    signal(SIGPIPE, SIG_IGN);
    int rc = uv_loop_init(&loop->uv);
    if (rc < 0) {
        so_free(loop);
        return so_fail(err, SO_EIO, "cannot make an event loop: %s", uv_strerror(rc));
    }
    rc = uv_async_init(&loop->uv, &loop->wake, on_wake);
    if (rc < 0) {
        (void)uv_loop_close(&loop->uv);
        so_free(loop);
        return so_fail(err, SO_EIO, "cannot make an event loop: %s", uv_strerror(rc));
    }
    loop->wake.data = loop;
    *out = loop;
    return SO_OK;
}

void so_loop_run(struct so_loop *loop)
{
    const struct so_loop *outer = current;
    current = loop;
    settle(loop); /* it may have been stopped before it ran */
    do {
        (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
        /* Posted in the instant between the last look and the end: they run here, and may have opened handles. */
        run_posted(loop);
        settle(loop);
    } while (uv_loop_alive(&loop->uv) || atomic_load(&loop->posted) != NULL);
    current = outer;
}

void so_loop_stop(struct so_loop *loop)
{
    visit(loop);
    atomic_store(&loop->must_stop, true);
    (void)uv_async_send(&loop->wake);
    leave(loop);
}

void so_loop_free(struct so_loop *loop)
{
    if (loop == NULL)
        return;
    while (atomic_load_explicit(&loop->visitors, memory_order_acquire) != 0)
        sched_yield();
    const struct so_loop *outer = current;
    current = loop;
    while (atomic_load(&loop->posted) != NULL)
        run_posted(loop); /* such as done() of work that was never worked */
    uv_close((uv_handle_t *)&loop->wake, NULL);
    (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
    (void)uv_loop_close(&loop->uv);
    current = outer;
    so_free(loop);
}

struct uv_loop_s *so_loop_uv(struct so_loop *loop) { return &loop->uv; }

bool so_loop_is_current(const struct so_loop *loop) { return current == loop; }

void so_loop_post(struct so_loop *loop, struct so_task *task)
{
    visit(loop);
    struct so_task *top = atomic_load_explicit(&loop->posted, memory_order_relaxed);
    do {
        task->next = top;
    } while (!atomic_compare_exchange_weak_explicit(&loop->posted, &top, task, memory_order_release, memory_order_relaxed));
    if (top == NULL)
        (void)uv_async_send(&loop->wake); /* whoever found the box empty rings; one ring is enough for all that follow */
    leave(loop);
}

void so_loop_hold(struct so_loop *loop)
{
    loop->holds++;
    settle(loop);
}

void so_loop_release(struct so_loop *loop)
{
    loop->holds--;
    settle(loop);
}
