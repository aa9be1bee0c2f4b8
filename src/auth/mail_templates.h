/* mail_templates.h: what each mail says.  DIR/mail/NAME.txt and NAME.html take the place of the built-in ones; the text
 * begins with the line "Subject: ...".  Placeholders are those of Supabase's templates: {{ .ConfirmationURL }}, {{ .Token
 * }}, ... Borrows: the arena it was loaded into.   Threads: any, once loaded. */
#ifndef SO_AUTH_MAIL_TEMPLATES_H
#define SO_AUTH_MAIL_TEMPLATES_H

#include "auth/mail.h"
#include "core/arena.h"

enum so_mail_kind {
    SO_MAIL_CONFIRMATION,
    SO_MAIL_INVITE,
    SO_MAIL_MAGIC_LINK,
    SO_MAIL_RECOVERY,
    SO_MAIL_EMAIL_CHANGE,
    SO_MAIL_REAUTHENTICATION,
    SO_MAIL_KINDS
};
const char *so_mail_kind_name(enum so_mail_kind kind); /* "magic_link", of the files too */

struct so_mail_template {
    struct so_str subject, text, html;
};
struct so_mail_templates {
    struct so_mail_template of[SO_MAIL_KINDS];
};

/* folder: DIR/mail, which need not be there; NULL: the built-in ones.  SO_EINVAL: a file without subject, or with a
 * placeholder that does not exist; err names it. */
int so_mail_templates_load(const char *folder, struct so_arena *arena, struct so_mail_templates *out,
                           struct so_err *err) SO_MUST_CHECK;

/* What placeholders stand for; texts that do not apply are empty. */
struct so_mail_facts {
    struct so_str confirmation_url, token, token_hash, site_url, redirect_to, email, new_email;
};
/* out->to is left to the caller; the texts are in the arena. */
int so_mail_fill(const struct so_mail_template *model, const struct so_mail_facts *facts, struct so_arena *arena,
                 struct so_mail *out, struct so_err *err) SO_MUST_CHECK;

#endif
