/* format.h: the values of "format".   Threads: any.   Never: allocates, but for internationalised names and "regex". */
#ifndef SO_SCHEMA_FORMAT_H
#define SO_SCHEMA_FORMAT_H

#include "schema/schema.h"

struct so_format {
    const char *name;
    bool (*check)(struct so_str text);
    const char *what; /* for people: "an e-mail address" */
};

/* NULL for a format that nobody here knows: such a one never fails. */
const struct so_format *so_format_find(struct so_str name, enum so_draft draft);

/* Each says whether the text has the format. RFCs in the files named. */
bool so_format_date(struct so_str s); /* format_time.c */
bool so_format_time(struct so_str s);
bool so_format_date_time(struct so_str s);
bool so_format_duration(struct so_str s);
bool so_format_ipv4(struct so_str s); /* format_net.c */
bool so_format_ipv6(struct so_str s);
bool so_format_hostname(struct so_str s);
bool so_format_plain_hostname(struct so_str s);
bool so_format_email(struct so_str s);
bool so_format_idn_hostname(struct so_str s); /* format_idn.c */
bool so_format_idn_email(struct so_str s);
bool so_format_uri(struct so_str s); /* format_uri.c */
bool so_format_uri_reference(struct so_str s);
bool so_format_iri(struct so_str s);
bool so_format_iri_reference(struct so_str s);
bool so_format_uri_template(struct so_str s);
bool so_format_json_pointer(struct so_str s); /* format.c */
bool so_format_relative_json_pointer(struct so_str s);
bool so_format_uuid(struct so_str s);
bool so_format_regex(struct so_str s);

#endif
