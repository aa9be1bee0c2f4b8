/* mail_templates.c: the built-in mails, the files that replace them, and filling them in. */
#include "auth/mail_templates.h"

#include <stdio.h>

#include "core/fs.h"

enum { TEMPLATE_MAX = 256 * 1024 };

/* Code and link in one mail: a mail scanner may open the link (which does nothing: auth/verify.c), a person may type the
 * code on another device. */
static const struct {
    const char *name, *subject, *sentence, *button; /* button NULL: there is no link */
} BUILT_IN[SO_MAIL_KINDS] = {
    [SO_MAIL_CONFIRMATION] = {"confirmation", "Confirm your address",
                              "Confirm {{ .Email }} to finish signing up:", "Confirm your address"},
    [SO_MAIL_INVITE] = {"invite", "You have been invited",
                        "You have been invited to {{ .SiteURL }}.  To accept:", "Accept the invitation"},
    [SO_MAIL_MAGIC_LINK] = {"magic_link", "Your sign-in link", "To sign in:", "Sign in"},
    [SO_MAIL_RECOVERY] = {"recovery", "Reset your password", "To choose a new password:", "Reset the password"},
    [SO_MAIL_EMAIL_CHANGE] = {"email_change", "Confirm the change of your address",
                              "Confirm that your address changes from {{ .Email }} to {{ .NewEmail }}:",
                              "Confirm the change"},
    [SO_MAIL_REAUTHENTICATION] = {"reauthentication", "Your confirmation code",
                                  "To confirm that it is you, enter this code:", NULL},
};

const char *so_mail_kind_name(enum so_mail_kind kind) { return BUILT_IN[kind].name; }

static const struct {
    const char *name;
    size_t at; /* in struct so_mail_facts */
} PLACEHOLDERS[] = {
    {".ConfirmationURL", offsetof(struct so_mail_facts, confirmation_url)},
    {".Token", offsetof(struct so_mail_facts, token)},
    {".TokenHash", offsetof(struct so_mail_facts, token_hash)},
    {".SiteURL", offsetof(struct so_mail_facts, site_url)},
    {".RedirectTo", offsetof(struct so_mail_facts, redirect_to)},
    {".Email", offsetof(struct so_mail_facts, email)},
    {".NewEmail", offsetof(struct so_mail_facts, new_email)},
};

/* ---- filling in ---- */

/* Copies `model` with its placeholders replaced; with `facts` NULL it only checks them.  SO_EINVAL: one does not exist. */
static int fill(struct so_str model, const struct so_mail_facts *facts, bool html, struct so_buf *out, struct so_err *err)
{
    for (size_t at = 0; at < model.n;) {
        struct so_str rest = so_str_slice(model, at, model.n);
        size_t open = so_str_find(rest, SO_STR("{{"));
        so_buf_put_str(out, so_str_slice(rest, 0, open));
        if (open == SO_STR_NONE)
            break;
        rest = so_str_slice(rest, open + 2, rest.n);
        size_t close = so_str_find(rest, SO_STR("}}")), i = 0;
        struct so_str name = so_str_trim(so_str_slice(rest, 0, close));
        while (i < COUNT_OF(PLACEHOLDERS) && !so_str_eq_c(name, PLACEHOLDERS[i].name))
            i++;
        if (close == SO_STR_NONE || i == COUNT_OF(PLACEHOLDERS))
            return so_fail(err, SO_EINVAL, "there is no placeholder {{ %.*s }}", (int)so_min_size(name.n, 40), name.p);
        at = (size_t)(rest.p - model.p) + close + 2;
        if (facts == NULL)
            continue;
        struct so_str value = *(const struct so_str *)(const void *)((const char *)facts + PLACEHOLDERS[i].at);
        if (html)
            so_html_put(out, value);
        else
            so_buf_put_str(out, value);
    }
    return so_buf_check(out, "a mail", err);
}

static int fill_dup(struct so_str model, const struct so_mail_facts *facts, bool html, struct so_arena *arena,
                    struct so_str *out, struct so_err *err)
{
    struct so_buf text;
    so_buf_init(&text, 2 * TEMPLATE_MAX);
    int rc = fill(model, facts, html, &text, err);
    if (rc == SO_OK) {
        *out = so_arena_dup(arena, so_buf_str(&text));
        rc = out->p == NULL ? so_err_oom(err) : SO_OK;
    }
    so_buf_deinit(&text);
    return rc;
}

int so_mail_fill(const struct so_mail_template *model, const struct so_mail_facts *facts, struct so_arena *arena,
                 struct so_mail *out, struct so_err *err)
{
    int rc = fill_dup(model->subject, facts, false, arena, &out->subject, err);
    if (rc == SO_OK)
        rc = fill_dup(model->text, facts, false, arena, &out->text, err);
    return rc == SO_OK ? fill_dup(model->html, facts, true, arena, &out->html, err) : rc;
}

/* ---- the built-in ones ---- */

static int build(enum so_mail_kind kind, struct so_arena *arena, struct so_mail_template *out, struct so_err *err)
{
    const char *sentence = BUILT_IN[kind].sentence, *button = BUILT_IN[kind].button;
    out->subject = so_str_c(BUILT_IN[kind].subject);
    if (button == NULL) {
        out->text = so_arena_printf(arena, "%s\n\n{{ .Token }}\n\nIf this was not you, change your password.\n", sentence);
        out->html = so_arena_printf(arena,
                                    "<p>%s</p>\n<p style=\"font-size:1.5em\"><b>{{ .Token }}</b></p>\n"
                                    "<p>If this was not you, change your password.</p>\n",
                                    sentence);
    } else {
        out->text = so_arena_printf(arena,
                                    "%s\n\n{{ .ConfirmationURL }}\n\nor enter this code: {{ .Token }}\n\n"
                                    "Both are good once, for an hour.  If you did not ask for this, do nothing.\n",
                                    sentence);
        out->html = so_arena_printf(arena,
                                    "<p>%s</p>\n<p><a href=\"{{ .ConfirmationURL }}\">%s</a></p>\n"
                                    "<p>or enter this code: <b>{{ .Token }}</b></p>\n"
                                    "<p>Both are good once, for an hour.  If you did not ask for this, do nothing.</p>\n",
                                    sentence, button);
    }
    return out->text.p == NULL || out->html.p == NULL ? so_err_oom(err) : SO_OK;
}

/* ---- files ---- */

/* *out->p == NULL: there is no such file. */
static int read_file(const char *folder, const char *name, const char *suffix, struct so_arena *arena, struct so_str *out,
                     struct so_err *err)
{
    struct so_buf text;
    *out = (struct so_str){NULL, 0};
    struct so_str path = so_arena_printf(arena, "%s/%s.%s", folder, name, suffix);
    if (path.p == NULL)
        return so_err_oom(err);
    if (!so_fs_exists(path.p))
        return SO_OK;
    so_buf_init(&text, TEMPLATE_MAX);
    int rc = so_fs_read(path.p, &text, err);
    if (rc == SO_OK) {
        *out = so_arena_dup(arena, so_buf_str(&text));
        rc = out->p == NULL ? so_err_oom(err) : SO_OK;
    }
    so_buf_deinit(&text);
    return rc;
}

static int take_subject(struct so_str file, struct so_mail_template *out, struct so_err *err)
{
    struct so_str line, prefix = SO_STR("Subject:");
    if (!so_str_split(&file, '\n', &line) || !so_str_starts(line, prefix))
        return so_fail(err, SO_EINVAL, "the first line must be \"Subject: ...\"");
    if (so_str_ends(line, SO_STR("\r")))
        line.n--;
    while (file.p != NULL && (so_str_starts(file, SO_STR("\n")) || so_str_starts(file, SO_STR("\r"))))
        file = so_str_slice(file, 1, file.n);
    out->subject = so_str_trim(so_str_slice(line, prefix.n, line.n));
    out->text = file.p == NULL ? SO_STR("") : file;
    return SO_OK;
}

static int check(struct so_str model, struct so_err *err)
{
    struct so_buf text;
    so_buf_init(&text, TEMPLATE_MAX);
    int rc = fill(model, NULL, false, &text, err);
    so_buf_deinit(&text);
    return rc;
}

static int override(const char *folder, enum so_mail_kind kind, struct so_arena *arena, struct so_mail_template *out,
                    struct so_err *err)
{
    const char *name = BUILT_IN[kind].name;
    struct so_str text, html;
    struct so_err own = SO_ERR_INIT;
    int rc = read_file(folder, name, "txt", arena, &text, err);
    if (rc == SO_OK)
        rc = read_file(folder, name, "html", arena, &html, err);
    if (rc != SO_OK)
        return rc;
    if (text.p != NULL)
        rc = take_subject(text, out, &own);
    if (html.p != NULL)
        out->html = html;
    if (rc == SO_OK)
        rc = check(out->subject, &own);
    if (rc == SO_OK)
        rc = check(out->text, &own);
    if (rc != SO_OK)
        return so_fail(err, rc, "%s/%s.txt: %s", folder, name, own.message);
    rc = check(out->html, &own);
    return rc == SO_OK ? SO_OK : so_fail(err, rc, "%s/%s.html: %s", folder, name, own.message);
}

int so_mail_templates_load(const char *folder, struct so_arena *arena, struct so_mail_templates *out, struct so_err *err)
{
    struct so_mail_templates templates;
    int rc = SO_OK;
    for (size_t i = 0; rc == SO_OK && i < SO_MAIL_KINDS; i++) {
        rc = build((enum so_mail_kind)i, arena, &templates.of[i], err);
        if (rc == SO_OK && folder != NULL)
            rc = override(folder, (enum so_mail_kind)i, arena, &templates.of[i], err);
    }
    if (rc == SO_OK)
        *out = templates;
    return rc;
}
