/* wide_test.c: rows of a thousand columns, embedded: more than a function of SQLite takes arguments. */
#include "scenario.h"

enum { COLUMNS = 998 }; /* besides id and narrow_id */

static char sql[64 << 10], row[64 << 10], rows[(64 << 10) + 64], inside[(64 << 10) + 64], stripped[256];

static void make_texts(void)
{
    size_t n = 0, r = 0;
    n += (size_t)snprintf(sql + n, sizeof(sql) - n,
                          "CREATE TABLE narrow(id INTEGER PRIMARY KEY); INSERT INTO narrow VALUES (1), (2);"
                          "CREATE TABLE wide(id INTEGER PRIMARY KEY, narrow_id INTEGER REFERENCES narrow(id)");
    r += (size_t)snprintf(row + r, sizeof(row) - r, "{\"id\":1,\"narrow_id\":1");
    for (int i = 0; i < COLUMNS; i++) {
        n += (size_t)snprintf(sql + n, sizeof(sql) - n, ", c%d INTEGER", i);
        r += i == 900 ? (size_t)snprintf(row + r, sizeof(row) - r, ",\"c%d\":7", i)
                      : (size_t)snprintf(row + r, sizeof(row) - r, ",\"c%d\":null", i);
    }
    snprintf(sql + n, sizeof(sql) - n, "); INSERT INTO wide(id, narrow_id, c900) VALUES (1, 1, 7);");
    snprintf(row + r, sizeof(row) - r, "}");
    snprintf(rows, sizeof(rows), "[{\"id\":1,\"wide\":[%s]},{\"id\":2,\"wide\":[]}]", row);
    snprintf(inside, sizeof(inside), "[{\"id\":1,\"narrow\":{\"wide\":[%s]}}]", row);
    snprintf(stripped, sizeof(stripped), "[{\"id\":1,\"wide\":[{\"id\":1,\"narrow_id\":1,\"c900\":7}]}]");
}

static void a_thousand_columns_are_embedded(void **state)
{
    const struct scenario TABLE[] = {
        {"to-many", "service", "GET narrow?select=id,wide(*)&order=id", NULL, NULL, 200, NULL, rows, NULL, NULL},
        {"to-many, sorted", "service", "GET narrow?select=id,wide(*)&order=id&wide.order=c900.desc&wide.limit=1", NULL, NULL,
         200, NULL, rows, NULL, NULL},
        {"inside a to-one", "service", "GET wide?select=id,narrow(wide(*))", NULL, NULL, 200, NULL, inside, NULL, NULL},
        {"without nulls, parts of nothing but nulls too", "service", "GET narrow?select=id,wide(*)&id=eq.1",
         "Accept: application/vnd.pgrst.array+json;nulls=stripped", NULL, 200, NULL, stripped, NULL, NULL},
        {"a write's", "service", "PATCH narrow?id=eq.1&select=id,wide(*)", "Prefer: return=representation", "{\"id\":1}",
         200, NULL, NULL, NULL, NULL},
    };
    RUN(TABLE);
}

static int open_wide(void **state)
{
    make_texts();
    store_more_sql = sql;
    return open_store(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_thousand_columns_are_embedded)};
    return cmocka_run_group_tests(tests, open_wide, close_store);
}
