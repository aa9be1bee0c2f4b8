/* tables.c: the auth service's own tables.
 *
 * Columns are named as in Supabase's auth schema, so that its users can be copied here as they are.  Times are text in the
 * form of auth/text.h.  Passwords are kept as argon2 or bcrypt strings, refresh tokens as SHA-256 only (auth/sessions.c).
 *
 * A step, once released, never changes: what comes later is a new row. */
#include "auth/tables.h"

#include <stdio.h>

#include "auth/sql.h"

/* Phone numbers, invitations, recovery, and addresses waiting for confirmation have their columns already; factors and
 * passkeys get tables of their own. */
static const char VERSION_1[] =
    "CREATE TABLE auth_users ("
    "  id UUID TEXT NOT NULL PRIMARY KEY,"
    "  aud TEXT NOT NULL DEFAULT 'authenticated',"
    "  role TEXT NOT NULL DEFAULT 'authenticated',"
    "  email TEXT UNIQUE," /* lower case */
    "  encrypted_password TEXT,"
    "  email_confirmed_at TIMESTAMPTZ TEXT,"
    "  invited_at TIMESTAMPTZ TEXT,"
    "  confirmation_token TEXT,"
    "  confirmation_sent_at TIMESTAMPTZ TEXT,"
    "  recovery_token TEXT,"
    "  recovery_sent_at TIMESTAMPTZ TEXT,"
    "  email_change TEXT,"
    "  email_change_token_current TEXT,"
    "  email_change_token_new TEXT,"
    "  email_change_confirm_status INTEGER NOT NULL DEFAULT 0,"
    "  email_change_sent_at TIMESTAMPTZ TEXT,"
    "  phone TEXT UNIQUE," /* E.164 without '+' */
    "  phone_confirmed_at TIMESTAMPTZ TEXT,"
    "  phone_change TEXT,"
    "  phone_change_token TEXT,"
    "  phone_change_sent_at TIMESTAMPTZ TEXT,"
    "  reauthentication_token TEXT,"
    "  reauthentication_sent_at TIMESTAMPTZ TEXT,"
    "  last_sign_in_at TIMESTAMPTZ TEXT,"
    "  raw_app_meta_data JSON TEXT NOT NULL DEFAULT '{}',"
    "  raw_user_meta_data JSON TEXT NOT NULL DEFAULT '{}',"
    "  created_at TIMESTAMPTZ TEXT NOT NULL,"
    "  updated_at TIMESTAMPTZ TEXT NOT NULL,"
    "  banned_until TIMESTAMPTZ TEXT,"
    "  deleted_at TIMESTAMPTZ TEXT,"
    "  is_sso_user BOOLEAN NOT NULL DEFAULT 0,"
    "  is_anonymous BOOLEAN NOT NULL DEFAULT 0"
    ");"
    "CREATE INDEX auth_users_created_at ON auth_users (created_at, id);"

    "CREATE TABLE auth_identities ("
    "  id UUID TEXT NOT NULL PRIMARY KEY,"
    "  provider_id TEXT NOT NULL," /* who the user is over there; for e-mail the user's id */
    "  provider TEXT NOT NULL,"
    "  user_id UUID TEXT NOT NULL REFERENCES auth_users (id) ON DELETE CASCADE,"
    "  identity_data JSON TEXT NOT NULL DEFAULT '{}',"
    "  email TEXT,"
    "  last_sign_in_at TIMESTAMPTZ TEXT,"
    "  created_at TIMESTAMPTZ TEXT NOT NULL,"
    "  updated_at TIMESTAMPTZ TEXT NOT NULL,"
    "  UNIQUE (provider_id, provider)"
    ");"
    "CREATE INDEX auth_identities_user_id ON auth_identities (user_id);"

    "CREATE TABLE auth_sessions ("
    "  id UUID TEXT NOT NULL PRIMARY KEY,"
    "  user_id UUID TEXT NOT NULL REFERENCES auth_users (id) ON DELETE CASCADE,"
    "  aal TEXT NOT NULL DEFAULT 'aal1',"
    "  amr JSON TEXT NOT NULL," /* the claim as it stands in tokens */
    "  factor_id UUID TEXT,"
    "  not_after TIMESTAMPTZ TEXT," /* the session is over from then on */
    "  created_at TIMESTAMPTZ TEXT NOT NULL,"
    "  refreshed_at TIMESTAMPTZ TEXT,"
    "  user_agent TEXT,"
    "  ip TEXT"
    ");"
    "CREATE INDEX auth_sessions_user_id ON auth_sessions (user_id);"

    /* One family per session; see auth/sessions.c. */
    "CREATE TABLE auth_refresh_tokens ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  session_id UUID TEXT NOT NULL REFERENCES auth_sessions (id) ON DELETE CASCADE,"
    "  token_hash TEXT NOT NULL UNIQUE,"
    "  parent_hash TEXT,"
    "  salt TEXT,"
    "  revoked_at TIMESTAMPTZ TEXT,"
    "  created_at TIMESTAMPTZ TEXT NOT NULL"
    ");"
    "CREATE INDEX auth_refresh_tokens_session_id ON auth_refresh_tokens (session_id);"

    /* Ids of sessions and users whose access tokens are refused until `expires_at`, seconds since 1970, when the last of
     * them has expired by itself: what auth/revoked.c holds in memory. */
    "CREATE TABLE auth_revocations ("
    "  id UUID TEXT NOT NULL PRIMARY KEY,"
    "  expires_at INTEGER NOT NULL"
    ");"
    "CREATE INDEX auth_revocations_expires_at ON auth_revocations (expires_at);"

    "CREATE TABLE auth_audit_log ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  created_at TIMESTAMPTZ TEXT NOT NULL,"
    "  action TEXT NOT NULL,"
    "  actor_id TEXT," /* NULL: the service key */
    "  user_id TEXT,"
    "  session_id TEXT,"
    "  ip_address TEXT,"
    "  user_agent TEXT"
    ");"
    "CREATE INDEX auth_audit_log_user_id ON auth_audit_log (user_id);";

/* What is sent to mailboxes (auth/codes.c), and sign-ins that wait for the app that asked for them (auth/pkce.c). */
static const char VERSION_2[] = "CREATE TABLE auth_one_time_tokens ("
                                "  token_hash TEXT NOT NULL PRIMARY KEY," /* of the link's token */
                                "  user_id UUID TEXT NOT NULL REFERENCES auth_users (id) ON DELETE CASCADE,"
                                "  kind TEXT NOT NULL,"
                                "  email TEXT NOT NULL," /* the mailbox it went to */
                                "  code_hash TEXT,"      /* of the six digits; NULL: guessed wrong too often */
                                "  attempts INTEGER NOT NULL DEFAULT 0,"
                                "  code_challenge TEXT," /* of the app that asked, in the PKCE flow */
                                "  code_challenge_method TEXT,"
                                "  created_at TIMESTAMPTZ TEXT NOT NULL,"
                                "  expires_at TIMESTAMPTZ TEXT NOT NULL,"
                                "  UNIQUE (user_id, kind)"
                                ");"
                                "CREATE INDEX auth_one_time_tokens_email ON auth_one_time_tokens (email);"

                                "CREATE TABLE auth_flow_states ("
                                "  auth_code_hash TEXT NOT NULL PRIMARY KEY,"
                                "  user_id UUID TEXT NOT NULL REFERENCES auth_users (id) ON DELETE CASCADE,"
                                "  code_challenge TEXT NOT NULL,"
                                "  code_challenge_method TEXT NOT NULL,"
                                "  authentication_method TEXT NOT NULL," /* for amr */
                                "  created_at TIMESTAMPTZ TEXT NOT NULL"
                                ");"
                                "CREATE INDEX auth_flow_states_user_id ON auth_flow_states (user_id);"
                                "CREATE INDEX auth_flow_states_created_at ON auth_flow_states (created_at);";

/* Second factors (auth/factors.c), tries that are counted (auth/attempts.c), and the number of each revocation, by which
 * other processes find what is new (auth/revoked.c).  Phone factors and security keys have their columns; passkeys, which
 * are a first factor, will get a table of their own. */
static const char FACTORS[] = "CREATE TABLE auth_mfa_factors ("
                              "  id UUID TEXT NOT NULL PRIMARY KEY,"
                              "  user_id UUID TEXT NOT NULL REFERENCES auth_users (id) ON DELETE CASCADE,"
                              "  friendly_name TEXT,"
                              "  factor_type TEXT NOT NULL," /* totp, recovery_code; later phone, webauthn */
                              "  status TEXT NOT NULL,"      /* unverified, verified */
                              "  secret TEXT,"               /* base32, or sealed */
                              "  last_step BIGINT,"          /* of the last code that was used */
                              "  phone TEXT,"
                              "  web_authn_credential JSON TEXT,"
                              "  web_authn_aaguid UUID TEXT,"
                              "  last_challenged_at TIMESTAMPTZ TEXT,"
                              "  created_at TIMESTAMPTZ TEXT NOT NULL,"
                              "  updated_at TIMESTAMPTZ TEXT NOT NULL,"
                              "  UNIQUE (user_id, friendly_name)"
                              ");"

                              "CREATE TABLE auth_mfa_challenges ("
                              "  id UUID TEXT NOT NULL PRIMARY KEY,"
                              "  factor_id UUID TEXT NOT NULL REFERENCES auth_mfa_factors (id) ON DELETE CASCADE,"
                              "  created_at TIMESTAMPTZ TEXT NOT NULL,"
                              "  verified_at TIMESTAMPTZ TEXT,"
                              "  ip_address TEXT NOT NULL,"
                              "  otp_code TEXT," /* for phones, where it is sent */
                              "  web_authn_session_data JSON TEXT"
                              ");"
                              "CREATE INDEX auth_mfa_challenges_factor_id ON auth_mfa_challenges (factor_id);"

                              "CREATE TABLE auth_mfa_recovery_codes ("
                              "  factor_id UUID TEXT NOT NULL REFERENCES auth_mfa_factors (id) ON DELETE CASCADE,"
                              "  code_hash TEXT NOT NULL,"
                              "  used_at TIMESTAMPTZ TEXT,"
                              "  PRIMARY KEY (factor_id, code_hash)"
                              ");"

                              "CREATE TABLE auth_attempts ("
                              "  id TEXT NOT NULL PRIMARY KEY," /* hash of account and network */
                              "  tries BIGINT NOT NULL,"
                              "  ends_at BIGINT NOT NULL" /* seconds since 1970 */
                              ");"
                              "CREATE INDEX auth_attempts_ends_at ON auth_attempts (ends_at);"

                              "ALTER TABLE auth_audit_log ADD COLUMN traits JSON TEXT;"
                              "CREATE INDEX auth_audit_log_created_at ON auth_audit_log (created_at);"
                              "CREATE INDEX auth_audit_log_action ON auth_audit_log (user_id, action, id);"

                              "CREATE TABLE auth_counters (name TEXT NOT NULL PRIMARY KEY, value BIGINT NOT NULL);"
                              "INSERT INTO auth_counters (name, value) VALUES ('revocations', 0);"
                              "ALTER TABLE auth_revocations ADD COLUMN number BIGINT NOT NULL DEFAULT 0;"
                              "CREATE INDEX auth_revocations_number ON auth_revocations (number);";

/* Sign-ins that went to another provider (auth/oauth_state.c), and what that gave the app (auth/pkce.c). */
static const char OTHER_PROVIDERS[] =
    "CREATE TABLE auth_oauth_states ("
    "  state_hash TEXT NOT NULL PRIMARY KEY,"
    "  provider TEXT NOT NULL,"
    "  redirect_to TEXT NOT NULL,"
    "  code_challenge TEXT,"
    "  code_challenge_method TEXT,"
    "  link_to UUID TEXT REFERENCES auth_users (id) ON DELETE CASCADE,"
    "  created_at TIMESTAMPTZ TEXT NOT NULL"
    ");"
    "CREATE INDEX auth_oauth_states_created_at ON auth_oauth_states (created_at);"
    "CREATE INDEX auth_oauth_states_link_to ON auth_oauth_states (link_to);"
    "ALTER TABLE auth_flow_states ADD COLUMN provider_tokens TEXT;"; /* sealed under the code */

static const char *const STEPS[] = {VERSION_1, VERSION_2, FACTORS, OTHER_PROVIDERS};

static int read_version(struct so_conn *conn, int64_t *out_version, struct so_err *err)
{
    struct so_stmt *st;
    bool row;
    int rc = so_auth_sql_start(conn, "SELECT COALESCE(MAX(version), 0) FROM auth_schema_versions", NULL, 0, &st, err);
    if (rc != SO_OK)
        return rc;
    rc = so_stmt_step(st, &row, err);
    if (rc == SO_OK)
        *out_version = row ? so_stmt_i64(st, 0) : 0;
    so_stmt_done(st);
    return rc;
}

static int migrate(void *arg, struct so_conn *conn, struct so_err *err)
{
    (void)arg;
    int64_t version;
    int rc = so_conn_exec(conn, "CREATE TABLE IF NOT EXISTS auth_schema_versions (version INTEGER PRIMARY KEY)", err);
    if (rc == SO_OK)
        rc = read_version(conn, &version, err);
    if (rc != SO_OK)
        return rc;
    if (version > (int64_t)COUNT_OF(STEPS))
        return so_fail(err, SO_EDENIED, "the auth tables have version %lld, this program knows %zu: use the newer program",
                       (long long)version, COUNT_OF(STEPS));
    for (size_t i = (size_t)version; rc == SO_OK && i < COUNT_OF(STEPS); i++) {
        char number[24];
        snprintf(number, sizeof(number), "%zu", i + 1);
        rc = so_conn_exec(conn, STEPS[i], err);
        if (rc == SO_OK)
            rc = so_auth_sql_run(conn, "INSERT INTO auth_schema_versions (version) VALUES (?1)", SO_VALUES(so_str_c(number)),
                                 NULL, err);
    }
    return rc;
}

int so_auth_tables_migrate(struct so_db *db, struct so_err *err) { return so_db_write(db, migrate, NULL, err); }
