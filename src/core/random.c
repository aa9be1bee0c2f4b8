/* random.c: getentropy() behind a pointer. */
#include "core/random.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void fill_from_kernel(void *out, size_t n)
{
    enum { CALL_MAX = 256 }; /* what getentropy() gives at once */
    for (size_t done = 0; done < n;) {
        size_t part = so_min_size(n - done, CALL_MAX);
        if (getentropy((char *)out + done, part) != 0) {
            fputs("socle: the kernel gives no randomness (getentropy); stopping\n", stderr);
            abort();
        }
        done += part;
    }
}

static _Atomic(void (*)(void *, size_t)) source = fill_from_kernel;

void so_random_set_source(void (*fill)(void *out, size_t n))
{
    atomic_store(&source, fill == NULL ? fill_from_kernel : fill);
}

void so_random_bytes(void *out, size_t n) { atomic_load_explicit(&source, memory_order_relaxed)(out, n); }

static uint64_t process_seed;
static pthread_once_t seed_once = PTHREAD_ONCE_INIT;
static void make_seed(void) { fill_from_kernel(&process_seed, sizeof(process_seed)); }

uint64_t so_random_seed(void)
{
    pthread_once(&seed_once, make_seed);
    return process_seed;
}

uint64_t so_random_below(uint64_t bound)
{
    /* Values at or above the largest multiple of bound would make small results more likely: draw again. */
    uint64_t limit = UINT64_MAX - UINT64_MAX % bound, value;
    do {
        so_random_bytes(&value, sizeof(value));
    } while (value >= limit);
    return value % bound;
}

void so_random_uuid(char out[37])
{
    unsigned char b[16];
    so_random_bytes(b, sizeof(b));
    b[6] = (unsigned char)((b[6] & 0x0F) | 0x40); /* version 4 */
    b[8] = (unsigned char)((b[8] & 0x3F) | 0x80); /* the RFC's variant */
    static const char HEX[] = "0123456789abcdef";
    size_t at = 0;
    for (size_t i = 0; i < sizeof(b); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            out[at++] = '-';
        out[at++] = HEX[b[i] >> 4];
        out[at++] = HEX[b[i] & 15];
    }
    out[at] = '\0';
}
