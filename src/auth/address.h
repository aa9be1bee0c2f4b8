/* address.h: which addresses belong to strangers on the internet, and which to this machine or its own network.
 * Never: blocks, allocates. */
#ifndef SO_AUTH_ADDRESS_H
#define SO_AUTH_ADDRESS_H

#include <sys/socket.h>

#include "core/base.h"

/* False for loopback, private, link-local, shared, multicast, documentation and reserved addresses (the IANA registries of
 * special-purpose addresses, RFC 6890), for IPv6 forms that hold such an IPv4 address, and for any other family. */
bool so_address_is_public(const struct sockaddr *address);

#endif
