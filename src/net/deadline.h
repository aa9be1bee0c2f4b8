/* deadline.h: thousands of timeouts on one timer.
 *
 * Timeouts come in a few kinds ("idle for 75 s"), and all of one kind last equally long.  So a list per kind, appended at
 * its end, is in the order of the deadlines, and only the heads need looking at: setting and clearing cost a few pointers.
 * Owns: one uv timer.   Threads: the loop's.   Never: allocates. */
#ifndef SO_NET_DEADLINE_H
#define SO_NET_DEADLINE_H

#include <uv.h>

#include "core/base.h"

enum { SO_DEADLINE_KINDS = 8 };

struct so_deadline {
    struct so_deadline *prev, *next;
    uint64_t due; /* ms of uv_now() */
    int kind;
};

struct so_deadlines {
    uv_timer_t timer;
    uint64_t timer_due;                                /* when the timer rings; UINT64_MAX when it is off */
    struct so_deadline lists[SO_DEADLINE_KINDS];       /* rings; their heads' kind is not used */
    unsigned lasts_ms[SO_DEADLINE_KINDS];              /* 0: members of this list never expire */
    void (*expired)(struct so_deadline *d, void *arg); /* removes d, moves it to another list, or puts it again */
    void *arg;
};

/* All kinds last for ever until lasts_ms[] is filled in. */
void so_deadlines_init(struct so_deadlines *all, uv_loop_t *loop, void (*expired)(struct so_deadline *d, void *arg),
                       void *arg);
/* Begins the time of `kind` anew, whatever d was waiting for before.  A zeroed d is in no list. */
void so_deadline_put(struct so_deadlines *all, struct so_deadline *d, int kind);
void so_deadline_remove(struct so_deadline *d);
/* The first of a list, or NULL: to walk all of them while removing. */
struct so_deadline *so_deadline_first(struct so_deadlines *all, int kind);
/* Closes the timer; the lists need not be empty. */
void so_deadlines_close(struct so_deadlines *all, uv_close_cb closed);

#endif
