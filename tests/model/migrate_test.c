/* migrate_test.c: the database becomes what the schema files say, and no row is lost on the way. */
#include "workbench.h"

static void the_bookstore_is_made(void **state)
{
    (void)state;
    bench_open();
    struct so_db *db = bench_database();
    bench_must_migrate(db, bench_data("bookstore"), false);
    puts(bench_get(db, "SELECT group_concat(sql, ';') FROM sqlite_schema"));
    so_db_close(db);
    bench_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bookstore_is_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
