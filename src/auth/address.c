/* address.c: the special-purpose addresses as two tables. */
#include "auth/address.h"

#include <netinet/in.h>
#include <string.h>

static const struct {
    uint8_t first[4];
    unsigned bits; /* of them that count */
} SPECIAL_4[] = {
    {{0}, 8},             /* this network */
    {{10}, 8},            /* private (RFC 1918) */
    {{100, 64}, 10},      /* shared, of providers (RFC 6598) */
    {{127}, 8},           /* loopback */
    {{169, 254}, 16},     /* link-local, and clouds' metadata (RFC 3927) */
    {{172, 16}, 12},      /* private */
    {{192, 0, 0}, 24},    /* protocol assignments */
    {{192, 0, 2}, 24},    /* documentation (RFC 5737) */
    {{192, 88, 99}, 24},  /* 6to4 relays */
    {{192, 168}, 16},     /* private */
    {{198, 18}, 15},      /* benchmarks (RFC 2544) */
    {{198, 51, 100}, 24}, /* documentation */
    {{203, 0, 113}, 24},  /* documentation */
    {{224}, 4},           /* multicast */
    {{240}, 4},           /* reserved, and broadcast */
};

/* Inside 2000::/3: everything outside it is special. */
static const struct {
    uint8_t first[4];
    unsigned bits;
} SPECIAL_6[] = {
    {{0x20, 0x01}, 23},             /* protocol assignments, Teredo among them */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation (RFC 3849) */
    {{0x20, 0x02}, 16},             /* 6to4: an IPv4 address in disguise */
    {{0x3f, 0xff}, 20},             /* documentation (RFC 9637) */
};

static bool begins_with(const uint8_t *bytes, const uint8_t *first, unsigned bits)
{
    if (memcmp(bytes, first, bits / 8) != 0)
        return false;
    uint8_t mask = (uint8_t)(0xff00 >> bits % 8);
    return bits % 8 == 0 || ((bytes[bits / 8] ^ first[bits / 8]) & mask) == 0;
}

static bool is_public_4(const uint8_t bytes[4])
{
    for (size_t i = 0; i < COUNT_OF(SPECIAL_4); i++)
        if (begins_with(bytes, SPECIAL_4[i].first, SPECIAL_4[i].bits))
            return false;
    return true;
}

static bool is_public_6(const uint8_t bytes[16])
{
    static const uint8_t MAPPED[12] = {[10] = 0xff, [11] = 0xff}; /* ::ffff:0:0/96 */
    static const uint8_t NAT64[12] = {0x00, 0x64, 0xff, 0x9b};    /* 64:ff9b::/96 (RFC 6052) */
    static const uint8_t GLOBAL[1] = {0x20};                      /* 2000::/3 */
    if (begins_with(bytes, MAPPED, 96) || begins_with(bytes, NAT64, 96))
        return is_public_4(bytes + 12);
    if (!begins_with(bytes, GLOBAL, 3))
        return false;
    for (size_t i = 0; i < COUNT_OF(SPECIAL_6); i++)
        if (begins_with(bytes, SPECIAL_6[i].first, SPECIAL_6[i].bits))
            return false;
    return true;
}

bool so_address_is_public(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof(in));
        return is_public_4((const uint8_t *)&in.sin_addr);
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in;
        memcpy(&in, address, sizeof(in));
        return is_public_6((const uint8_t *)&in.sin6_addr);
    }
    return false;
}
