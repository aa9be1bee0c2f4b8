/* arena.c: a list of chunks, bumped through. */
#include "core/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/mem.h"

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif
#ifdef HAS_ASAN
#include <sanitizer/asan_interface.h>
/* Free arena space is poisoned, so that ASan sees a use after reset and a run past the last allocation. */
#define POISON(p, n)   ASAN_POISON_MEMORY_REGION(p, n)
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
enum { RED_ZONE = 16 };
#else
#define POISON(p, n)   ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
enum { RED_ZONE = 0 };
#endif

enum { CHUNK_MIN = 4096, CHUNK_MAX = 256 * 1024, ALIGN = alignof(max_align_t) };

struct so_arena_chunk {
    struct so_arena_chunk *next; /* older, or NULL */
    size_t size;                 /* bytes of data[] */
    alignas(max_align_t) char data[];
};

struct so_defer {
    struct so_defer *next;
    void (*fn)(void *);
    void *ptr;
};

void so_arena_init(struct so_arena *a, size_t max) { *a = (struct so_arena){.max = max}; }

static bool grow(struct so_arena *a, size_t need)
{
    /* Chunks double, so that a large request takes few of them and a small one wastes little. */
    size_t size = a->chunk == NULL ? CHUNK_MIN : so_min_size(a->chunk->size * 2, CHUNK_MAX);
    size = so_max_size(size, need);
    if (size > a->max - so_min_size(a->used, a->max)) {
        size = need; /* the last chunk before the limit may be a small one */
        if (a->used > 0 && size > a->max - so_min_size(a->used, a->max))
            return false;
    }
    if (size > SIZE_MAX - sizeof(struct so_arena_chunk))
        return false;
    struct so_arena_chunk *chunk = so_malloc(sizeof(*chunk) + size);
    if (chunk == NULL)
        return false;
    chunk->next = a->chunk;
    chunk->size = size;
    POISON(chunk->data, size);
    a->chunk = chunk;
    a->at = chunk->data;
    a->end = chunk->data + size;
    a->used += size;
    return true;
}

static void *take(struct so_arena *a, size_t size, size_t align)
{
    size_t pad = (size_t)(-(uintptr_t)a->at) & (align - 1);
    if (SO_UNLIKELY(size > SIZE_MAX - ALIGN - RED_ZONE))
        return NULL;
    if (SO_UNLIKELY(a->chunk == NULL || size + pad + RED_ZONE > (size_t)(a->end - a->at))) {
        if (!grow(a, size + RED_ZONE))
            return NULL;
        pad = 0; /* data[] is aligned for any type */
    }
    char *out = a->at + pad;
    a->at = out + size + RED_ZONE;
    UNPOISON(out, size);
    return out;
}

void *so_alloc(struct so_arena *a, size_t size) { return take(a, size, ALIGN); }

char *so_alloc_text(struct so_arena *a, size_t size) { return take(a, size, 1); }

void *so_alloc_zero(struct so_arena *a, size_t size)
{
    void *out = so_alloc(a, size);
    if (out != NULL)
        memset(out, 0, size);
    return out;
}

void *so_alloc_array(struct so_arena *a, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    return so_alloc_zero(a, bytes);
}

struct so_str so_arena_dup(struct so_arena *a, struct so_str s)
{
    char *copy = so_alloc_text(a, s.n + 1);
    if (copy == NULL)
        return (struct so_str){NULL, 0};
    if (s.n > 0)
        memcpy(copy, s.p, s.n);
    copy[s.n] = '\0';
    return (struct so_str){copy, s.n};
}

struct so_str so_arena_printf(struct so_arena *a, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *out = len < 0 ? NULL : so_alloc_text(a, (size_t)len + 1);
    if (out != NULL)
        vsnprintf(out, (size_t)len + 1, format, again);
    va_end(again);
    return out == NULL ? (struct so_str){NULL, 0} : (struct so_str){out, (size_t)len};
}

bool so_defer(struct so_arena *a, void (*fn)(void *), void *ptr)
{
    struct so_defer *d = so_alloc(a, sizeof(*d));
    if (d == NULL) {
        fn(ptr);
        return false;
    }
    *d = (struct so_defer){a->defers, fn, ptr};
    a->defers = d;
    return true;
}

static void run_defers(struct so_arena *a)
{
    while (a->defers != NULL) {
        struct so_defer d = *a->defers;
        a->defers = d.next;
        d.fn(d.ptr);
    }
}

static void free_chunk(struct so_arena_chunk *chunk)
{
    UNPOISON(chunk->data, chunk->size);
    so_free(chunk);
}

void so_arena_reset(struct so_arena *a)
{
    run_defers(a);
    if (a->chunk == NULL)
        return;
    /* Keep the oldest chunk: it is the small one, so an idle connection that once had a large request holds little. */
    while (a->chunk->next != NULL) {
        struct so_arena_chunk *gone = a->chunk;
        a->chunk = gone->next;
        free_chunk(gone);
    }
    if (a->chunk->size > CHUNK_MIN) {
        free_chunk(a->chunk);
        so_arena_init(a, a->max);
        return;
    }
    POISON(a->chunk->data, a->chunk->size);
    a->at = a->chunk->data;
    a->end = a->at + a->chunk->size;
    a->used = a->chunk->size;
}

void so_arena_deinit(struct so_arena *a)
{
    run_defers(a);
    for (struct so_arena_chunk *chunk = a->chunk, *next; chunk != NULL; chunk = next) {
        next = chunk->next;
        free_chunk(chunk);
    }
    so_arena_init(a, a->max);
}
