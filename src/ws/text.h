/* text.h: is a text message UTF-8?  Asked a piece at a time, so that a wrong one is refused at its first wrong byte, before
 * the rest arrives (RFC 6455 section 8.1).   Never: allocates. */
#ifndef SO_WS_TEXT_H
#define SO_WS_TEXT_H

#include "core/base.h"
#include "core/str.h"

/* The character that the last piece left unfinished.  Zeroed: none. */
struct so_ws_text {
    uint8_t missing;   /* continuation bytes still to come */
    uint8_t low, high; /* what the next one may be */
};

/* False when `piece`, after what came before, cannot be UTF-8 whatever follows. */
bool so_ws_text_feed(struct so_ws_text *text, struct so_str piece) SO_MUST_CHECK;
/* Does the text end at a character's end? */
static inline bool so_ws_text_is_whole(const struct so_ws_text *text) { return text->missing == 0; }

#endif
