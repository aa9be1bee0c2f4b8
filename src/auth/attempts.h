/* attempts.h: how often a secret of one account may be tried: passwords, one-time codes, recovery codes.
 *
 * Tries are counted in fixed windows, in the database, so that every process counts the same:
 *   - per account and network of the peer: a handful in five minutes, some dozens in a day;
 *   - per account from all networks together, against guessing from many places at once.  This one does not hold networks
 *     from which the owner got in before, so strangers cannot lock the owner out.
 * A window does not grow: every lock ends with it, whatever is tried meanwhile.  An address that nobody has is counted as
 * one that somebody has, and answered alike.  Only the SHA-256 of account and network is kept. */
#ifndef SO_AUTH_ATTEMPTS_H
#define SO_AUTH_ATTEMPTS_H

#include "auth/auth_int.h"

enum so_attempt { SO_ATTEMPT_PASSWORD, SO_ATTEMPT_FACTOR, SO_ATTEMPT_RECOVERY };

struct so_attempt_row {
    enum so_attempt kind;
    bool by_network;
    int64_t max, window; /* tries, seconds */
};
const struct so_attempt_row *so_attempt_row(size_t index); /* NULL after the last */

/* Inside a transaction, which must be committed: counts a try.  `account` is a user's id or an address in lower case.
 * *out_wait: 0 when it may be made, else the seconds until it may. */
int so_attempt_take(struct so_auth_call *call, struct so_conn *conn, enum so_attempt kind, struct so_str account,
                    int64_t *out_wait, struct so_err *err) SO_MUST_CHECK;
/* The same in a transaction of its own: over_request_rate_limit. */
int so_attempt_admit(struct so_auth_call *call, enum so_attempt kind, struct so_str account,
                     struct so_err *err) SO_MUST_CHECK;
/* It was right: what was counted for this network is forgotten. */
int so_attempt_forgive(struct so_auth_call *call, struct so_conn *conn, enum so_attempt kind, struct so_str account,
                       struct so_err *err) SO_MUST_CHECK;

#endif
