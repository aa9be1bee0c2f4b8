/* arena.h: memory that is freed all at once: one arena per request, one per parsed file.
 * Owns: its chunks, and what so_defer() was given.   Threads: one at a time.
 * Limits: `max` bytes in all, so that no request can take the machine.   Errors: NULL. */
#ifndef SO_CORE_ARENA_H
#define SO_CORE_ARENA_H

#include "core/base.h"
#include "core/str.h"

struct so_arena_chunk;
struct so_defer;

struct so_arena {
    char *at;  /* next free byte of the current chunk */
    char *end; /* one past its last */
    struct so_arena_chunk *chunk;
    struct so_defer *defers;
    size_t used; /* bytes of all chunks */
    size_t max;
};

/* No allocation happens before the first so_alloc().  max: bytes, at least one chunk (4 KiB) is always allowed. */
void so_arena_init(struct so_arena *a, size_t max);
/* Runs the deferred calls (last first), forgets everything, keeps one chunk for the next round. */
void so_arena_reset(struct so_arena *a);
/* The same, and gives all memory back.  A zeroed arena is fine. */
void so_arena_deinit(struct so_arena *a);

/* `size` bytes aligned for any type, not zeroed, valid until reset or deinit; NULL when memory or `max` ran out. */
void *so_alloc(struct so_arena *a, size_t size);
void *so_alloc_zero(struct so_arena *a, size_t size);
/* count * size with the overflow checked, zeroed. */
void *so_alloc_array(struct so_arena *a, size_t count, size_t size);
/* Like so_alloc() with alignment 1: for text. */
char *so_alloc_text(struct so_arena *a, size_t size);
/* NUL-terminated copies.  p is NULL when memory ran out. */
struct so_str so_arena_dup(struct so_arena *a, struct so_str s);
struct so_str so_arena_printf(struct so_arena *a, const char *format, ...) SO_PRINTF(2, 3);

/* Calls fn(ptr) at reset or deinit, last first: for file descriptors, statements, locks.  Write it on the line after the
 * acquisition.  False when memory ran out; fn has then been called already. */
bool so_defer(struct so_arena *a, void (*fn)(void *), void *ptr) SO_MUST_CHECK;

#endif
