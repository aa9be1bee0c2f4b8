/* media_test.c: types of answers beside rows: plans, and what a function says in a type of its own. */
#include "scenario.h"

#define PLAN "application/vnd.pgrst.plan"

static void a_plan_tells_how_a_request_would_run(void **state)
{
    static const struct scenario TABLE[] = {
        {"text", "anon", "GET books?isbn=eq.111", "Accept: " PLAN, NULL, 200,
         "Content-Type: " PLAN "+text; for=\"application/json\"; charset=utf-8", "~SEARCH", NULL, NULL},
        {"JSON", "anon", "GET books?isbn=eq.111&select=isbn,authors(name)", "Accept: " PLAN "+json", NULL, 200,
         "Content-Type: " PLAN "+json; for=\"application/json\"; charset=utf-8",
         "~[{\"Plan\":{\"Node Type\":\"Query\",\"Plans\":[{\"Node Type\":\"SEARCH", NULL, NULL},
        {"verbose", "anon", "GET books", "Accept: " PLAN "+json; options=verbose; for=\"text/csv\"", NULL, 200,
         "Content-Type: " PLAN "+json; for=\"text/csv\"; options=verbose; charset=utf-8", "~[{\"Query Text\":\"SELECT", NULL,
         NULL},
        {"verbose text", "anon", "GET authors", "Accept: " PLAN "+text; options=verbose", NULL, 200, NULL,
         "~\nQuery Text: SELECT", NULL, NULL},
        {"HEAD", "anon", "HEAD books", "Accept: " PLAN, NULL, 200, NULL, "", NULL, NULL},
        {"of an object", "anon", "GET books", "Accept: " PLAN "+json; for=\"application/vnd.pgrst.object\"", NULL, 200,
         "Content-Type: " PLAN "+json; for=\"application/vnd.pgrst.object+json\"; charset=utf-8", "~Plan", NULL, NULL},
        {"an insert that does not happen", "ann", "POST books", "Accept: " PLAN "+json",
         "{\"isbn\":\"777\",\"title\":\"t\",\"pages\":1}", 200, NULL, "~Plan", NULL, NULL},
        {"an update", "ann", "PATCH books?isbn=eq.111", "Accept: " PLAN, "{\"pages\":1}", 200, NULL, "~books", NULL, NULL},
        {"a delete", "ann", "DELETE books?isbn=eq.111", "Accept: " PLAN, NULL, 200, NULL, "~books", NULL, NULL},
        {"a function", "anon", "GET rpc/thick_books?least=1", "Accept: " PLAN, NULL, 200, NULL, "~books", NULL, NULL},
        {"a function that changes", "ann", "POST rpc/rename", "Accept: " PLAN, "{\"isbn\":\"111\",\"title\":\"x\"}", 200,
         NULL, "~books", NULL, NULL},
        {"... nothing happened", "ann", "GET books?isbn=in.(111,777)&select=title,pages", NULL, NULL, 200, NULL,
         "[{\"title\":\"Alpha\",\"pages\":100}]", NULL, NULL},
        {"a body that is wrong stays wrong", "ann", "POST books", "Accept: " PLAN, "{\"isbn\":\"\"}", 422, NULL, "~SO422",
         NULL, NULL},
        {"analyze", "anon", "GET books", "Accept: " PLAN "; options=analyze|wal", NULL, 400, NULL, "~PGRST127", NULL, NULL},
        {"of what there is not", "anon", "GET books", "Accept: " PLAN "; for=\"image/png\"", NULL, 406, NULL, "~PGRST107",
         NULL, NULL},
        {"less welcome", "anon", "GET books?isbn=eq.111&select=isbn", "Accept: " PLAN "; q=0.5, application/json", NULL, 200,
         NULL, "[{\"isbn\":\"111\"}]", NULL, NULL},
    };
    store.settings.plan = true;
    RUN(TABLE);
    store.settings.plan = false;
    static const struct scenario OFF[] = {
        {"off", "anon", "GET books", "Accept: " PLAN "+json", NULL, 406, NULL,
         "{\"code\":\"PGRST107\",\"details\":null,\"hint\":null,\"message\":\"None of these media types are available: " PLAN
         "+json\"}",
         NULL, NULL},
        {"off, but rows will do", "anon", "GET books?isbn=eq.111&select=isbn", "Accept: " PLAN ", text/csv;q=0.1", NULL, 200,
         "Content-Type: text/csv; charset=utf-8", "isbn\n111", NULL, NULL},
    };
    RUN(OFF);
}

static void a_function_speaks_its_own_type(void **state)
{
    static const struct scenario TABLE[] = {
        {"asked for", "anon", "GET rpc/page?to=you", "Accept: text/html,application/xml;q=0.9,*/*;q=0.8", NULL, 200,
         "Content-Type: text/html; charset=utf-8", "<b>you</b>", NULL, NULL},
        {"as JSON to others", "anon", "GET rpc/page?to=you", NULL, NULL, 200,
         "Content-Type: application/json; charset=utf-8", "\"<b>you</b>\"", NULL, NULL},
        {"by quality", "anon", "GET rpc/page?to=you", "Accept: text/html;q=0.2,application/json;q=0.9", NULL, 200,
         "Content-Type: application/json; charset=utf-8", "\"<b>you</b>\"", NULL, NULL},
        {"nothing", "anon", "GET rpc/page?to=nobody", "Accept: text/html", NULL, 200, NULL, "", NULL, NULL},
        {"by POST", "anon", "POST rpc/page", "Accept: text/html", "{\"to\":\"me\"}", 200, NULL, "<b>me</b>", NULL, NULL},
        {"another type", "anon", "GET rpc/page?to=you", "Accept: image/png", NULL, 406, NULL,
         "{\"code\":\"PGRST107\",\"details\":null,\"hint\":null,\"message\":\"None of these media types are available: "
         "image/png\"}",
         NULL, NULL},
        {"a function without one", "anon", "GET rpc/add?a=1&b=2", "Accept: text/html", NULL, 406, NULL, "~PGRST107", NULL,
         NULL},
        {"no function", "anon", "GET rpc/nope", "Accept: text/html", NULL, 404, NULL, "~PGRST202", NULL, NULL},
        {"a table", "anon", "GET books", "Accept: text/html", NULL, 406, NULL, "~PGRST107", NULL, NULL},
    };
    RUN(TABLE);
}

static void bytes_come_as_they_are(void **state)
{
    static const struct scenario BYTES = {"bytes", "anon", "GET rpc/dot", "Accept: image/x-dot", NULL, 200, NULL,
                                          NULL,    NULL,   NULL};
    struct call c = {.s = &BYTES};
    (void)state;
    so_arena_init(&c.arena, 8 << 20);
    so_buf_init(&c.body, 1 << 20);
    parse_call(&c);
    call(&c);
    assert_int_equal(c.body.len, 3);
    assert_memory_equal(c.body.p, "\0\0\0", 3);
    so_buf_deinit(&c.body);
    so_arena_deinit(&c.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_tells_how_a_request_would_run),
        cmocka_unit_test(a_function_speaks_its_own_type),
        cmocka_unit_test(bytes_come_as_they_are),
    };
    return cmocka_run_group_tests(tests, open_store, close_store);
}
