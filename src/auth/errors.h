/* errors.h: every refusal of the auth service, one row each: code on the wire, HTTP status, sentence.
 * The codes are those of Supabase Auth (PROTOCOL.md section 5).  One code may have two rows: the reference answers it with
 * different statuses in different places. */
#ifndef SO_AUTH_ERRORS_H
#define SO_AUTH_ERRORS_H

#include "core/err.h"

/*  X(name, "code", status, "message") */
#define SO_AUTH_ERRORS(X)                                                                                                   \
    X(BAD_JSON, "bad_json", 400, "Could not parse request body as JSON")                                                    \
    X(VALIDATION, "validation_failed", 400, "The request is not valid")                                                     \
    X(VALIDATION_ID, "validation_failed", 404, "user_id must be an UUID")                                                   \
    X(VALIDATION_STATE, "validation_failed", 422, "The request is not possible for this user")                              \
    X(TOO_LARGE, "request_entity_too_large", 413, "Request body too large")                                                 \
    X(NO_SUCH_PATH, "not_found", 404, "There is no such endpoint")                                                          \
    X(METHOD, "method_not_allowed", 405, "This endpoint does not take this method")                                         \
    X(NO_AUTHORIZATION, "no_authorization", 401, "This endpoint requires a valid Bearer token")                             \
    X(BAD_JWT, "bad_jwt", 403, "invalid JWT: unable to parse or verify signature")                                          \
    X(BAD_JWT_NO_SUB, "bad_jwt", 403, "invalid claim: missing sub claim")                                                   \
    X(BAD_JWT_SUB, "bad_jwt", 400, "invalid claim: sub claim must be a UUID")                                               \
    X(BAD_JWT_SESSION, "bad_jwt", 403, "invalid claim: session_id claim must be a UUID")                                    \
    X(NOT_ADMIN, "not_admin", 403, "User not allowed")                                                                      \
    X(NOT_ADMIN_METADATA, "not_admin", 403, "Updating app_metadata requires admin privileges")                              \
    X(USER_GONE, "user_not_found", 403, "User from sub claim in JWT does not exist")                                        \
    X(USER_NOT_FOUND, "user_not_found", 404, "User not found")                                                              \
    X(SESSION_GONE, "session_not_found", 403, "Session from session_id claim in JWT does not exist")                        \
    X(NO_SUCH_SESSION, "session_not_found", 404, "Session not found")                                                       \
    X(SESSION_EXPIRED, "session_expired", 403, "The session has ended")                                                     \
    X(USER_BANNED, "user_banned", 403, "User is banned")                                                                    \
    X(LOGIN_BANNED, "user_banned", 400, "User is banned")                                                                   \
    X(LOGIN_UNCONFIRMED, "email_not_confirmed", 400, "Email not confirmed")                                                 \
    X(LOGIN_FAILED, "invalid_credentials", 400, "Invalid login credentials")                                                \
    X(GRANT_UNKNOWN, "invalid_credentials", 400, "unsupported_grant_type")                                                  \
    X(REFRESH_NOT_FOUND, "refresh_token_not_found", 400, "Invalid Refresh Token: Refresh Token Not Found")                  \
    X(REFRESH_USED, "refresh_token_already_used", 400, "Invalid Refresh Token: Already Used")                               \
    X(REFRESH_EXPIRED, "session_expired", 400, "Invalid Refresh Token: Session Expired")                                    \
    X(REFRESH_BANNED, "user_banned", 400, "Invalid Refresh Token: User Banned")                                             \
    X(SIGNUP_DISABLED, "signup_disabled", 422, "Signups not allowed for this instance")                                     \
    X(ANONYMOUS_DISABLED, "anonymous_provider_disabled", 422, "Anonymous sign-ins are disabled")                            \
    X(PHONE_SIGNUP_DISABLED, "phone_provider_disabled", 400, "Phone signups are disabled")                                  \
    X(PHONE_LOGIN_DISABLED, "phone_provider_disabled", 422, "Phone logins are disabled")                                    \
    X(USER_EXISTS, "user_already_exists", 422, "User already registered")                                                   \
    X(EMAIL_EXISTS, "email_exists", 422, "A user with this email address has already been registered")                      \
    X(PHONE_EXISTS, "phone_exists", 422, "A user with this phone number has already been registered")                       \
    X(ID_EXISTS, "user_already_exists", 422, "A user with this id exists already")                                          \
    X(WEAK_PASSWORD, "weak_password", 422, "The password is too weak")                                                      \
    X(SAME_PASSWORD, "same_password", 422, "New password should be different from the old password.")                       \
    X(CURRENT_PASSWORD, "current_password_invalid", 400, "The current password is not right.")                              \
    X(CURRENT_PASSWORD_NEEDED, "current_password_required", 400, "Current password required when setting new password.")    \
    X(REAUTHENTICATE, "reauthentication_needed", 400, "Password update requires reauthentication")                          \
    X(NOT_FOR_ANONYMOUS, "no_authorization", 403, "Anonymous user not allowed to perform these actions")                    \
    X(FACTOR_NOT_FOUND, "mfa_factor_not_found", 404, "Factor not found")                                                    \
    X(CHALLENGE_NOT_FOUND, "mfa_factor_not_found", 422, "MFA factor with the provided challenge ID not found")              \
    X(CHALLENGE_ELSEWHERE, "mfa_ip_address_mismatch", 422, "Challenge and verify IP addresses mismatch.")                   \
    X(CHALLENGE_EXPIRED, "mfa_challenge_expired", 422, "MFA challenge has expired")                                         \
    X(CODE_WRONG, "mfa_verification_failed", 422, "Invalid TOTP code entered")                                              \
    X(FACTOR_NAME_TAKEN, "mfa_factor_name_conflict", 422, "A factor with this friendly name already exists")                \
    X(TOO_MANY_FACTORS, "too_many_enrolled_mfa_factors", 422,                                                               \
      "Maximum number of verified factors reached, unenroll to continue")                                                   \
    X(PHONE_FACTOR_OFF, "mfa_phone_enroll_not_enabled", 422, "MFA enroll is disabled for Phone")                            \
    X(WEBAUTHN_FACTOR_OFF, "mfa_webauthn_enroll_not_enabled", 422, "MFA enroll is disabled for WebAuthn")                   \
    X(AAL2_TO_ENROLL, "insufficient_aal", 403, "AAL2 required to enroll a new factor")                                      \
    X(AAL2_TO_UNENROLL, "insufficient_aal", 422, "AAL2 required to unenroll verified factor")                               \
    X(AAL2_TO_UPDATE, "insufficient_aal", 401, "AAL2 session is required to update email or password when MFA is enabled.") \
    X(FACTOR_EXISTS, "mfa_verified_factor_exists", 422, "There are recovery codes already: regenerate them")                \
    X(RECOVERY_SOLE, "mfa_recovery_codes_sole_factor", 422, "Recovery codes need another verified factor beside them")      \
    X(RECOVERY_WRONG, "mfa_verification_failed", 422, "Invalid recovery code entered")                                      \
    X(RECOVERY_LOCKED, "mfa_recovery_codes_locked", 429, "Too many recovery codes were tried, please wait")                 \
    X(OTP_EXPIRED, "otp_expired", 403, "Token has expired or is invalid")                                                   \
    X(OTP_DISABLED, "otp_disabled", 422, "Signups not allowed for otp")                                                     \
    X(NO_MAIL, "email_provider_disabled", 422, "This server sends no email")                                                \
    X(MAIL_RATE_LIMIT, "over_email_send_rate_limit", 429, "Email rate limit exceeded")                                      \
    X(NONCE_INVALID, "reauthentication_not_valid", 422, "Nonce has expired or is invalid")                                  \
    X(FLOW_NOT_FOUND, "flow_state_not_found", 404, "invalid flow state, no valid flow state found")                         \
    X(FLOW_EXPIRED, "flow_state_expired", 422, "invalid flow state, flow state has expired")                                \
    X(BAD_VERIFIER, "bad_code_verifier", 400, "code challenge does not match previously saved code verifier")               \
    X(PROVIDER_DISABLED, "provider_disabled", 400, "The provider is not enabled")                                           \
    X(PROVIDER_UNSUPPORTED, "oauth_provider_not_supported", 400, "Unsupported provider: provider is not enabled")           \
    X(PROVIDER_UNVERIFIED, "provider_email_needs_verification", 422, "Unverified email with the provider")                  \
    X(PROVIDER_REFUSED, "bad_oauth_callback", 403, "The provider refused")                                                  \
    X(BAD_OAUTH_STATE, "bad_oauth_state", 400, "OAuth state not found or expired")                                          \
    X(BAD_OAUTH_CALLBACK, "bad_oauth_callback", 400, "OAuth callback with missing authorization code missing")              \
    X(EXCHANGE_FAILED, "unexpected_failure", 500, "Unable to exchange external code")                                       \
    X(LINKING_DISABLED, "manual_linking_disabled", 404, "Manual linking is disabled")                                       \
    X(IDENTITY_EXISTS, "identity_already_exists", 422, "Identity is already linked")                                        \
    X(IDENTITY_NOT_FOUND, "identity_not_found", 422, "Identity doesn't exist")                                              \
    X(SINGLE_IDENTITY, "single_identity_not_deletable", 422, "User must have at least 1 identity after unlinking")          \
    X(EMAIL_CONFLICT, "email_conflict_identity_not_deletable", 422, "Unable to unlink identity due to email conflict")      \
    X(RATE_LIMIT, "over_request_rate_limit", 429, "Request rate limit reached")                                             \
    X(BUSY, "request_timeout", 503, "The server is busy, please try again")                                                 \
    X(TIMEOUT, "request_timeout", 504, "The request took too long, please try again")                                       \
    X(UNEXPECTED, "unexpected_failure", 500, "Unexpected failure, please check server logs for more information")

enum so_auth_error {
#define X(name, code, status, message) SO_AUTH_##name,
    SO_AUTH_ERRORS(X)
#undef X
        SO_AUTH_ERROR_COUNT
};

struct so_auth_error_row {
    const char *id; /* "invalid_credentials" */
    int status;
    const char *message;
};
const struct so_auth_error_row *so_auth_error_row(enum so_auth_error error);

/* Fills err with the row's code, status and message; returns the enum so_code that goes with the status. */
int so_auth_fail(struct so_err *err, enum so_auth_error error);
/* The same with a message of its own. */
int so_auth_fail_with(struct so_err *err, enum so_auth_error error, const char *format, ...) SO_PRINTF(3, 4);

#endif
