/* errors.h: the catalogue: one row per error of the dialect, whole: kind, HTTP status, code, message.  Spec: PostgREST,
 * Error.hs.  A row is the arguments of so_fail_http(): so_fail_http(err, PGRST116), so_fail_http(err, PGRST117, "PURGE").
 * What a row cannot say, details and hint, is set where the error is understood.
 * Rows with a SQLSTATE are PostgreSQL's own sentences, for what Socle finds out before the database could. */
#ifndef SO_REST_ERRORS_H
#define SO_REST_ERRORS_H

#include "core/err.h"

/* ---- the request ---- */
#define PGRST100_PARSE      SO_EINVAL, 400, "PGRST100", "\"%s (%.*s)\" (line 1, column %zu)"
#define PGRST100_UTF8       SO_EINVAL, 400, "PGRST100", "the URL is not valid UTF-8 or holds a NUL byte"
#define PGRST100_ITEMS      SO_ELIMIT, 400, "PGRST100", "%s: more than %d items"
#define PGRST100_DEPTH      SO_ELIMIT, 400, "PGRST100", "%s: nested deeper than %d levels"
#define PGRST101            SO_EINVAL, 405, "PGRST101", "Cannot use the %.*s method on RPC"
#define PGRST102_JSON       SO_EINVAL, 400, "PGRST102", "Empty or invalid json"
#define PGRST102_KEYS       SO_EINVAL, 400, "PGRST102", "All object keys must match"
#define PGRST102_CSV        SO_EINVAL, 400, "PGRST102", "CSV: %s at byte %zu"
#define PGRST102_CSV_FIELDS SO_EINVAL, 400, "PGRST102", "All lines must have same number of fields"
#define PGRST102_FORM       SO_ELIMIT, 400, "PGRST102", "more than %d form fields"
#define PGRST102_CONTENT    SO_EINVAL, 400, "PGRST102", "Content-Type not acceptable: %.*s"
#define PGRST103            SO_EINVAL, 416, "PGRST103", "Requested range not satisfiable"
#define PGRST105            SO_EINVAL, 405, "PGRST105", "Filters must include all and only primary key columns with 'eq' operators"
#define PGRST106            SO_EINVAL, 406, "PGRST106", "Invalid schema: %.*s"
#define PGRST107            SO_EINVAL, 406, "PGRST107", "None of these media types are available: %.*s"
#define PGRST108            SO_EINVAL, 400, "PGRST108", "'%.*s' is not an embedded resource in this request"
#define PGRST111                                                                                                            \
    SO_EDB, 500, "PGRST111",                                                                                                \
        "response.headers guc must be a JSON array composed of objects with a single key and a string value"
#define PGRST112 SO_EDB, 500, "PGRST112", "response.status guc must be a valid status code"
#define PGRST114 SO_EINVAL, 400, "PGRST114", "limit/offset querystring parameters are not allowed for PUT"
#define PGRST115 SO_EINVAL, 400, "PGRST115", "Payload values do not match URL in primary key column(s)"
#define PGRST116 SO_EINVAL, 406, "PGRST116", "Cannot coerce the result to a single JSON object"
#define PGRST117 SO_EINVAL, 405, "PGRST117", "Unsupported HTTP method: %.*s"
#define PGRST118 SO_EINVAL, 400, "PGRST118", "A related order on '%.*s' is not possible"
#define PGRST120 SO_EINVAL, 400, "PGRST120", "Bad operator on the '%.*s' embedded resource"
#define PGRST121 SO_EDB, 500, "PGRST121", "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error"
#define PGRST122 SO_EINVAL, 400, "PGRST122", "Invalid preferences given with handling=strict"
#define PGRST123 SO_EDENIED, 400, "PGRST123", "Use of aggregate functions is not allowed"
#define PGRST124 SO_EINVAL, 400, "PGRST124", "Query result exceeds max-affected preference constraint"
#define PGRST125 SO_ENOTFOUND, 404, "PGRST125", "Invalid path specified in request URL"
#define PGRST126 SO_ENOTFOUND, 404, "PGRST126", "Root endpoint metadata is disabled"
#define PGRST128                                                                                                            \
    SO_EINVAL, 400, "PGRST128",                                                                                             \
        "Function must return SETOF or TABLE when max-affected preference is used with handling=strict"
#define PGRST127 SO_EINVAL, 400, "PGRST127", "Feature not implemented"
#define PGRST128                                                                                                            \
    SO_EINVAL, 400, "PGRST128",                                                                                             \
        "Function must return SETOF or TABLE when max-affected preference is used with handling=strict"

/* ---- what it names ---- */
#define PGRST200 SO_ENOTFOUND, 400, "PGRST200", "Could not find a relationship between '%.*s' and '%.*s' in the schema cache"
#define PGRST201                                                                                                            \
    SO_EINVAL, 300, "PGRST201", "Could not embed because more than one relationship was found for '%.*s' and '%.*s'"
#define PGRST202 SO_ENOTFOUND, 404, "PGRST202", "Could not find the function %.*s.%.*s%.*s in the schema cache"
#define PGRST203 SO_EINVAL, 300, "PGRST203", "Could not choose the best candidate function between: %.*s"
#define PGRST204 SO_ENOTFOUND, 400, "PGRST204", "Could not find the '%.*s' column of '%.*s' in the schema cache"
#define PGRST205 SO_ENOTFOUND, 404, "PGRST205", "Could not find the table '%.*s.%.*s' in the schema cache"

/* ---- the schema file ---- */
#define SO422_ONE  SO_EINVAL, 422, "SO422", "%.*s"
#define SO422_MANY SO_EINVAL, 422, "SO422", "%zu violations: %.*s"

/* ---- PostgreSQL's ---- */
#define SQL_UTF8        SO_EINVAL, 400, "22021", "invalid byte sequence for encoding \"UTF8\""
#define SQL_CANNOT_CAST SO_EINVAL, 400, "42704", "type \"%.*s\" does not exist"
#define SQL_GENERATED   SO_EDENIED, 400, "428C9", "column \"%.*s\" can only be updated to DEFAULT"
#define SQL_NO_COLUMN   SO_ENOTFOUND, 400, "42703", "column %.*s.%.*s does not exist"
#define SQL_NO_CONFLICT                                                                                                     \
    SO_EINVAL, 400, "42P10", "there is no unique or exclusion constraint matching the ON CONFLICT specification"
#define SQL_NO_JSON     SO_EINVAL, 404, "42883", "operator does not exist: %s -> unknown"
#define SQL_TSQUERY     SO_EINVAL, 400, "42601", "syntax error in tsquery: \"%.*s\""
#define SQL_NO_LANGUAGE SO_EINVAL, 400, "42704", "text search configuration \"%.*s\" does not exist"
#define SQL_JSON        SO_EINVAL, 400, "22P02", "invalid input syntax for type json"
#define SQL_ARRAY       SO_EINVAL, 400, "22P02", "malformed array literal: \"%.*s\""
#define SQL_OPERATOR    SO_EINVAL, 404, "42883", "operator does not exist: %s %s unknown"
#define SQL_POLICY      SO_EDENIED, 403, "42501", "new row violates row-level security policy for table \"%.*s\""
#define SQL_POLICY_UPSERT                                                                                                   \
    SO_EDENIED, 403, "42501", "new row violates row-level security policy (USING expression) for table \"%.*s\""
#define SQL_MAY_NOT_CALL SO_EDENIED, 403, "42501", "permission denied for function %.*s"
#define SQL_READ_ONLY    SO_EDENIED, 405, "25006", "cannot execute a function that writes in a read-only transaction"
#define SQL_TOO_MANY     SO_ELIMIT, 400, "54011", "a row can have at most %d keys"
#define SQL_VIEW         SO_EDENIED, 405, "55000", "cannot change view \"%.*s\""

#endif
