/* confirm.h: what a proof of a mailbox does to the account.  Inside a transaction. */
#ifndef SO_AUTH_CONFIRM_H
#define SO_AUTH_CONFIRM_H

#include "auth/codes.h"

/* The address counts as confirmed from now on.  The caller writes the user back. */
int so_confirm_email(struct so_auth_call *call, struct so_conn *conn, struct so_user *user, enum so_code_kind kind,
                     struct so_err *err) SO_MUST_CHECK;

/* One of the mailboxes of a change of address.  *out_done false: the other one is still to confirm. */
int so_confirm_change(struct so_auth_call *call, struct so_conn *conn, struct so_user *user, bool *out_done,
                      struct so_err *err) SO_MUST_CHECK;

#endif
