/* pg_sql_test.c: parameters of ours as PostgreSQL's. */
#include "../testing.h"

#include "db/pg_sql.h"

static void parameters_are_translated_outside_of_literals(void **state)
{
    static const struct {
        const char *label, *in, *out;
        int parameters;
    } CASES[] = {
        {"numbered", "SELECT ?1, ?2, ?1", "SELECT $1, $2, $1", 2},
        {"its own form", "SELECT $2 + ?1", "SELECT $2 + $1", 2},
        {"named", "SELECT :a, :b, :a", "SELECT $1, $2, $1", 2},
        {"named after numbered", "SELECT ?2, :a", "SELECT $2, $3", 3},
        {"casts", "SELECT ?1::text, 'x'::uuid, a::b", "SELECT $1::text, 'x'::uuid, a::b", 1},
        {"a cast of a named one", "SELECT :a::int", "SELECT $1::int", 1},
        {"literals", "SELECT ':a ?1 ''?2'' :b', ?1", "SELECT ':a ?1 ''?2'' :b', $1", 1},
        {"escapes", "SELECT E'\\'?1', ?1", "SELECT E'\\'?1', $1", 1},
        {"a name that ends in e", "SELECT type'\\', ?1", "SELECT type'\\', $1", 1},
        {"quoted names", "SELECT \"a?1\"\":b\", ?1", "SELECT \"a?1\"\":b\", $1", 1},
        {"dollars", "SELECT $$?1 :a$$, $x$ $$ ?2 $x$, ?1", "SELECT $$?1 :a$$, $x$ $$ ?2 $x$, $1", 1},
        {"a name with a dollar", "SELECT a$b$, ?1, c$b$", "SELECT a$b$, $1, c$b$", 1},
        {"line comments", "SELECT 1 -- ?1 :a '\n, ?1", "SELECT 1 -- ?1 :a '\n, $1", 1},
        {"nested comments", "SELECT /* ?1 /* :a */ ' */ ?1", "SELECT /* ?1 /* :a */ ' */ $1", 1},
        {"operators of jsonb", "SELECT a ? 'b', a ?| b, a ?& ?1", "SELECT a ? 'b', a ?| b, a ?& $1", 1},
        {"slices", "SELECT a[1:2], a[:2]", "SELECT a[1:2], a[:2]", 0},
        {"arrays", "SELECT ARRAY[:a,:b]", "SELECT ARRAY[$1,$2]", 2},
        {"unclosed", "SELECT 'a ?1", "SELECT 'a ?1", 0},
        {"unclosed comment", "SELECT /* ?1", "SELECT /* ?1", 0},
        {"unclosed dollars", "SELECT $a$ ?1", "SELECT $a$ ?1", 0},
        {"at the end", "SELECT :", "SELECT :", 0},
        {"words with digits", "SELECT a1, b?1", "SELECT a1, b $1", 1},
        {"names with dollars", "SELECT a$1, ?1", "SELECT a$1, $1", 1},
        {"a parameter named e", "SELECT :e'\\', ?1", "SELECT $1'\\', $1", 1},
        {"side by side", "SELECT ?1?2:a", "SELECT $1 $2 $3", 3},
        {"empty", "", "", 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct so_pg_sql sql;
        struct so_err err = SO_ERR_INIT;
        assert_int_equal(so_pg_sql_translate(so_str_c(CASES[i].in), &sql, &err), SO_OK);
        if (strcmp(sql.text.p, CASES[i].out) != 0 || sql.parameter_count != CASES[i].parameters)
            fail_msg("%s\n got:  %s (%d)\n want: %s (%d)", CASES[i].label, sql.text.p, sql.parameter_count, CASES[i].out,
                     CASES[i].parameters);
        so_buf_deinit(&sql.text);
    }
}

static void names_have_positions_and_the_verb_is_known(void **state)
{
    (void)state;
    struct so_pg_sql sql;
    struct so_err err = SO_ERR_INIT;
    assert_int_equal(so_pg_sql_translate(SO_STR("/* x */ update t SET a = :b, c = ?4, d = :e"), &sql, &err), SO_OK);
    assert_int_equal(so_pg_sql_position(&sql, SO_STR(":b")), 1);
    assert_int_equal(so_pg_sql_position(&sql, SO_STR(":e")), 5);
    assert_int_equal(so_pg_sql_position(&sql, SO_STR(":none")), 0);
    assert_str(sql.verb, "update");
    so_buf_deinit(&sql.text);
}

static void what_has_no_number_is_refused(void **state)
{
    static const char *const CASES[] = {"SELECT ?0", "SELECT ?65536", "SELECT ?99999999999999999999"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct so_pg_sql sql;
        struct so_err err = SO_ERR_INIT;
        assert_int_equal(so_pg_sql_translate(so_str_c(CASES[i]), &sql, &err), SO_EDB);
        assert_string_equal(err.id, "42P02");
        so_buf_deinit(&sql.text);
    }
    char many[8 * 40];
    size_t n = 0;
    for (int i = 0; i < 33; i++)
        n += (size_t)snprintf(many + n, sizeof(many) - n, " :p%d", i);
    struct so_pg_sql sql;
    struct so_err err = SO_ERR_INIT;
    assert_int_equal(so_pg_sql_translate(so_str(many, n), &sql, &err), SO_EDB);
    assert_string_equal(err.id, "54000");
    so_buf_deinit(&sql.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_are_translated_outside_of_literals),
        cmocka_unit_test(names_have_positions_and_the_verb_is_known),
        cmocka_unit_test(what_has_no_number_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
