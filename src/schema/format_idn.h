/* format_idn.h: what ASCII and internationalised host names share. */
#ifndef SO_SCHEMA_FORMAT_IDN_H
#define SO_SCHEMA_FORMAT_IDN_H

#include "core/str.h"

/* format_net.c: letters, digits, hyphens; an A-label must be one. */
bool so_is_ldh_label(struct so_str label);
/* format_idn.c: "xn--..." that decodes to a valid U-label. */
bool so_is_a_label(struct so_str label);

#endif
