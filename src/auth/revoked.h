/* revoked.h: ids of sessions and users whose access tokens are refused although they have not expired: after a sign-out, a
 * ban, a deletion.  A copy of the table auth_revocations, so that the check costs no query.
 * Owns: its table.   Threads: any.   Limits: SO_AUTH_REVOKED_MAX ids. */
#ifndef SO_AUTH_REVOKED_H
#define SO_AUTH_REVOKED_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/arena.h"
#include "core/err.h"
#include "db/db.h"

enum { SO_AUTH_REVOKED_MAX = 1 << 20 };

struct so_auth_revoked_slot {
    uint8_t id[16];
    int64_t expires; /* seconds since 1970; 0: free */
};

struct so_auth_revoked {
    pthread_rwlock_t lock;
    struct so_auth_revoked_slot *slots;
    size_t cap, count;        /* cap is 0 or a power of two */
    size_t reserved;          /* room promised to batches that are not added yet */
    int64_t seen;             /* the highest number read from the table */
    _Atomic size_t alive;     /* count, read without the lock: most servers hold none */
    _Atomic uint64_t version; /* grows after ids have been added: who remembers it need not ask for each of his tokens */
};

int so_auth_revoked_init(struct so_auth_revoked *set, struct so_err *err) SO_MUST_CHECK;
void so_auth_revoked_deinit(struct so_auth_revoked *set); /* a zeroed set is fine */
/* Reads what is new in the table since the last call: at the start all of it, later what other processes wrote.  For one
 * thread; the others may use the set meanwhile. */
int so_auth_revoked_look(struct so_auth_revoked *set, struct so_conn *conn, struct so_err *err) SO_MUST_CHECK;

/* What one transaction ends.  Room is reserved inside it, so that nothing can fail between its commit and the moment when
 * the tokens are refused. */
struct so_auth_revoked_batch {
    struct so_auth_revoked_slot *items; /* in the arena */
    size_t count, cap;
};
/* Reserves and notes one id (an uuid's text; others are left out: no session or user of ours has them). */
int so_auth_revoked_batch_put(struct so_auth_revoked *set, struct so_auth_revoked_batch *batch, struct so_arena *arena,
                              struct so_str id, int64_t expires, struct so_err *err) SO_MUST_CHECK;
/* After the commit: every id is in the set, with the later expiry if it was there already. */
void so_auth_revoked_batch_add(struct so_auth_revoked *set, struct so_auth_revoked_batch *batch);
/* After a failure. */
void so_auth_revoked_batch_drop(struct so_auth_revoked *set, struct so_auth_revoked_batch *batch);

/* For a ban that was lifted. */
void so_auth_revoked_remove(struct so_auth_revoked *set, struct so_str id);
/* Whether one of the two is refused at `now`.  They are uuids' texts; anything else is not in the set. */
bool so_auth_revoked_has(struct so_auth_revoked *set, struct so_str session, struct so_str user, int64_t now);

#endif
