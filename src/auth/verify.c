/* verify.c: GET and POST /verify: a code or a link becomes a session.
 *
 *   {token, email, type}, {token_hash, type} --POST--> session
 *   link of a mail --GET--> a page with a button --POST--> 303 to the app, with the session in the fragment or ?code= (PKCE)
 *
 * A GET changes nothing: mail scanners and previews open every link, and must sign nobody in or out. */
#include <stdio.h>

#include "auth/confirm.h"
#include "auth/endpoints.h"
#include "auth/errors.h"
#include "auth/letters.h"
#include "auth/pkce.h"
#include "auth/reply.h"
#include "auth/text.h"
#include "auth/tokens.h"
#include "jose/jwt.h"

static const char CHANGE_HALF_DONE[] = "Confirmation link accepted. Please proceed to confirm link sent to the other email";

struct verification {
    struct so_auth_call *call;
    struct so_str token; /* of a link; p == NULL: digits and address */
    struct so_str email, digits;
    unsigned kinds;
    bool by_link; /* the answer is a redirect */

    /* results */
    struct so_grant grant;
    struct so_str auth_code; /* in the PKCE flow, instead of a session */
    bool is_valid, is_done;  /* is_done false: half of a change of address */
};

/* ---- in the transaction ---- */

static int apply(struct verification *v, struct so_conn *conn, const struct so_code_found *code, struct so_err *err)
{
    struct so_auth_call *call = v->call;
    struct so_user *user = &v->grant.user;
    bool is_change = code->kind == SO_CODE_CHANGE_CURRENT || code->kind == SO_CODE_CHANGE_NEW;
    v->is_done = true;
    int rc = is_change ? so_confirm_change(call, conn, user, &v->is_done, err)
                       : so_confirm_email(call, conn, user, code->kind, err);
    if (rc != SO_OK || !v->is_done)
        return rc;
    const char *method = code->kind == SO_CODE_INVITE ? "invite" : "otp";
    if (!v->by_link || code->code_challenge.p == NULL)
        return so_session_begin(call, conn, method, &v->grant, err);
    rc = so_user_update(call, conn, user, err);
    return rc == SO_OK ? so_pkce_begin(call, conn, code, method, &v->auth_code, err) : rc;
}

/* SO_OK with is_valid false: refused, and the guess was counted. */
static int run(void *arg, struct so_conn *conn, struct so_err *err)
{
    struct verification *v = arg;
    struct so_auth_call *call = v->call;
    struct so_code_found code = {0};
    bool found = false;
    int rc = v->token.p != NULL
                 ? so_code_find_by_token(call, conn, v->token, v->kinds, &code, &v->is_valid, err)
                 : so_code_find_by_digits(call, conn, v->email, v->digits, v->kinds, &code, &v->is_valid, err);
    if (rc != SO_OK || !v->is_valid)
        return rc;
    rc = so_code_spend(conn, &code, err);
    if (rc == SO_OK)
        rc = so_user_find(conn, SO_USER_BY_ID, code.user_id, call->arena, &v->grant.user, &found, err);
    if (rc != SO_OK)
        return rc;
    v->is_valid = found && v->grant.user.deleted_at.p == NULL;
    if (!v->is_valid)
        return SO_OK;
    if (so_user_is_banned(&v->grant.user, call->now))
        return so_auth_fail(err, SO_AUTH_USER_BANNED);
    return apply(v, conn, &code, err);
}

static int verify(struct verification *v, struct so_err *err)
{
    if (v->kinds == 0)
        return so_auth_fail_with(err, SO_AUTH_VALIDATION, "Verify requires a verification type");
    int rc = so_auth_write(v->call, run, v, err);
    return rc == SO_OK && !v->is_valid ? so_auth_fail(err, SO_AUTH_OTP_EXPIRED) : rc;
}

/* ---- the answer to a program ---- */

static int reply_json(struct verification *v, struct so_err *err)
{
    struct so_jw w;
    if (v->is_done)
        return so_token_reply(v->call, &v->grant, NULL, err);
    so_reply_begin(v->call, 200, &w);
    so_jw_object(&w);
    so_jw_member_cstr(&w, "msg", CHANGE_HALF_DONE);
    so_jw_member_cstr(&w, "code", "200");
    so_jw_end_object(&w);
    return SO_OK;
}

static int verify_json(struct so_auth_call *call, struct so_err *err)
{
    const struct so_auth_params *params = &call->params;
    struct verification v = {.call = call, .kinds = so_code_kinds_of_type(params->type)};
    if (params->token_hash.n > 0) {
        if (params->email.n > 0 || params->phone.n > 0 || params->token.n > 0)
            return so_auth_fail_with(err, SO_AUTH_VALIDATION, "Only the token_hash and type should be provided");
        v.token = params->token_hash;
    } else {
        if (params->phone.n > 0)
            return so_auth_fail(err, SO_AUTH_PHONE_LOGIN_DISABLED);
        if (params->token.n == 0 || params->email.n == 0)
            return so_auth_fail_with(err, SO_AUTH_VALIDATION, "Verify requires a token and an email, or a token hash");
        v.digits = params->token;
        int rc = so_auth_email_take(call->arena, params->email, &v.email, err);
        if (rc != SO_OK)
            return rc;
    }
    int rc = verify(&v, err);
    return rc == SO_OK ? reply_json(&v, err) : rc;
}

/* ---- the answer to a browser ---- */

static void put_parameter(struct so_buf *url, const char *name, struct so_str value)
{
    char last = url->len > 0 ? url->p[url->len - 1] : '?';
    so_buf_printf(url, "%s%s=", last == '#' || last == '?' ? "" : "&", name);
    so_buf_put_url(url, value);
}

static void put_number(struct so_buf *url, const char *name, int64_t value)
{
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)value);
    put_parameter(url, name, so_str_c(text));
}

static int put_session(struct verification *v, struct so_str type, struct so_buf *url, struct so_err *err)
{
    struct so_auth_call *call = v->call;
    struct so_buf token;
    so_buf_init(&token, SO_JWT_MAX);
    int rc = so_token_sign(call, &v->grant, &token, err);
    if (rc == SO_OK) {
        so_buf_putc(url, '#');
        put_parameter(url, "access_token", so_buf_str(&token));
        put_number(url, "expires_at", v->grant.expires);
        put_number(url, "expires_in", v->grant.expires - call->now_us / 1000000);
        put_parameter(url, "refresh_token", v->grant.refresh_token);
        put_parameter(url, "token_type", SO_STR("bearer"));
        put_parameter(url, "type", type);
    }
    so_buf_deinit(&token);
    return rc;
}

static void put_error(const struct so_err *failure, bool in_query, struct so_buf *url)
{
    so_buf_putc(url, in_query ? '?' : '#');
    put_parameter(url, "error", SO_STR("access_denied"));
    put_parameter(url, "error_code", so_str_c(failure->id));
    put_parameter(url, "error_description", so_str_c(failure->message));
}

/* `url` begins with where it leads.  Failures that are the visitor's go there too: a browser has no use for JSON. */
static int put_outcome(struct verification *v, int rc, struct so_str type, struct so_buf *url, struct so_err *err)
{
    if (rc != SO_OK) {
        if (err->status == 0)
            return rc;
        if (so_str_starts(v->token, SO_STR("pkce_")))
            put_error(err, true, url);
        put_error(err, false, url);
        *err = SO_ERR_INIT;
        return SO_OK;
    }
    if (!v->is_done) {
        so_buf_putc(url, '#');
        put_parameter(url, "message", so_str_c(CHANGE_HALF_DONE));
        return SO_OK;
    }
    if (v->auth_code.p == NULL)
        return put_session(v, type, url, err);
    so_buf_putc(url, so_str_find_char(so_buf_str(url), '?', 0) == SO_STR_NONE ? '?' : '&');
    put_parameter(url, "code", v->auth_code);
    return SO_OK;
}

static int verify_link(struct so_auth_call *call, struct so_err *err)
{
    struct so_str type = so_auth_query(call->in->query, "type", call->arena);
    struct so_str asked = so_auth_query(call->in->query, "redirect_to", call->arena);
    struct verification v = {.call = call,
                             .token = so_auth_query(call->in->query, "token", call->arena),
                             .kinds = so_code_kinds_of_type(type),
                             .by_link = true};
    struct so_buf url;
    so_buf_init(&url, 32 * 1024);
    so_buf_put_str(&url, so_letter_redirect(call, asked));
    int rc = put_outcome(&v, verify(&v, err), type, &url, err);
    if (rc == SO_OK)
        rc = so_buf_check(&url, "the link back", err);
    struct so_str copy = rc == SO_OK ? so_arena_dup(call->arena, so_buf_str(&url)) : (struct so_str){NULL, 0};
    so_buf_deinit(&url);
    if (rc != SO_OK)
        return rc;
    if (copy.p == NULL)
        return so_err_oom(err);
    so_reply_see_other(call, copy);
    return SO_OK;
}

/* The button of the page posts an empty form to the link's own address. */
int so_verify_post(struct so_auth_call *call, struct so_err *err)
{
    bool by_link = call->in->body.n == 0 && so_auth_query(call->in->query, "token", call->arena).n > 0;
    return by_link ? verify_link(call, err) : verify_json(call, err);
}

/* ---- the page ---- */

static const struct {
    const char *type, *button;
} BUTTONS[] = {
    {"signup", "Confirm your address"}, {"invite", "Accept the invitation"},    {"magiclink", "Sign in"},
    {"recovery", "Reset the password"}, {"email_change", "Confirm the change"}, {"email", "Sign in"},
};

int so_verify_page(struct so_auth_call *call, struct so_err *err)
{
    struct so_str type = so_auth_query(call->in->query, "type", call->arena);
    const char *button = NULL;
    for (size_t i = 0; i < COUNT_OF(BUTTONS); i++)
        if (so_str_eq_c(type, BUTTONS[i].type))
            button = BUTTONS[i].button;
    if (button == NULL || so_auth_query(call->in->query, "token", call->arena).n == 0)
        return so_auth_fail_with(err, SO_AUTH_VALIDATION, "This link is not complete: copy all of it from the mail");
    so_reply_page(call);
    so_buf_printf(call->body,
                  "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\""
                  " content=\"width=device-width\"><title>%s</title>"
                  "<style>body{font:18px/1.5 system-ui,sans-serif;text-align:center;margin:20vh 1rem}"
                  "button{font:inherit;padding:.6em 1.6em}</style>"
                  "<form method=\"post\"><button autofocus>%s</button></form>\n",
                  button, button);
    return SO_OK;
}
