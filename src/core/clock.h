/* clock.h: the two clocks.  Tests and `socle test` put their own in place.   Threads: any. */
#ifndef SO_CORE_CLOCK_H
#define SO_CORE_CLOCK_H

#include "core/base.h"

int64_t so_clock_now_us(void);  /* wall clock: microseconds since 1970-01-01 UTC, leap seconds not counted */
int64_t so_clock_now(void);     /* the same in whole seconds, rounded down */
int64_t so_clock_mono_ns(void); /* steady: for deadlines and durations only */

/* Replaces the wall clock; NULL puts the system's back. */
void so_clock_set_source(int64_t (*now_us)(void));

#endif
