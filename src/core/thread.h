/* thread.h: threads of ours, and waiting for a while. */
#ifndef SO_CORE_THREAD_H
#define SO_CORE_THREAD_H

#include <pthread.h>

#include "core/base.h"
#include "core/err.h"

/* A thread that takes no signals: they are the main thread's. */
int so_thread_start(void *(*run)(void *), void *arg, pthread_t *out, struct so_err *err) SO_MUST_CHECK;

/* A condition for so_cond_wait(), on the clock of so_clock_mono_ns(). */
void so_cond_init(pthread_cond_t *cond);
/* Until it is signalled, until `mono_ns`, or for no reason: look again. */
void so_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t mono_ns);

#endif
