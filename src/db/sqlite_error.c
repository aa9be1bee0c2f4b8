/* sqlite_error.c: SQLite's result codes and messages as SQLSTATEs and sentences of PostgreSQL.
 *
 *   1. what a function of ours raised, as it is
 *   2. CODES: by result code, the extended one first
 *   3. SENTENCES: SQLITE_ERROR says what is wrong in words only
 *
 * (PostgreSQL's codes: its manual, appendix A.) */
#include "db/sqlite_int.h"

#include <stdio.h>

/* Writes the sentence from SQLite's, or from the rest of it after a known beginning. */
typedef void explain(struct so_err *err, int code, const char *id, struct so_str rest);

static void say(struct so_err *err, int code, const char *id, struct so_str rest)
{
    so_fail_http(err, code, 0, id, "%.*s", SO_STR_ARG(rest));
}

/* After the first sep; the whole when there is none. */
static struct so_str after(struct so_str s, char sep)
{
    size_t at = so_str_find_char(s, sep, 0);
    return at == SO_STR_NONE ? s : so_str_slice(s, at + 1, s.n);
}

static struct so_str before(struct so_str s, char sep) { return so_str_slice(s, 0, so_str_find_char(s, sep, 0)); }

/* "books.isbn, books.lang": the relation, the columns joined by `sep`. */
static struct so_str join_columns(struct so_str list, const char *sep, char *out, size_t size)
{
    size_t len = 0;
    out[0] = '\0';
    for (struct so_str rest = list, part; so_str_split(&rest, ',', &part) && len < size;) {
        struct so_str column = after(so_str_trim(part), '.');
        int n = snprintf(out + len, size - len, "%s%.*s", len > 0 ? sep : "", SO_STR_ARG(column));
        len += n > 0 ? (size_t)n : 0;
    }
    return so_str_c(out);
}

static void explain_unique(struct so_err *err, int code, const char *id, struct so_str rest, bool primary)
{
    struct so_str prefix = SO_STR("index '");
    if (so_str_starts(rest, prefix)) { /* an index on expressions is named, its columns are not */
        struct so_str name = so_str_slice(rest, prefix.n, rest.n - 1);
        so_fail_http(err, code, 0, id, "duplicate key value violates unique constraint \"%.*s\"", SO_STR_ARG(name));
        return;
    }
    char columns[256], joined[256];
    struct so_str table = before(rest, '.');
    join_columns(rest, "_", joined, sizeof(joined));
    join_columns(rest, ", ", columns, sizeof(columns));
    so_fail_http(err, code, 0, id, "duplicate key value violates unique constraint \"%.*s_%s%s\"", SO_STR_ARG(table),
                 primary ? "" : joined, primary ? "pkey" : "_key");
    so_err_details(err, "Key (%s) already exists.", columns);
}

static void explain_unique_key(struct so_err *err, int code, const char *id, struct so_str rest)
{
    explain_unique(err, code, id, rest, false);
}

static void explain_primary_key(struct so_err *err, int code, const char *id, struct so_str rest)
{
    explain_unique(err, code, id, rest, true);
}

static void explain_not_null(struct so_err *err, int code, const char *id, struct so_str rest)
{
    so_fail_http(err, code, 0, id, "null value in column \"%.*s\" of relation \"%.*s\" violates not-null constraint",
                 SO_STR_ARG(after(rest, '.')), SO_STR_ARG(before(rest, '.')));
}

static void explain_check(struct so_err *err, int code, const char *id, struct so_str rest)
{
    so_fail_http(err, code, 0, id, "new row violates check constraint \"%.*s\"", SO_STR_ARG(rest));
}

static void explain_foreign_key(struct so_err *err, int code, const char *id, struct so_str rest)
{
    (void)rest; /* SQLite does not say which */
    so_fail_http(err, code, 0, id, "insert, update or delete violates foreign key constraint");
}

static void explain_no_table(struct so_err *err, int code, const char *id, struct so_str rest)
{
    so_fail_http(err, code, 0, id, "relation \"%.*s\" does not exist", SO_STR_ARG(rest));
}

static void explain_no_column(struct so_err *err, int code, const char *id, struct so_str rest)
{
    so_fail_http(err, code, 0, id, "column \"%.*s\" does not exist", SO_STR_ARG(rest));
}

static void explain_ambiguous(struct so_err *err, int code, const char *id, struct so_str rest)
{
    so_fail_http(err, code, 0, id, "column reference \"%.*s\" is ambiguous", SO_STR_ARG(rest));
}

static void explain_no_function(struct so_err *err, int code, const char *id, struct so_str rest)
{
    so_fail_http(err, code, 0, id, "function %.*s does not exist", SO_STR_ARG(rest));
}

static void explain_timeout(struct so_err *err, int code, const char *id, struct so_str rest)
{
    (void)rest;
    so_fail_http(err, code, 0, id, "canceling statement due to statement timeout");
}

static void explain_full(struct so_err *err, int code, const char *id, struct so_str rest)
{
    (void)rest;
    so_fail_http(err, code, 0, id, "the disk is full");
    so_err_hint(err, "Check free disk space.");
}

static void explain_io(struct so_err *err, int code, const char *id, struct so_str rest)
{
    (void)rest;
    so_fail_http(err, code, 0, id, "the database's file could not be read or written");
}

static void explain_corrupt(struct so_err *err, int code, const char *id, struct so_str rest)
{
    so_fail_http(err, code, 0, id, "the database's file is damaged (%.*s)", SO_STR_ARG(rest));
    so_err_hint(err, "Restore a backup.");
}

static const struct {
    int sqlite; /* an extended code, or a primary one for all its kinds */
    int code;
    const char *id;
    const char *prefix; /* of SQLite's sentence, dropped */
    explain *explain;
} CODES[] = {
    {SQLITE_CONSTRAINT_PRIMARYKEY, SO_EDB, "23505", "UNIQUE constraint failed: ", explain_primary_key},
    {SQLITE_CONSTRAINT_ROWID, SO_EDB, "23505", "UNIQUE constraint failed: ", explain_primary_key},
    {SQLITE_CONSTRAINT_UNIQUE, SO_EDB, "23505", "UNIQUE constraint failed: ", explain_unique_key},
    {SQLITE_CONSTRAINT_NOTNULL, SO_EDB, "23502", "NOT NULL constraint failed: ", explain_not_null},
    {SQLITE_CONSTRAINT_CHECK, SO_EDB, "23514", "CHECK constraint failed: ", explain_check},
    {SQLITE_CONSTRAINT_FOREIGNKEY, SO_EDB, "23503", "", explain_foreign_key},
    {SQLITE_CONSTRAINT_TRIGGER, SO_EDB, "P0001", "", say}, /* RAISE(ABORT, 'sentence') */
    {SQLITE_CONSTRAINT_DATATYPE, SO_EDB, "42804", "", say},
    {SQLITE_CONSTRAINT, SO_EDB, "23000", "", say},
    {SQLITE_MISMATCH, SO_EDB, "42804", "", say},
    {SQLITE_TOOBIG, SO_EDB, "54000", "", say},
    {SQLITE_INTERRUPT, SO_ETIMEOUT, "57014", "", explain_timeout},
    {SQLITE_NOMEM, SO_ENOMEM, "53200", "", NULL}, /* so_err_oom() */
    {SQLITE_IOERR_NOMEM, SO_ENOMEM, "53200", "", NULL},
    {SQLITE_FULL, SO_EDB, "53100", "", explain_full},
    {SQLITE_IOERR, SO_EDB, "58030", "", explain_io},
    {SQLITE_CANTOPEN, SO_EDB, "58030", "", say},
    {SQLITE_CORRUPT, SO_EDB, "XX001", "", explain_corrupt},
    {SQLITE_NOTADB, SO_EDB, "XX001", "", explain_corrupt},
    {SQLITE_BUSY_SNAPSHOT, SO_EBUSY, "40001", "", say},
    {SQLITE_BUSY, SO_EBUSY, "55P03", "", say},
    {SQLITE_LOCKED, SO_EBUSY, "55P03", "", say},
    {SQLITE_READONLY, SO_EDB, "25006", "", say},
    {SQLITE_AUTH, SO_EDB, "42501", "", say},
    {SQLITE_PERM, SO_EDB, "42501", "", say},
    {SQLITE_RANGE, SO_EDB, "42P02", "", say},
    {SQLITE_ABORT, SO_EDB, "25P02", "", say},
};

static const struct {
    const char *prefix; /* of SQLite's sentence; with a leading '*' a part anywhere in it */
    const char *id;
    explain *explain;
} SENTENCES[] = {
    {"no such table: main.", "42P01", explain_no_table},
    {"no such table: ", "42P01", explain_no_table},
    {"no such column: ", "42703", explain_no_column},
    {"ambiguous column name: ", "42702", explain_ambiguous},
    {"no such function: ", "42883", explain_no_function},
    {"wrong number of arguments to function ", "42883", explain_no_function},
    {"* has no column named ", "42703", explain_no_column},
    {"* already exists", "42P07", say},
    {"*: syntax error", "42601", say},
    {"unrecognized token", "42601", say},
    {"incomplete input", "42601", say},
    {"*ON CONFLICT clause does not match", "42P10", say},
    {"cannot modify ", "55000", say},
    {"integer overflow", "22003", say},
    {"malformed JSON", "22P02", say},
    {"parser stack overflow", "54001", say},
    {"Expression tree is too large", "54001", say},
    {"LIKE or GLOB pattern too complex", "54001", say},
    {"too many ", "54000", say},
};

static bool match_sentence(const char *pattern, struct so_str message, struct so_str *out_rest)
{
    if (pattern[0] == '*') {
        struct so_str part = so_str_c(pattern + 1);
        size_t at = so_str_find(message, part);
        if (at == SO_STR_NONE)
            return false;
        *out_rest = so_str_slice(message, at + part.n, message.n);
        return true;
    }
    struct so_str prefix = so_str_c(pattern);
    if (!so_str_starts(message, prefix))
        return false;
    *out_rest = so_str_slice(message, prefix.n, message.n);
    return true;
}

static int fail_by_sentence(struct so_str message, struct so_err *err)
{
    for (size_t i = 0; i < COUNT_OF(SENTENCES); i++) {
        struct so_str rest;
        if (!match_sentence(SENTENCES[i].prefix, message, &rest))
            continue;
        SENTENCES[i].explain(err, SO_EDB, SENTENCES[i].id, SENTENCES[i].explain == say ? message : rest);
        return SO_EDB;
    }
    say(err, SO_EDB, "XX000", message);
    return SO_EDB;
}

static size_t find_code(int sqlite_rc)
{
    for (size_t i = 0; i < COUNT_OF(CODES); i++)
        if (CODES[i].sqlite == sqlite_rc)
            return i;
    return COUNT_OF(CODES);
}

int so_sqlite_fail(struct so_sqlite *conn, int sqlite_rc, struct so_err *err)
{
    if (conn->raised.code != SO_OK) {
        int code = conn->raised.code;
        if (err != NULL && err->code == SO_OK)
            *err = conn->raised;
        conn->raised.code = SO_OK;
        return code;
    }
    bool is_last = conn->sqlite != NULL && sqlite3_extended_errcode(conn->sqlite) == sqlite_rc;
    struct so_str message = so_str_c(is_last ? sqlite3_errmsg(conn->sqlite) : sqlite3_errstr(sqlite_rc));
    size_t i = find_code(sqlite_rc);
    if (i == COUNT_OF(CODES))
        i = find_code(sqlite_rc & 0xFF);
    if (i == COUNT_OF(CODES))
        return fail_by_sentence(message, err);
    if (CODES[i].explain == NULL)
        return so_err_oom(err);
    struct so_str rest = message;
    match_sentence(CODES[i].prefix, message, &rest);
    CODES[i].explain(err, CODES[i].code, CODES[i].id, rest);
    return CODES[i].code;
}

void so_sqlite_raise(sqlite3_context *context, const struct so_err *err)
{
    struct so_sqlite *conn = sqlite3_user_data(context);
    conn->raised = *err;
    if (err->code == SO_ENOMEM)
        sqlite3_result_error_nomem(context);
    else
        sqlite3_result_error(context, err->message, -1);
}
