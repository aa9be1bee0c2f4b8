/* mem.c: malloc behind a counter that can make any one call fail. */
#include "core/mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Calls left until the ordered failure; negative means off, which is all that a release run ever reads. */
static atomic_long calls_left = -1;
static atomic_bool has_failed = false;

static bool must_fail(void)
{
    if (SO_LIKELY(atomic_load_explicit(&calls_left, memory_order_relaxed) < 0))
        return false;
    if (atomic_fetch_sub_explicit(&calls_left, 1, memory_order_relaxed) != 0)
        return false;
    atomic_store_explicit(&has_failed, true, memory_order_relaxed);
    return true;
}

void so_mem_fail_at(long n)
{
    atomic_store(&has_failed, false);
    atomic_store(&calls_left, n);
}

bool so_mem_failed(void) { return atomic_load(&has_failed); }

void *so_malloc(size_t size) { return must_fail() ? NULL : malloc(size ? size : 1); }

void *so_calloc(size_t count, size_t size) { return must_fail() ? NULL : calloc(count ? count : 1, size ? size : 1); }

void *so_realloc(void *ptr, size_t size) { return must_fail() ? NULL : realloc(ptr, size ? size : 1); }

void so_free(void *ptr) { free(ptr); }

char *so_strndup(const char *text, size_t len)
{
    char *copy = so_malloc(len + 1);
    if (copy == NULL)
        return NULL;
    if (len > 0)
        memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}
