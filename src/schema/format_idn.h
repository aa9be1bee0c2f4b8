/* format_idn.h: what ASCII and internationalised host names share. */
#ifndef SO_SCHEMA_FORMAT_IDN_H
#define SO_SCHEMA_FORMAT_IDN_H

#include "core/str.h"

/* format_net.c: letters, digits, hyphens; the other: and "xn--" or any "??--" only as a valid A-label. */
bool so_is_ldh_label(struct so_str label);
bool so_is_host_label(struct so_str label);
/* format_idn.c: "xn--..." that decodes to a valid U-label. */
bool so_is_a_label(struct so_str label);
/* The same as the format idn-hostname, but it need not be normalised (RFC 6531 section 3.7.1 leaves that to the look-up). */
bool so_is_idn_domain(struct so_str domain);

#endif
