/* sql_test.c: one URL, one text of SQL; values are parameters, so the text does not depend on them. */
#include "bookstore.h"

#include "core/mem.h"
#include "rest/op.h"
#include "rest/text.h"

static struct store store;

static const struct {
    const char *who, *request, *body, *want;
} CASES[] = {
    {"anon", "GET books?isbn=eq.1&select=isbn", NULL, "SELECT t0.\"isbn\" FROM \"books\" t0 WHERE t0.\"isbn\" = ?1"},
    {"anon", "GET books?isbn=eq.2&select=isbn&limit=9", NULL,
     "SELECT t0.\"isbn\" FROM \"books\" t0 WHERE t0.\"isbn\" = ?1 LIMIT ?2"},
    {"anon", "GET books?select=isbn&order=isbn.desc,price&offset=3", NULL,
     "SELECT t0.\"isbn\" FROM \"books\" t0 ORDER BY t0.\"isbn\" DESC, t0.\"price\" NULLS LAST LIMIT ?1 OFFSET ?2"},
    {"ann", "GET diary?select=id&id=gt.1", NULL,
     "WITH so_who(uid, role, jwt) AS (SELECT :auth_uid, :auth_role, :auth_jwt) SELECT t0.\"id\" FROM (SELECT * FROM "
     "\"diary\" "
     "WHERE owner_id = :auth_uid) t0 WHERE t0.\"id\" > ?4"},
    {"service", "GET diary?select=id", NULL, "SELECT t0.\"id\" FROM \"diary\" t0"},
    {"ann", "GET vault?select=id", NULL, "SELECT t0.\"id\" FROM (SELECT * FROM \"vault\" WHERE 0) t0"},
    {"anon", "GET books?select=isbn,authors(name)", NULL,
     "SELECT t0.\"isbn\", (SELECT so_object(?1, t1.\"name\") FROM \"authors\" t1 WHERE t1.\"id\" = t0.\"author_id\") FROM "
     "\"books\" t0"},
    {"anon", "GET authors?select=books(isbn)", NULL,
     "SELECT (SELECT so_rows(?1, t1.\"isbn\") FROM \"books\" t1 WHERE t1.\"author_id\" = t0.\"id\") FROM \"authors\" t0"},
    {"anon", "GET authors?select=books(isbn)&books.limit=1", NULL,
     "SELECT (SELECT so_rows(?1, c0) FROM (SELECT t1.\"isbn\" AS c0 FROM \"books\" t1 WHERE t1.\"author_id\" = t0.\"id\" "
     "LIMIT ?2)) FROM "
     "\"authors\" t0"},
    {"anon", "GET books?select=tags:tags(word)&isbn=not.in.(1)", NULL,
     "SELECT (SELECT so_rows(?1, t1.\"word\") FROM \"tags\" t1, \"book_tags\" j1 WHERE j1.\"isbn\" = t0.\"isbn\" AND "
     "j1.\"tag_id\" = "
     "t1.\"id\") FROM \"books\" t0 WHERE NOT (t0.\"isbn\" IN (SELECT value FROM json_each(?2)))"},
    {"service", "POST tags?select=id", "{\"id\":1,\"word\":\"x\"}",
     "INSERT INTO \"tags\"(\"id\", \"word\") SELECT so_value(?1, i, 0), so_value(?1, i, 1) FROM so_input(?1) WHERE 1 "
     "RETURNING 1"},
    {"ann", "DELETE books?isbn=eq.1", NULL,
     "WITH so_who(uid, role, jwt) AS (SELECT :auth_uid, :auth_role, :auth_jwt) DELETE FROM \"books\" WHERE "
     "\"books\".\"isbn\" = ?4 AND "
     "(owner_id = :auth_uid) RETURNING 1"},
    {"service", "PATCH handmade?id=eq.1", "{\"n\":1}",
     "UPDATE \"handmade\" SET \"n\" = so_value(?1, 0, 0) WHERE \"handmade\".\"id\" = ?2 RETURNING 1"},
};

static int prepare(const char *name, const char *request, const char *body, struct so_arena *arena, struct so_rest_op **op,
                   struct so_err *err)
{
    static struct so_identity identity;
    identity = who(name);
    struct so_rest_in in = {.who = &identity, .body = so_str_c(body)};
    struct so_str target = so_str_c(request);
    so_str_split(&target, ' ', &in.method);
    so_str_split(&target, '?', &in.path);
    in.query = target;
    return so_rest_prepare(&in, store.snapshot, &store.settings, arena, op, err);
}

static void a_request_is_one_statement(void **state)
{
    (void)state;
    size_t wrong = 0;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct so_arena arena;
        struct so_err err = SO_ERR_INIT;
        struct so_rest_op *op = NULL;
        so_arena_init(&arena, 1 << 20);
        must(prepare(CASES[i].who, CASES[i].request, CASES[i].body, &arena, &op, &err), &err);
        if (!so_str_eq_c(op->sql.text, CASES[i].want)) {
            print_error("%s\n  got:  %.*s\n  want: %s\n", CASES[i].request, SO_STR_ARG(op->sql.text), CASES[i].want);
            wrong++;
        }
        so_arena_deinit(&arena);
    }
    assert_int_equal(wrong, 0);
}

static void names_are_quoted(void **state)
{
    (void)state;
    struct so_arena arena;
    struct so_text t;
    so_arena_init(&arena, 1 << 16);
    so_text_init(&t, &arena, 4);
    so_text_name(&t, SO_STR("a\"b\"\"; --"));
    assert_str(so_text_get(&t), "\"a\"\"b\"\"\"\"; --\"");
    so_arena_deinit(&arena);
}

static void memory_may_run_out(void **state)
{
    (void)state;
    static const struct {
        const char *request, *body;
    } REQUESTS[] = {
        {"GET "
         "authors?select=*,books!inner(isbn,tags(word),...authors(name))&books.pages=in.(1,2)&or=(name.like.a*,id.is.null)&"
         "order=name&books.order=isbn&limit=3",
         NULL},
        {"POST books?columns=isbn,title,pages&select=isbn", "[{\"isbn\":\"555\",\"title\":\"a\",\"pages\":0}]"},
        {"GET bookz", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(REQUESTS); i++) {
        bool failed = true;
        for (long n = 0; failed; n++) {
            struct so_arena arena;
            struct so_err err = SO_ERR_INIT;
            struct so_rest_op *op = NULL;
            so_arena_init(&arena, 1 << 20);
            so_mem_fail_at(n);
            int rc = prepare("ann", REQUESTS[i].request, REQUESTS[i].body, &arena, &op, &err);
            failed = so_mem_failed();
            so_mem_fail_at(-1);
            if (failed)
                assert_int_equal(rc, SO_ENOMEM);
            so_arena_deinit(&arena);
        }
    }
}

static int open_store(void **state)
{
    (void)state;
    store_open(&store);
    return 0;
}

static int close_store(void **state)
{
    (void)state;
    store_close(&store);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_one_statement),
        cmocka_unit_test(names_are_quoted),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, open_store, close_store);
}
