/* metaschema.h: the metaschemas of every draft, built in.   Threads: any. */
#ifndef SO_SCHEMA_METASCHEMA_H
#define SO_SCHEMA_METASCHEMA_H

#include "schema/schema.h"

/* The text of the metaschema (or of one of its vocabularies) with this URI, without fragment; NULL when it is none. */
const char *so_metaschema_find(struct so_str uri);
/* The draft whose metaschema has this URI ("http" and "https", with and without "#" are all taken); 0 when it is none. */
enum so_draft so_metaschema_draft(struct so_str uri);
/* "4", "6", "7", "2019-09", "2020-12", also with "draft" or "draft-" before them; 0 for anything else. */
enum so_draft so_draft_from_name(struct so_str name);
const char *so_draft_name(enum so_draft draft);
/* The URI of its metaschema. */
const char *so_draft_uri(enum so_draft draft);

#endif
