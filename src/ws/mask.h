/* mask.h: the XOR that every client applies to its payloads (RFC 6455 section 5.3).   Never: allocates. */
#ifndef SO_WS_MASK_H
#define SO_WS_MASK_H

#include "core/base.h"

/* Writes `n` bytes of `from`, masked or unmasked, to `to`, which is the same place or does not overlap.
 * at: how many bytes of the payload came before, so that a payload can be taken in pieces. */
void so_ws_mask(char *to, const char *from, size_t n, const uint8_t key[4], uint64_t at);

#endif
