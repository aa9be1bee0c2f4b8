/* random.h: bytes nobody can guess, from the kernel.   Threads: any. */
#ifndef SO_CORE_RANDOM_H
#define SO_CORE_RANDOM_H

#include "core/base.h"

/* Fills all n bytes or ends the process: there is no safe way to go on without randomness. */
void so_random_bytes(void *out, size_t n);
/* One value per process, the same at every call: the seed of hash tables. */
uint64_t so_random_seed(void);
/* Uniform in [0, bound); bound > 0. */
uint64_t so_random_below(uint64_t bound);
/* A random UUID (RFC 9562 version 4), lower case, NUL-terminated. */
void so_random_uuid(char out[37]);

/* Replaces the kernel as source, for tests; NULL puts it back. */
void so_random_set_source(void (*fill)(void *out, size_t n));

#endif
