/* blob.h: bytes as text in JSON: base64 (RFC 4648 section 4), and the hex form that PostgreSQL writes. */
#ifndef SO_DB_BLOB_H
#define SO_DB_BLOB_H

#include "core/buf.h"

void so_blob_put(struct so_buf *out, struct so_str bytes); /* base64 with padding, no quotes */
/* Reads base64, padded or not, or "\x" and hex digits.  False when it is neither; `out` holds rubbish then. */
bool so_blob_read(struct so_str text, struct so_buf *out);

#endif
