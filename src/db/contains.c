/* contains.c: so_contains(have, want): PostgreSQL's  have @> want  over JSON (its manual, 8.14.3 "jsonb Containment").
 *
 *   object  every member of want is in have, and contained in it
 *   array   every element of want is contained in some element of have, in any order; and at the top an array holds a scalar
 *   scalar  equal
 *
 * NULL for NULL.  What is no JSON contains nothing and is in nothing. */
#include "db/sqlite_int.h"
#include "json/json.h"

/* Pairs of values that one call may compare: a call cannot be interrupted. */
enum { PAIRS_MAX = 4 * 1000 * 1000 };

static bool contains(const struct so_json *have, const struct so_json *want, long *left);

static bool array_holds(const struct so_json *have, const struct so_json *want, long *left)
{
    for (uint32_t i = 0; i<have->len && * left> 0; i++)
        if (contains(&have->u.items[i], want, left))
            return true;
    return false;
}

/* As deep as the parser allows. */
static bool contains(const struct so_json *have, const struct so_json *want, long *left)
{
    if (--*left <= 0)
        return false;
    if (want->type != SO_JSON_ARRAY && want->type != SO_JSON_OBJECT)
        return so_json_eq(have, want);
    if (have->type != want->type)
        return false;
    for (uint32_t i = 0; i < want->len; i++) {
        if (want->type == SO_JSON_ARRAY) {
            if (!array_holds(have, &want->u.items[i], left))
                return false;
            continue;
        }
        const struct so_json *member = so_json_get(have, so_json_key(&want->u.members[i]));
        *left -= (long)have->len;
        if (member == NULL || !contains(member, &want->u.members[i].value, left))
            return false;
    }
    return true;
}

/* False when it is no JSON; a failure for want of memory is the function's result. */
static bool parse(sqlite3_context *context, sqlite3_value *arg, struct so_json *out)
{
    struct so_sqlite *conn = sqlite3_user_data(context);
    struct so_err err = SO_ERR_INIT;
    const char *p = (const char *)sqlite3_value_text(arg);
    int rc = p == NULL ? so_err_oom(&err)
                       : so_json_parse(&conn->scratch, so_str(p, (size_t)sqlite3_value_bytes(arg)), NULL, out, &err);
    if (rc == SO_ENOMEM)
        so_sqlite_raise(context, &err);
    return rc == SO_OK;
}

static void call_contains(sqlite3_context *context, int count, sqlite3_value **args)
{
    (void)count;
    struct so_sqlite *conn = sqlite3_user_data(context);
    struct so_json have, want;
    long left = PAIRS_MAX;
    if (sqlite3_value_type(args[0]) == SQLITE_NULL || sqlite3_value_type(args[1]) == SQLITE_NULL)
        return;
    sqlite3_result_int(context, 0);
    if (parse(context, args[0], &have) && parse(context, args[1], &want)) {
        bool scalar = want.type != SO_JSON_ARRAY && want.type != SO_JSON_OBJECT && have.type == SO_JSON_ARRAY;
        bool found = scalar ? array_holds(&have, &want, &left) : contains(&have, &want, &left);
        struct so_err err = SO_ERR_INIT;
        if (left > 0) {
            sqlite3_result_int(context, found);
        } else {
            so_fail_http(&err, SO_ELIMIT, 0, "54000", "the arrays are too large to be compared");
            so_sqlite_raise(context, &err);
        }
    }
    so_arena_reset(&conn->scratch);
}

int so_contains_register(struct so_sqlite *conn)
{
    static const struct so_sql_function FUNCTIONS[] = {
        {"so_contains", 2, SQLITE_INNOCUOUS | SQLITE_DETERMINISTIC, call_contains, NULL, NULL},
    };
    return so_sqlite_add_functions(conn, FUNCTIONS, COUNT_OF(FUNCTIONS));
}
