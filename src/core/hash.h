/* hash.h: a fast keyed hash of bytes, for tables.  Not for secrets: that is crypto/. */
#ifndef SO_CORE_HASH_H
#define SO_CORE_HASH_H

#include <string.h>

#include "core/base.h"
#include "core/str.h"

static inline uint64_t so_hash_mix(uint64_t a, uint64_t b)
{
    __uint128_t product = (__uint128_t)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t so_hash_read(const char *p, size_t n)
{
    uint64_t word = 0;
    memcpy(&word, p, n);
    return word;
}

/* Sixteen bytes a step through a 64x64->128 multiply (the idea of wyhash).  `seed` makes it another function: a table
 * that strangers can fill takes a random seed, so that they cannot choose keys that collide. */
static inline uint64_t so_hash(struct so_str s, uint64_t seed)
{
    const uint64_t A = 0xA0761D6478BD642FULL, B = 0xE7037ED1A0B428DBULL;
    const char *p = s.p;
    size_t n = s.n;
    uint64_t h = seed ^ so_hash_mix(seed ^ A, (uint64_t)n ^ B);
    while (n > 16) {
        h = so_hash_mix(so_hash_read(p, 8) ^ A, so_hash_read(p + 8, 8) ^ h);
        p += 16;
        n -= 16;
    }
    uint64_t low, high;
    if (n >= 8) {
        low = so_hash_read(p, 8);
        high = so_hash_read(p + n - 8, 8);
    } else if (n >= 4) {
        uint32_t first, last;
        memcpy(&first, p, 4);
        memcpy(&last, p + n - 4, 4);
        low = first;
        high = last;
    } else if (n > 0) {
        low = ((uint64_t)(unsigned char)p[0] << 16) | ((uint64_t)(unsigned char)p[n / 2] << 8) | (unsigned char)p[n - 1];
        high = 0;
    } else {
        low = high = 0;
    }
    return so_hash_mix(A ^ low, so_hash_mix(high ^ h, B));
}

#endif
