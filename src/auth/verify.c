/* verify.c: GET and POST /verify: a code or a link becomes a session.
 *
 *   {token, email, type}, {token_hash, type} --POST--> session
 *   link of a mail --GET--> a page with a button --POST--> 303 to the app, with the session in the fragment or ?code= (PKCE)
 *
 * A GET changes nothing: mail scanners and previews open every link, and must sign nobody in or out. */
#include "auth/confirm.h"
#include "auth/endpoints.h"
#include "auth/errors.h"
#include "auth/landing.h"
#include "auth/letters.h"
#include "auth/pkce.h"
#include "auth/reply.h"
#include "auth/text.h"
#include "auth/tokens.h"

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
    const struct so_pkce_flow flow = {.user_id = code->user_id,
                                      .code_challenge = code->code_challenge,
                                      .code_challenge_method = code->code_challenge_method,
                                      .method = method};
    return rc == SO_OK ? so_pkce_begin(call, conn, &flow, &v->auth_code, err) : rc;
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

/* Failures that are the visitor's land in the app, too: a browser has no use for JSON. */
static int put_outcome(struct verification *v, int rc, struct so_str type, struct so_landing *landing, struct so_err *err)
{
    if (rc != SO_OK) {
        if (err->status == 0)
            return rc;
        so_landing_error(landing, err, so_str_starts(v->token, SO_STR("pkce_")));
        *err = SO_ERR_INIT;
        return SO_OK;
    }
    if (!v->is_done) {
        so_landing_fragment(landing, "message", so_str_c(CHANGE_HALF_DONE));
        return SO_OK;
    }
    if (v->auth_code.p != NULL) {
        so_landing_query(landing, "code", v->auth_code);
        return SO_OK;
    }
    rc = so_landing_session(landing, v->call, &v->grant, err);
    so_landing_fragment(landing, "type", type);
    return rc;
}

static int verify_link(struct so_auth_call *call, struct so_err *err)
{
    struct so_str type = so_auth_query(call->in->query, "type", call->arena);
    struct so_str asked = so_auth_query(call->in->query, "redirect_to", call->arena);
    struct verification v = {.call = call,
                             .token = so_auth_query(call->in->query, "token", call->arena),
                             .kinds = so_code_kinds_of_type(type),
                             .by_link = true};
    struct so_landing landing;
    int rc = verify(&v, err);
    so_landing_init(&landing, so_letter_redirect(call, asked));
    rc = put_outcome(&v, rc, type, &landing, err);
    if (rc == SO_OK)
        return so_landing_reply(&landing, call, 303, err);
    so_buf_deinit(&landing.url);
    return rc;
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
