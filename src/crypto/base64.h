/* base64.h: base64url and base64 (RFC 4648 sections 5 and 4), canonical only: no padding in base64url, no white space, no
 * stray bits in the last character.   Never: allocates. */
#ifndef SO_CRYPTO_BASE64_H
#define SO_CRYPTO_BASE64_H

#include "core/buf.h"
#include "core/str.h"

void so_base64url_put(struct so_buf *out, struct so_str bytes);
/* Largest number of bytes that n characters can hold. */
static inline size_t so_base64_decoded_max(size_t n) { return n / 4 * 3 + 3; }
/* Decodes into out (so_base64_decoded_max(text.n) bytes); false when it is not canonical. */
bool so_base64url_decode(struct so_str text, uint8_t *out, size_t *out_len) SO_MUST_CHECK;
void so_base64_put(struct so_buf *out, struct so_str bytes); /* with padding */
bool so_base64_decode(struct so_str text, uint8_t *out, size_t *out_len) SO_MUST_CHECK;

#endif
