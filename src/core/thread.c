/* thread.c: threads of ours, and waiting for a while. */
#include "core/thread.h"

#include <signal.h>
#include <string.h>
#include <time.h>

int so_thread_start(void *(*run)(void *), void *arg, pthread_t *out, struct so_err *err)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(out, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc == 0 ? SO_OK : so_fail(err, SO_EIO, "cannot start a thread: %s", strerror(rc));
}

void so_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t steady;
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &steady);
    pthread_condattr_destroy(&steady);
}

void so_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t mono_ns)
{
    const struct timespec until = {.tv_sec = mono_ns / 1000000000, .tv_nsec = mono_ns % 1000000000};
    (void)pthread_cond_timedwait(cond, lock, &until);
}
