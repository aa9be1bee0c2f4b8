/* mail.h: what goes to a mailbox, and who takes it there.
 *
 *   flow -> mail_templates.c -> struct so_mail -> struct so_mailer:  smtp.c (production), catcher.c (development), a test's
 * own
 */
#ifndef SO_AUTH_MAIL_H
#define SO_AUTH_MAIL_H

#include "core/buf.h"
#include "core/err.h"

struct so_mail {
    struct so_str to;         /* one address, checked (auth/text.h) */
    struct so_str subject;    /* one line of UTF-8 */
    struct so_str text, html; /* the same twice, UTF-8 */
};

/* The interface.  post() copies what it keeps and never waits for a network: the time it takes must not tell whether
 * anything was sent.  SO_EBUSY when too much is waiting.   Threads: any. */
struct so_mailer {
    int (*post)(struct so_mailer *mailer, const struct so_mail *mail, struct so_err *err);
};

/* "Name <address>" or "address", as SOCLE_MAIL_FROM has it; both borrow from `text`.  False when it is neither. */
bool so_mail_sender(struct so_str text, struct so_str *out_name, struct so_str *out_address) SO_MUST_CHECK;

/* The message of RFC 5322 with both parts as multipart/alternative (RFC 2046), lines ended by CR LF. */
int so_mail_format(const struct so_mail *mail, struct so_str from, int64_t now, struct so_buf *out,
                   struct so_err *err) SO_MUST_CHECK;

/* ---- SMTP (smtp.c) ---- */

struct so_smtp_settings {
    const char *url;             /* smtp://HOST:PORT (STARTTLS, unless HOST is this machine) or smtps://HOST:PORT */
    const char *user, *password; /* NULL: no authentication */
    const char *from;            /* "Name <address>" or "address" */
    const char *ca_file;         /* PEM; authorities that are trusted besides the system's; NULL: none */
    /* Told, on the sending thread, of a mail that was given up.  err says why, never to whom.  May be NULL. */
    void (*failed)(void *arg, const struct so_err *err);
    void *arg;
};
/* Starts the sending thread: one mail after the other, each with a time limit and a second try.  Settings are copied. */
int so_smtp_open(const struct so_smtp_settings *settings, struct so_mailer **out, struct so_err *err) SO_MUST_CHECK;
/* Sends what waits for some seconds more, then gives up the rest.  NULL is fine. */
void so_smtp_close(struct so_mailer *mailer);

/* ---- the catcher of development (catcher.c) ---- */

/* Keeps the last mails in memory and sends nothing. */
int so_catcher_open(struct so_mailer **out, struct so_err *err) SO_MUST_CHECK;
void so_catcher_close(struct so_mailer *mailer);                        /* NULL is fine */
void so_catcher_put_json(struct so_mailer *mailer, struct so_buf *out); /* [{at, to, subject, text, html}], newest first */
void so_catcher_put_html(struct so_mailer *mailer, struct so_buf *out); /* a page without scripts */

/* `s` with & < > " ' escaped for HTML text and attributes. */
void so_html_put(struct so_buf *out, struct so_str s);

#endif
