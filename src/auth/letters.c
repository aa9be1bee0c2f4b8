/* letters.c: codes become mails. */
#include "auth/letters.h"

#include "auth/errors.h"
#include "auth/text.h"

/* ---- links ---- */

static bool is_site(struct so_str url, struct so_str site)
{
    while (so_str_ends(site, SO_STR("/")))
        site.n--;
    if (so_str_ends(url, SO_STR("/")))
        url.n--;
    return so_str_eq(url, site);
}

struct so_str so_letter_redirect(struct so_auth_call *call, struct so_str asked)
{
    const struct so_auth_settings *settings = &call->auth->settings;
    struct so_str rest = settings->redirect_urls, one;
    if (asked.n == 0 || is_site(asked, settings->site_url))
        return asked.n == 0 ? settings->site_url : asked;
    while (so_str_split(&rest, ',', &one))
        if (so_str_eq(so_str_trim(one), asked))
            return asked;
    return settings->site_url;
}

int so_letter_link(struct so_auth_call *call, enum so_code_kind kind, struct so_str token, struct so_str *out,
                   struct so_err *err)
{
    struct so_buf url;
    struct so_str asked = so_auth_query(call->in->query, "redirect_to", call->arena);
    so_buf_init(&url, 16 * 1024);
    so_buf_put_str(&url, call->auth->issuer);
    so_buf_printf(&url, "/verify?token=%.*s&type=%s&redirect_to=", SO_STR_ARG(token), so_code_type(kind));
    so_buf_put_url(&url, so_letter_redirect(call, asked.p != NULL ? asked : call->params.redirect_to));
    int rc = so_buf_check(&url, "the link", err);
    if (rc == SO_OK) {
        *out = so_arena_dup(call->arena, so_buf_str(&url));
        rc = out->p == NULL ? so_err_oom(err) : SO_OK;
    }
    so_buf_deinit(&url);
    return rc;
}

/* ---- may it be sent ---- */

int so_letter_admit(struct so_auth_call *call, struct so_str email, struct so_err *err)
{
    if (call->auth->settings.mailer == NULL)
        return so_auth_fail(err, SO_AUTH_NO_MAIL);
    call->retry_after = so_auth_limits_take(&call->auth->limits, SO_AUTH_LIMIT_MAILBOX, email);
    if (call->retry_after > 0)
        return so_auth_fail_with(err, SO_AUTH_MAIL_RATE_LIMIT,
                                 "For security purposes, you can only request this after %lld seconds.",
                                 (long long)call->retry_after);
    return SO_OK;
}

int so_letter_check_challenge(struct so_auth_call *call, struct so_err *err)
{
    struct so_str challenge = call->params.code_challenge, method = call->params.code_challenge_method;
    if (challenge.n == 0 && method.n == 0)
        return SO_OK;
    if (challenge.n < 43) /* RFC 7636 section 4.1; the upper end is in the params' table */
        return so_auth_fail_with(err, SO_AUTH_VALIDATION, "code challenge has to be between 43 and 128 characters");
    if (!so_str_eq_nocase(method, SO_STR("s256")) && !so_str_eq_nocase(method, SO_STR("plain")))
        return so_auth_fail_with(err, SO_AUTH_VALIDATION, "code challenge method must be s256 or plain");
    return SO_OK;
}

/* ---- the letter ---- */

static const enum so_mail_kind TEMPLATES[SO_CODE_KINDS] = {
    [SO_CODE_CONFIRMATION] = SO_MAIL_CONFIRMATION,
    [SO_CODE_INVITE] = SO_MAIL_INVITE,
    [SO_CODE_MAGIC_LINK] = SO_MAIL_MAGIC_LINK,
    [SO_CODE_RECOVERY] = SO_MAIL_RECOVERY,
    [SO_CODE_CHANGE_CURRENT] = SO_MAIL_EMAIL_CHANGE,
    [SO_CODE_CHANGE_NEW] = SO_MAIL_EMAIL_CHANGE,
    [SO_CODE_REAUTHENTICATION] = SO_MAIL_REAUTHENTICATION,
};

int so_letter_write(struct so_auth_call *call, struct so_conn *conn, enum so_code_kind kind, const struct so_user *user,
                    struct so_str to, struct so_err *err)
{
    struct so_code_issued code;
    struct so_mail mail = {.to = to};
    struct so_mail_facts facts = {
        .site_url = call->auth->settings.site_url, .email = user->email, .new_email = user->email_change};
    if (call->mail_count == COUNT_OF(call->mails))
        return so_fail(err, SO_ELIMIT, "a request sends %zu mails at most", COUNT_OF(call->mails));
    facts.redirect_to = so_letter_redirect(call, so_auth_query(call->in->query, "redirect_to", call->arena));
    int rc = so_code_issue(call, conn, kind, user->id, to, &code, err);
    if (rc == SO_OK)
        rc = so_letter_link(call, kind, code.token, &facts.confirmation_url, err);
    if (rc != SO_OK)
        return rc;
    facts.token = code.digits;
    facts.token_hash = code.token;
    rc = so_mail_fill(&call->auth->templates.of[TEMPLATES[kind]], &facts, call->arena, &mail, err);
    if (rc == SO_OK)
        call->mails[call->mail_count++] = mail;
    return rc;
}

int so_letters_post(struct so_auth_call *call, struct so_err *err)
{
    struct so_mailer *mailer = call->auth->settings.mailer;
    int rc = SO_OK;
    for (size_t i = 0; rc == SO_OK && i < call->mail_count; i++)
        rc = mailer->post(mailer, &call->mails[i], err);
    return rc;
}
