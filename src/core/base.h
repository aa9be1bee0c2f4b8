/* base.h: the few macros that every file may use. */
#ifndef SO_CORE_BASE_H
#define SO_CORE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* The result says whether it worked: ignoring it is a compile error. */
#define SO_MUST_CHECK                  __attribute__((warn_unused_result))
#define SO_PRINTF(format_at, first_at) __attribute__((format(printf, format_at, first_at)))
#define SO_UNUSED                      __attribute__((unused))
#define SO_LIKELY(x)                   __builtin_expect(!!(x), 1)
#define SO_UNLIKELY(x)                 __builtin_expect(!!(x), 0)

/* The struct of `type` whose `member` is at `ptr`. */
#define SO_CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline size_t so_min_size(size_t a, size_t b) { return a < b ? a : b; }
static inline size_t so_max_size(size_t a, size_t b) { return a > b ? a : b; }

#endif
