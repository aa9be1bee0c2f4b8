/* letters.h: a code on its way to a mailbox: where its link leads, which mail it stands in, how often one mailbox gets one.
 */
#ifndef SO_AUTH_LETTERS_H
#define SO_AUTH_LETTERS_H

#include "auth/codes.h"

/* Where a flow ends: what the request asked for when the allow-list has exactly that, else the site's URL. */
struct so_str so_letter_redirect(struct so_auth_call *call, struct so_str asked);

/* For endpoints that send mail, before anything depends on whether the account exists: email_provider_disabled without a
 * mailer; over_email_send_rate_limit when this address got one a moment ago (or would have got one). */
int so_letter_admit(struct so_auth_call *call, struct so_str email, struct so_err *err) SO_MUST_CHECK;

/* code_challenge and its method: both or none; s256 or plain. */
int so_letter_check_challenge(struct so_auth_call *call, struct so_err *err) SO_MUST_CHECK;

/* PUBLIC_URL/auth/v1/verify?token=...&type=...&redirect_to=... */
int so_letter_link(struct so_auth_call *call, enum so_code_kind kind, struct so_str token, struct so_str *out,
                   struct so_err *err) SO_MUST_CHECK;

/* Issues a code and writes the letter; the transaction's caller posts it with so_letters_post() after the commit. */
int so_letter_write(struct so_auth_call *call, struct so_conn *conn, enum so_code_kind kind, const struct so_user *user,
                    struct so_str to, struct so_err *err) SO_MUST_CHECK;
int so_letters_post(struct so_auth_call *call, struct so_err *err) SO_MUST_CHECK;

/* The letters of a change of address to user->email_change, to both mailboxes where there are two; writes the user back
 * (auth/confirm.c). */
int so_email_change_send(struct so_auth_call *call, struct so_conn *conn, struct so_user *user,
                         struct so_err *err) SO_MUST_CHECK;

#endif
