/* router_test.c: which route wins, what its parameters are, and what is said when none does. */
#include "../testing.h"

#include "core/mem.h"
#include "http/router.h"

static void nothing(struct so_http_exchange *x, void *arg)
{
    (void)x;
    (void)arg;
}

#define GET  SO_ALLOW(SO_GET)
#define POST SO_ALLOW(SO_POST)

static const struct so_route ROUTES[] = {
    {GET, "/", nothing, NULL},
    {GET, "/health/live", nothing, NULL},
    {SO_ALLOW_ANY, "/rest/v1/*", nothing, NULL},
    {GET, "/rest/v1/{table}", nothing, NULL},
    {POST, "/rest/v1/{table}", nothing, NULL},
    {GET | POST, "/rest/v1/rpc/{name}", nothing, NULL},
    {GET, "/a/{x}/b", nothing, NULL},
    {GET, "/a/{x}/{y}", nothing, NULL},
    {POST, "/a/c/{y}", nothing, NULL},
    {GET, "/files/*", nothing, NULL},
};

static struct so_arena arena;

static int find(const struct so_router *r, enum so_method method, const char *path, struct so_route_match *m)
{
    const struct so_http_request req = {.method = method, .path = so_str_c(path)};
    return so_router_find(r, &req, &arena, m);
}

static void the_most_literal_pattern_wins(void **state)
{
    (void)state;
    static const struct {
        enum so_method method;
        const char *path;
        int rc;
        int route; /* index, when found */
        const char *name, *value;
    } CASES[] = {
        {SO_GET, "/", SO_OK, 0, NULL, NULL},
        {SO_HEAD, "/", SO_OK, 0, NULL, NULL},
        {SO_GET, "/health/live", SO_OK, 1, NULL, NULL},
        {SO_GET, "/h%65alth/live", SO_OK, 1, NULL, NULL},
        {SO_GET, "/health/live/", SO_ENOTFOUND, 0, NULL, NULL},
        {SO_GET, "/health", SO_ENOTFOUND, 0, NULL, NULL},
        {SO_GET, "/Health/live", SO_ENOTFOUND, 0, NULL, NULL},
        {SO_GET, "/rest/v1/books", SO_OK, 3, "table", "books"},
        {SO_GET, "/rest/v1/b%C3%A9%2Fz", SO_OK, 3, "table", "b\xC3\xA9/z"},
        {SO_POST, "/rest/v1/books", SO_OK, 4, "table", "books"},
        {SO_PUT, "/rest/v1/books", SO_OK, 2, "*", "books"},
        {SO_GET, "/rest/v1/", SO_OK, 2, "*", ""},
        {SO_GET, "/rest/v1", SO_ENOTFOUND, 0, NULL, NULL},
        {SO_POST, "/rest/v1/rpc/top", SO_OK, 5, "name", "top"},
        {SO_GET, "/rest/v1/rpc/", SO_OK, 2, "*", "rpc/"},
        {SO_GET, "/rest/v1/x/y/z", SO_OK, 2, "*", "x/y/z"},
        {SO_GET, "/a/1/b", SO_OK, 6, "x", "1"},
        {SO_GET, "/a/1/c", SO_OK, 7, "y", "c"},
        {SO_GET, "/a/c/d", SO_OK, 7, "x", "c"},
        {SO_GET, "/a//b", SO_ENOTFOUND, 0, NULL, NULL},
        {SO_GET, "/files/a%20b/c", SO_OK, 9, "*", "a%20b/c"},
        {SO_GET, "/f%69les/a%20b/c", SO_OK, 9, "*", "a%20b/c"},
        {SO_DELETE, "/files/a", SO_EDENIED, 0, NULL, NULL},
        {SO_POST, "/", SO_EDENIED, 0, NULL, NULL},
        {SO_GET, "/a/%zz/b", SO_EINVAL, 0, NULL, NULL},
        {SO_GET, "/a/%00/b", SO_EINVAL, 0, NULL, NULL},
        {SO_OPTIONS, "*", SO_ENOTFOUND, 0, NULL, NULL},
        {SO_GET, "/rest/v1/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20/21/22/23/24/25/26/27/28/29/30/31/32", SO_OK, 2,
         "*", "1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20/21/22/23/24/25/26/27/28/29/30/31/32"},
    };
    struct so_router *r = NULL;
    assert_int_equal(so_router_new(ROUTES, COUNT_OF(ROUTES), &r, NULL), SO_OK);
    so_arena_init(&arena, 64 * 1024);
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct so_route_match m;
        int rc = find(r, CASES[i].method, CASES[i].path, &m);
        if (rc != CASES[i].rc || (rc == SO_OK && m.route != &ROUTES[CASES[i].route]))
            fail_msg("%s: %s", CASES[i].path, so_code_name(rc));
        if (rc == SO_OK && CASES[i].name != NULL)
            assert_str(so_route_param(&m, CASES[i].name), CASES[i].value);
        if (rc == SO_OK)
            assert_null(so_route_param(&m, "other").p);
        so_arena_reset(&arena);
    }
    so_arena_deinit(&arena);
    so_router_free(r);
}

static void a_wrong_method_is_told_the_right_ones(void **state)
{
    (void)state;
    struct so_router *r = NULL;
    struct so_route_match m;
    assert_int_equal(so_router_new(ROUTES, COUNT_OF(ROUTES), &r, NULL), SO_OK);
    so_arena_init(&arena, 4096);
    assert_int_equal(find(r, SO_PATCH, "/a/c/d", &m), SO_EDENIED);
    assert_str(so_route_allow(m.allowed, &arena), "GET, HEAD, POST");
    assert_str(so_route_allow(SO_ALLOW_ANY, &arena), "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    so_arena_deinit(&arena);
    so_router_free(r);
}

static void malformed_tables_are_refused(void **state)
{
    (void)state;
    static const struct so_route BAD[][2] = {
        {{GET, "", nothing, NULL}, {GET, "/ok", nothing, NULL}},
        {{GET, "a", nothing, NULL}, {GET, "/ok", nothing, NULL}},
        {{GET, "/{}", nothing, NULL}, {GET, "/ok", nothing, NULL}},
        {{GET, "/{a", nothing, NULL}, {GET, "/ok", nothing, NULL}},
        {{GET, "/a{b}", nothing, NULL}, {GET, "/ok", nothing, NULL}},
        {{GET, "/*/a", nothing, NULL}, {GET, "/ok", nothing, NULL}},
        {{GET, "/a*", nothing, NULL}, {GET, "/ok", nothing, NULL}},
        {{GET, "/a?b", nothing, NULL}, {GET, "/ok", nothing, NULL}},
        {{GET | POST, "/a", nothing, NULL}, {POST, "/a", nothing, NULL}},
        {{GET, "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}", nothing, NULL}, {GET, "/ok", nothing, NULL}},
    };
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        struct so_err err = SO_ERR_INIT;
        struct so_router *r = NULL;
        if (so_router_new(BAD[i], 2, &r, &err) != SO_EINVAL)
            fail_msg("%s", BAD[i][0].pattern);
        assert_null(r);
        assert_true(err.message[0] != '\0');
    }
}

static void every_failed_allocation_is_an_error(void **state)
{
    (void)state;
    for (long n = 0;; n++) {
        struct so_router *r = NULL;
        struct so_route_match m;
        so_arena_init(&arena, 4096);
        so_mem_fail_at(n);
        int rc = so_router_new(ROUTES, COUNT_OF(ROUTES), &r, NULL);
        if (rc == SO_OK)
            rc = find(r, SO_GET, "/rest/v1/b%20c", &m);
        bool failed = so_mem_failed();
        so_mem_fail_at(-1);
        assert_int_equal(rc, failed ? SO_ENOMEM : SO_OK);
        so_router_free(r);
        so_arena_deinit(&arena);
        if (!failed)
            return;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_most_literal_pattern_wins),
        cmocka_unit_test(a_wrong_method_is_told_the_right_ones),
        cmocka_unit_test(malformed_tables_are_refused),
        cmocka_unit_test(every_failed_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
