/* functions.c: small SQL functions: so_now(), so_uuid(). */
#include "core/clock.h"
#include "core/random.h"
#include "db/sqlite_int.h"
#include "db/type_int.h"

/* The same time for all rows of a statement, as now() of PostgreSQL. */
static void call_now(sqlite3_context *context, int count, sqlite3_value **args)
{
    (void)count, (void)args;
    struct so_sqlite *conn = sqlite3_user_data(context);
    if (conn->now_us == 0)
        conn->now_us = so_clock_now_us();
    char text[SO_TIMESTAMP_LEN + 1];
    so_timestamp_format(conn->now_us, text);
    sqlite3_result_text(context, text, SO_TIMESTAMP_LEN, SQLITE_TRANSIENT);
}

static void call_uuid(sqlite3_context *context, int count, sqlite3_value **args)
{
    (void)count, (void)args;
    char text[37];
    so_random_uuid(text);
    sqlite3_result_text(context, text, 36, SQLITE_TRANSIENT);
}

int so_functions_register(struct so_sqlite *conn)
{
    /* Innocuous: columns' defaults may call them although the schema is not trusted. */
    static const struct so_sql_function FUNCTIONS[] = {
        {"so_now", 0, SQLITE_INNOCUOUS, call_now, NULL, NULL},
        {"so_uuid", 0, SQLITE_INNOCUOUS, call_uuid, NULL, NULL},
        {"gen_random_uuid", 0, SQLITE_INNOCUOUS, call_uuid, NULL, NULL}, /* PostgreSQL's name for it */
    };
    return so_sqlite_add_functions(conn, FUNCTIONS, COUNT_OF(FUNCTIONS));
}
