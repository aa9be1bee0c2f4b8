/* lock_test.c: one process serves a database, and several may write it. */
#include "fixture.h"

#include <sys/wait.h>

enum { CHILDREN = 3, WRITES = 60 };

/* Opens and closes, too: the last one out checkpoints. */
static int write_many(const char *path, int child)
{
    for (int i = 0; i < WRITES; i++) {
        struct so_db *db = NULL;
        struct so_err err = SO_ERR_INIT;
        char sql[96];
        const char *text = sql;
        snprintf(sql, sizeof(sql), "INSERT INTO t VALUES (%d, hex(zeroblob(3000)))", child * WRITES + i);
        int rc = so_db_open(path, NULL, &db, &err);
        for (int again = 0; rc == SO_OK && again < 2; again++) {
            rc = so_db_write(db, fixture_run_sql, (void *)&text, &err);
            text = "UPDATE t SET b = b || 'x' WHERE a % 7 = 0";
        }
        so_db_close(db);
        if (rc != SO_OK) {
            fprintf(stderr, "child %d: %s\n", child, err.message);
            return 1;
        }
    }
    return 0;
}

static void processes_take_turns_to_write(void **state)
{
    (void)state;
    struct fixture f;
    struct so_conn *reader;
    pid_t children[CHILDREN];
    fixture_open(&f);
    fixture_exec(&f, "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)");
    so_db_close(f.db);
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0)
            _exit(write_many(f.path, i));
    }
    for (int i = 0; i < CHILDREN; i++) {
        int status = -1;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(so_db_open(f.path, NULL, &f.db, &f.err), SO_OK);
    assert_int_equal(so_db_reader_open(f.db, &reader, &f.err), SO_OK);
    assert_cell(reader, "SELECT count(*) FROM t", "180");
    assert_cell(reader, "SELECT * FROM pragma_integrity_check", "ok");
    so_conn_close(reader);
    fixture_close(&f);
}

static void a_second_server_is_refused(void **state)
{
    (void)state;
    static const struct so_db_options SERVER = {.serves = true};
    struct fixture f;
    struct so_db *other;
    char want[160], link_path[128];
    fixture_dir(&f);
    assert_int_equal(so_db_open(f.path, &SERVER, &f.db, &f.err), SO_OK);
    assert_int_equal(so_db_open(f.path, &SERVER, &other, &f.err), SO_EBUSY);
    snprintf(want, sizeof(want), "another process (pid %ld) serves the database %s", (long)getpid(), f.path);
    assert_string_equal(f.err.message, want);

    /* by another name of the same file */
    snprintf(link_path, sizeof(link_path), "%s/link.db", f.dir);
    assert_int_equal(symlink(f.path, link_path), 0);
    f.err = SO_ERR_INIT;
    assert_int_equal(so_db_open(link_path, &SERVER, &other, &f.err), SO_EBUSY);
    unlink(link_path);

    /* a command may write meanwhile, and when the server is gone another may come */
    assert_int_equal(so_db_open(f.path, NULL, &other, &f.err), SO_OK);
    so_db_close(other);
    so_db_close(f.db);
    assert_int_equal(so_db_open(f.path, &SERVER, &f.db, &f.err), SO_OK);
    fixture_close(&f);
}

static void a_server_that_dies_lets_go(void **state)
{
    (void)state;
    static const struct so_db_options SERVER = {.serves = true};
    struct fixture f;
    int status = -1;
    fixture_dir(&f);
    pid_t child = fork();
    if (child == 0) {
        struct so_db *db;
        _exit(so_db_open(f.path, &SERVER, &db, NULL) == SO_OK ? 7 : 1); /* as kill -9 would end it: nothing is closed */
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 7);
    assert_int_equal(so_db_open(f.path, &SERVER, &f.db, &f.err), SO_OK);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(processes_take_turns_to_write),
        cmocka_unit_test(a_second_server_is_refused),
        cmocka_unit_test(a_server_that_dies_lets_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
