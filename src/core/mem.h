/* mem.h: the only door to the heap, so that tests can make every allocation fail.
 * Threads: any.   Errors: NULL.   Never: aborts or logs. */
#ifndef SO_CORE_MEM_H
#define SO_CORE_MEM_H

#include "core/base.h"

/* Each returns memory that is the caller's until so_free(), or NULL. */
void *so_malloc(size_t size);
void *so_calloc(size_t count, size_t size);     /* zeroed; NULL when count * size overflows */
void *so_realloc(void *ptr, size_t size);       /* on NULL the old block is untouched */
void so_free(void *ptr);                        /* NULL is fine */
char *so_strndup(const char *text, size_t len); /* NUL-terminated copy */

/* Fault injection: the n-th allocation of this process from now on fails (0 is the next one), once.
 * A negative n switches it off.  So a test can loop n = 0, 1, 2, ... until nothing fails any more. */
void so_mem_fail_at(long n);
/* True when the failure that so_mem_fail_at() ordered has happened. */
bool so_mem_failed(void);

#endif
