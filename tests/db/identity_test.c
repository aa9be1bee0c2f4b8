/* identity_test.c: statements learn who is asking, and only what they ask for. */
#include "fixture.h"

#include "core/arena.h"
#include "core/mem.h"
#include "db/identity.h"

static void the_identity_is_bound_where_it_is_asked_for(void **state)
{
    static const struct {
        const char *sql, *want;
    } CASES[] = {
        {"SELECT :auth_uid || ' ' || :auth_role || ' ' || :auth_jwt", "u1 authenticated {}"},
        {"SELECT :auth_role", "authenticated"},
        {"SELECT 'none'", "none"},
    };
    (void)state;
    struct fixture f;
    struct so_conn *conn;
    const struct so_identity who = {.role = SO_ROLE_AUTHENTICATED, .uid = SO_STR("u1"), .claims = SO_STR("{}")};
    fixture_open(&f);
    assert_int_equal(so_db_reader_open(f.db, &conn, &f.err), SO_OK);
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct so_stmt *st;
        bool row;
        assert_int_equal(so_conn_prepare(conn, so_str_c(CASES[i].sql), &st, &f.err), SO_OK);
        so_identity_bind(&who, st);
        assert_int_equal(so_stmt_step(st, &row, &f.err), SO_OK);
        assert_str(so_stmt_text(st, 0), CASES[i].want);
        so_stmt_done(st);
    }
    assert_cell(conn, "SELECT :auth_uid IS NULL", "1"); /* not left over from the one before */
    so_conn_close(conn);
    fixture_close(&f);
}

static void a_copy_stands_alone(void **state)
{
    (void)state;
    char uid[] = "u1";
    const struct so_identity who = {.role = SO_ROLE_SERVICE, .uid = {uid, 2}};
    struct so_identity copy = {.role = SO_ROLE_ANON};
    struct so_arena arena;
    so_arena_init(&arena, 4096);
    so_mem_fail_at(0);
    assert_int_equal(so_identity_copy(&who, &arena, &copy, NULL), SO_ENOMEM);
    so_mem_fail_at(-1);
    assert_int_equal(copy.role, SO_ROLE_ANON);
    assert_int_equal(so_identity_copy(&who, &arena, &copy, NULL), SO_OK);
    uid[0] = 'x';
    assert_str(copy.uid, "u1");
    assert_null(copy.claims.p);
    assert_string_equal(so_role_name(copy.role), "service_role");
    so_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_identity_is_bound_where_it_is_asked_for),
        cmocka_unit_test(a_copy_stands_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
