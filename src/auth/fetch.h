/* fetch.h: a question to another server over HTTP: what an identity provider knows about a sign-in, and whose keys it has.
 *
 *   flow -> struct so_fetch -> struct so_fetcher:  fetch.c (libcurl), a test's own -> struct so_fetched
 *
 * Never on an event loop: it waits for a network. */
#ifndef SO_AUTH_FETCH_H
#define SO_AUTH_FETCH_H

#include "core/arena.h"
#include "core/err.h"

enum { SO_FETCH_MAX = 512 * 1024 }; /* bytes of an answer */

/* Absent texts are {NULL,0}. */
struct so_fetch {
    struct so_str url;
    struct so_str form;          /* POSTed as application/x-www-form-urlencoded; absent: GET */
    struct so_str authorization; /* the header's value */
};

struct so_fetched {
    int status;         /* 3xx too: nothing is followed */
    struct so_str body; /* in the arena, NUL-terminated */
};

/* The interface.  SO_EDENIED: a URL or an address that may not be called; SO_ELIMIT: the answer is too large; SO_ETIMEOUT;
 * SO_EBUSY: too many calls are under way; SO_EIO: no connection, or no trust in the certificate.  err never holds a secret
 * of the request.   Threads: any. */
struct so_fetcher {
    int (*fetch)(struct so_fetcher *fetcher, const struct so_fetch *what, struct so_arena *arena, struct so_fetched *out,
                 struct so_err *err);
};

/* An answer of status 200, parsed.  SO_EIO when it is another status or no JSON object. */
struct so_json;
int so_fetch_json(struct so_fetcher *fetcher, const struct so_fetch *what, struct so_arena *arena, struct so_json *out,
                  struct so_err *err) SO_MUST_CHECK;

struct so_fetcher_settings {
    /* Addresses of this machine and of private networks may be called, and those without TLS.  Otherwise every address
     * that a name stands for is looked at when the connection is made, so a name cannot change its mind in between. */
    bool private_allowed;
    const char *ca_file;     /* PEM; certificates that are trusted besides the system's; NULL: none */
    unsigned concurrent_max; /* calls at a time; 0: one */
};
/* Loads libcurl.  Settings are copied. */
int so_fetcher_open(const struct so_fetcher_settings *settings, struct so_fetcher **out, struct so_err *err) SO_MUST_CHECK;
void so_fetcher_close(struct so_fetcher *fetcher); /* NULL is fine; nobody may be fetching any more */

#endif
