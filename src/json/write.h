/* write.h: JSON straight into a buffer.  Failures latch in the buffer (core/buf.h).
 * Text given to the writer must be UTF-8; ill-formed bytes are written as U+FFFD, so the output is always valid JSON. */
#ifndef SO_JSON_WRITE_H
#define SO_JSON_WRITE_H

#include "core/buf.h"
#include "json/json.h"

/* One value each. */
void so_json_put(struct so_buf *b, const struct so_json *v);        /* compact; numbers keep their source text */
void so_json_put_pretty(struct so_buf *b, const struct so_json *v); /* two spaces a level, a newline at the end */
void so_json_put_str(struct so_buf *b, struct so_str s);            /* quoted, escaped; '/' and non-ASCII as they are */
void so_json_put_i64(struct so_buf *b, int64_t value);
void so_json_put_double(struct so_buf *b, double value); /* shortest text that reads back the same; null if not finite */
void so_json_put_bool(struct so_buf *b, bool value);

/* A writer that places commas: so_jw_init(); begin/end/key/value in any order that makes sense. */
enum { SO_JW_DEPTH_MAX = 64 };
struct so_jw {
    struct so_buf *buf;
    uint64_t has_items; /* a bit a level: a comma comes before the next item */
    unsigned depth;
    bool after_key;
};
void so_jw_init(struct so_jw *w, struct so_buf *buf);
void so_jw_object(struct so_jw *w); /* { */
void so_jw_array(struct so_jw *w);  /* [ */
void so_jw_end_object(struct so_jw *w);
void so_jw_end_array(struct so_jw *w);
void so_jw_key(struct so_jw *w, struct so_str key);
void so_jw_str(struct so_jw *w, struct so_str value);
void so_jw_cstr(struct so_jw *w, const char *value); /* NULL writes null */
void so_jw_i64(struct so_jw *w, int64_t value);
void so_jw_double(struct so_jw *w, double value);
void so_jw_bool(struct so_jw *w, bool value);
void so_jw_null(struct so_jw *w);
void so_jw_json(struct so_jw *w, const struct so_json *value);
void so_jw_raw(struct so_jw *w, struct so_str json); /* one value, already JSON */

/* key and value in one call, for the common case */
void so_jw_member_str(struct so_jw *w, const char *key, struct so_str value);
void so_jw_member_cstr(struct so_jw *w, const char *key, const char *value);
void so_jw_member_i64(struct so_jw *w, const char *key, int64_t value);
void so_jw_member_bool(struct so_jw *w, const char *key, bool value);

#endif
