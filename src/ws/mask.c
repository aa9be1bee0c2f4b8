/* mask.c: sixteen bytes at a time where the compiler has vectors (SSE2, NEON), eight elsewhere. */
#include "ws/mask.h"

#include <string.h>

#if defined(__GNUC__)
typedef uint64_t wide __attribute__((vector_size(16)));
#else
typedef uint64_t wide;
#endif

void so_ws_mask(char *to, const char *from, size_t n, const uint8_t key[4], uint64_t at)
{
    uint8_t turned[sizeof(wide)]; /* the key as it falls on the first bytes, repeated: memcpy keeps it free of byte order */
    for (size_t i = 0; i < sizeof(turned); i++)
        turned[i] = key[(at + i) % 4];
    wide mask, word;
    memcpy(&mask, turned, sizeof(mask));
    size_t i = 0;
    for (; n - i >= sizeof(word); i += sizeof(word)) {
        memcpy(&word, from + i, sizeof(word));
        word ^= mask;
        memcpy(to + i, &word, sizeof(word));
    }
    for (; i < n; i++)
        to[i] = (char)((uint8_t)from[i] ^ turned[i % 4]);
}
