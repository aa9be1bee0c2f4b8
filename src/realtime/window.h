/* window.h: how often something may happen: so many times in a fixed window of time. */
#ifndef SO_REALTIME_WINDOW_H
#define SO_REALTIME_WINDOW_H

#include "core/base.h"

struct so_window {
    int64_t began_ms;
    uint32_t count;
};

/* Counts one at now_ms; false when `max` have been counted in this window already. */
static inline bool so_window_take(struct so_window *w, int64_t now_ms, int64_t length_ms, size_t max)
{
    if (w->count == 0 || now_ms - w->began_ms >= length_ms)
        *w = (struct so_window){.began_ms = now_ms};
    if (w->count >= max)
        return false;
    w->count++;
    return true;
}

#endif
