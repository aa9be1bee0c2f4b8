/* jsontext.h: is this text JSON?   Never: allocates. */
#ifndef SO_DB_JSONTEXT_H
#define SO_DB_JSONTEXT_H

#include "core/str.h"

/* One value with white space around it (RFC 8259), UTF-8 and nesting up to 64 levels included. */
bool so_json_text_valid(struct so_str text);
/* One number, nothing around it. */
bool so_json_text_is_number(struct so_str text);

#endif
