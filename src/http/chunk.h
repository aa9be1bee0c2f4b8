/* chunk.h: the chunked transfer coding, decoded a piece at a time.  Spec: RFC 9112 section 7.1.
 * Never: allocates, blocks, logs.   Not here: the limit on the body's size. */
#ifndef SO_HTTP_CHUNK_H
#define SO_HTTP_CHUNK_H

#include "core/base.h"
#include "core/str.h"

/* Bytes of extensions and trailers in one body: nobody reads them, so nobody needs many. */
enum { SO_CHUNK_EXTRA_MAX = 8192 };

struct so_chunk {
    int state;
    unsigned digits; /* of the size under way */
    uint64_t size;   /* bytes left of the chunk */
    size_t extra;    /* bytes of extensions and trailers so far */
};

enum so_chunk_result {
    SO_CHUNK_MORE, /* all input was used */
    SO_CHUNK_DATA, /* *out_data is the next piece of the body */
    SO_CHUNK_DONE, /* the body is complete; the rest of the input is the next request's */
    SO_CHUNK_BAD   /* malformed, or more than SO_CHUNK_EXTRA_MAX */
};

void so_chunk_init(struct so_chunk *c);
/* Takes from the front of *input.  Call again after SO_CHUNK_DATA.  The data is borrowed from the input. */
enum so_chunk_result so_chunk_next(struct so_chunk *c, struct so_str *input, struct so_str *out_data);

#endif
