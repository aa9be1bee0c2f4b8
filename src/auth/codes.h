/* codes.h: what is sent to a mailbox: six digits to type in, and a token for a link.  Good once, for an hour; five wrong
 * guesses end the digits.  A new one of the same kind takes the place of the one before.
 * All of it runs inside a transaction of the writer. */
#ifndef SO_AUTH_CODES_H
#define SO_AUTH_CODES_H

#include "auth/auth_int.h"

enum so_code_kind {
    SO_CODE_CONFIRMATION,
    SO_CODE_INVITE,
    SO_CODE_MAGIC_LINK,
    SO_CODE_RECOVERY,
    SO_CODE_CHANGE_CURRENT, /* of an address: to the mailbox of now */
    SO_CODE_CHANGE_NEW,     /* to the new one */
    SO_CODE_REAUTHENTICATION,
    SO_CODE_KINDS
};

/* What `type` of a verification stands for: a set of kinds, 1 << kind each; 0: there is no such type. */
unsigned so_code_kinds_of_type(struct so_str type);
/* And back, for links. */
const char *so_code_type(enum so_code_kind kind);

struct so_code_found {
    enum so_code_kind kind;
    struct so_str token_hash, user_id, email;
    struct so_str code_challenge, code_challenge_method; /* {NULL,0}: not in the PKCE flow */
};

struct so_code_issued {
    struct so_str digits;
    struct so_str token; /* of the link; begins with pkce_ in the PKCE flow */
};
/* The challenge, if there is one, is that of the call's params. */
int so_code_issue(struct so_auth_call *call, struct so_conn *conn, enum so_code_kind kind, struct so_str user_id,
                  struct so_str email, struct so_code_issued *out, struct so_err *err) SO_MUST_CHECK;

/* *out_found false: wrong, old or spent.  A wrong guess is counted, so the transaction must be committed all the same. */
int so_code_find_by_token(struct so_auth_call *call, struct so_conn *conn, struct so_str token, unsigned kinds,
                          struct so_code_found *out, bool *out_found, struct so_err *err) SO_MUST_CHECK;
int so_code_find_by_digits(struct so_auth_call *call, struct so_conn *conn, struct so_str email, struct so_str digits,
                           unsigned kinds, struct so_code_found *out, bool *out_found, struct so_err *err) SO_MUST_CHECK;
int so_code_spend(struct so_conn *conn, const struct so_code_found *code, struct so_err *err) SO_MUST_CHECK;

#endif
