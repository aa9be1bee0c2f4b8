/* clock.c: clock_gettime() behind a pointer. */
#include "core/clock.h"

#include <stdatomic.h>
#include <time.h>

static int64_t system_now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static _Atomic(int64_t (*)(void)) source = system_now_us;

void so_clock_set_source(int64_t (*now_us)(void)) { atomic_store(&source, now_us == NULL ? system_now_us : now_us); }

int64_t so_clock_now_us(void) { return atomic_load_explicit(&source, memory_order_relaxed)(); }

int64_t so_clock_now(void)
{
    int64_t us = so_clock_now_us();
    return us / 1000000 - (us % 1000000 < 0);
}

int64_t so_clock_mono_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
