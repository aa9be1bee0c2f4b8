/* loop.h: one event loop per thread, on libuv.
 *
 *   so_loop_run():  timers -> sockets (epoll/kqueue) -> tasks posted by other threads -> closes, until so_loop_stop()
 *
 * Threads: so_loop_post() and so_loop_stop() from any; everything else from the loop's own thread. */
#ifndef SO_NET_LOOP_H
#define SO_NET_LOOP_H

#include "core/base.h"
#include "core/err.h"

struct uv_loop_s;
struct so_loop;

/* Also makes the process ignore SIGPIPE: a peer that went away is an error of write(), not a reason to die. */
int so_loop_new(struct so_loop **out, struct so_err *err) SO_MUST_CHECK;
void so_loop_run(struct so_loop *loop);  /* returns after so_loop_stop(), when every handle is closed */
void so_loop_stop(struct so_loop *loop); /* asks; idempotent */
void so_loop_free(struct so_loop *loop); /* not running; NULL is fine */
struct uv_loop_s *so_loop_uv(struct so_loop *loop);
bool so_loop_is_current(const struct so_loop *loop); /* called on its own thread? */

/* A call to make on the loop's thread.  The caller owns the struct (usually a member of something larger) until run() is
 * called. */
struct so_task {
    void (*run)(struct so_task *task);
    struct so_task *next; /* private */
};
/* Posts from one thread run in order.  Never fails, never blocks. */
void so_loop_post(struct so_loop *loop, struct so_task *task);

/* The loop does not end, even when stopped, before each hold was released.  Both on the loop's thread. */
void so_loop_hold(struct so_loop *loop);
void so_loop_release(struct so_loop *loop);

/* Something that may block: work() runs on a worker thread, then done() on the loop.
 * SO_EBUSY when too many are waiting already (SO_WORK_QUEUE_MAX): nothing is called then. */
enum { SO_WORK_QUEUE_MAX = 1024 };
struct so_work {
    void (*work)(struct so_work *w);
    void (*done)(struct so_work *w);
    struct so_loop *loop; /* private */
    struct so_task task;  /* private */
    struct so_work *next; /* private */
};
int so_loop_work(struct so_loop *loop, struct so_work *w, struct so_err *err) SO_MUST_CHECK;
/* Worker threads shared by all loops; call once before the first so_loop_work(); 0 means 4. */
int so_workers_start(unsigned threads, struct so_err *err) SO_MUST_CHECK;
void so_workers_stop(void); /* waits for what runs; what waits is done() with nothing worked: call after the loops ended */

#endif
