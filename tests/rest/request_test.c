/* request_test.c: methods, paths, media types and bodies. */
#include "parsed.h"

#include "json/write.h"

static const struct {
    const char *request, *headers, *want; /* want: error, or "" */
} CASES[] = {
    {"GET books", NULL, ""},
    {"GET b%20c", NULL, ""},
    {"GET ", NULL, ""},
    {"GET books/1", NULL, "404 PGRST125 Invalid path specified in request URL / "},
    {"GET rpc/", NULL, "404 PGRST125 Invalid path specified in request URL / "},
    {"POST ", NULL, "405 PGRST117 Unsupported HTTP method: POST / "},
    {"PURGE books", NULL, "405 PGRST117 Unsupported HTTP method: PURGE / "},
    {"PATCH rpc/f", NULL, "405 PGRST101 Cannot use the PATCH method on RPC / "},
    {"GET books", "Accept-Profile: public", ""},
    {"GET books", "Content-Profile: other", ""},
    {"GET ", "Accept: image/png", "406 PGRST107 None of these media types are available: image/png / "},
    {"GET books", "Accept: image/png", ""}, /* the database may speak it: settled later (prepare.c, pg_media.c) */
    {"GET ", "Accept: application/openapi+json", ""},
};

static void requests_are_told_apart(void **state)
{
    (void)state;
    size_t wrong = 0;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct parsed p;
        parse(&p, CASES[i].request, CASES[i].headers, NULL);
        wrong += !same(CASES[i].request, p.rc == SO_OK ? SO_STR("") : show_error(&p), CASES[i].want);
        done(&p);
    }
    assert_int_equal(wrong, 0);
}

static void the_best_media_type_wins(void **state)
{
    (void)state;
    static const struct {
        const char *accept;
        enum so_media want;
    } MEDIA[] = {
        {"", SO_MEDIA_JSON},
        {"*/*", SO_MEDIA_JSON},
        {"TEXT/CSV", SO_MEDIA_CSV},
        {"text/csv;q=0.5, application/json;q=0.8", SO_MEDIA_JSON},
        {"text/csv;q=0.9,application/json;q=0.8", SO_MEDIA_CSV},
        {"image/png, application/vnd.pgrst.object", SO_MEDIA_OBJECT},
        {"application/vnd.pgrst.object+json; nulls=stripped; charset=utf-8", SO_MEDIA_OBJECT_STRIPPED},
        {"application/vnd.pgrst.array+json;nulls=stripped", SO_MEDIA_ARRAY_STRIPPED},
        {"application/json;q=0, text/csv;q=0.1", SO_MEDIA_CSV},
    };
    for (size_t i = 0; i < COUNT_OF(MEDIA); i++) {
        enum so_media media = SO_MEDIA_OPENAPI;
        struct so_explain explain;
        struct so_err err = SO_ERR_INIT;
        if (so_media_choose(so_str_c(MEDIA[i].accept), false, &media, &explain, &err) != SO_OK || media != MEDIA[i].want)
            fail_msg("%s: %d", MEDIA[i].accept, (int)media);
    }
}

static struct so_str show_rows(struct parsed *p)
{
    struct so_buf b;
    so_buf_init(&b, 4096);
    for (size_t i = 0; i < p->request.payload.key_count; i++) {
        so_buf_put_str(&b, p->request.payload.keys[i]);
        so_buf_putc(&b, ' ');
    }
    for (size_t i = 0; i < p->request.payload.row_count; i++)
        so_json_put(&b, &p->request.payload.rows[i]);
    struct so_str out = so_arena_dup(&p->arena, so_buf_str(&b));
    so_buf_deinit(&b);
    return out;
}

static void bodies_become_rows(void **state)
{
    (void)state;
    static const struct {
        const char *request, *type, *body, *want;
    } BODIES[] = {
        {"POST t", "application/json", "{\"a\":1,\"b\":null}", "a b {\"a\":1,\"b\":null}"},
        {"POST t", "application/json; charset=utf-8", "[{\"a\":1},{\"a\":2}]", "a {\"a\":1}{\"a\":2}"},
        {"POST t", "application/json", "[{\"a\":1,\"b\":2},{\"b\":3,\"a\":4}]", "a b {\"a\":1,\"b\":2}{\"b\":3,\"a\":4}"},
        {"POST t", "application/json", "[]", ""},
        {"POST t", "application/json", "[{\"a\":1},{\"b\":2}]", "400 PGRST102 All object keys must match / "},
        {"POST t", "application/json", "[{\"a\":1},{\"a\":2,\"b\":2}]", "400 PGRST102 All object keys must match / "},
        {"POST t", "application/json", "[{\"a\":1},5]", "400 PGRST102 All object keys must match / "},
        {"POST t?columns=a", "application/json", "[{\"a\":1},{\"b\":2}]", "{\"a\":1}{\"b\":2}"},
        {"POST t", "application/json", "5",
         "400 PGRST102 Empty or invalid json / expected an object or an array of objects"},
        {"PATCH t", "text/csv", "a,\"b \"\"c\"\"\"\r\n1,\"x\ny\"\r\nNULL,\"NULL\"\r\n",
         "a b \"c\" {\"a\":\"1\",\"b \\\"c\\\"\":\"x\\ny\"}{\"a\":null,\"b \\\"c\\\"\":\"NULL\"}"},
        {"POST t", "text/csv", "a,b\n1\n", "400 PGRST102 All lines must have same number of fields / "},
        {"POST t", "text/csv", "a,b\n1,2,3\n", "400 PGRST102 All lines must have same number of fields / "},
        {"POST t", "text/csv", "a\n\"x", "400 PGRST102 CSV: a quote is not closed at byte 4 / "},
        {"POST t", "application/x-www-form-urlencoded", "a=1+2&b=%26", "a b {\"a\":\"1 2\",\"b\":\"&\"}"},
        {"POST t", "image/png", "x", "400 PGRST102 Content-Type not acceptable: image/png / "},
    };
    size_t wrong = 0;
    for (size_t i = 0; i < COUNT_OF(BODIES); i++) {
        struct parsed p;
        char header[96];
        snprintf(header, sizeof(header), "Content-Type: %s", BODIES[i].type);
        parse(&p, BODIES[i].request, header, BODIES[i].body);
        wrong += !same(BODIES[i].body, p.rc == SO_OK ? show_rows(&p) : show_error(&p), BODIES[i].want);
        done(&p);
    }
    assert_int_equal(wrong, 0);
}

static void memory_may_run_out(void **state)
{
    (void)state;
    survives_without_memory("POST t?select=a&columns=a,b&on_conflict=a", "Prefer: return=minimal, x",
                            "[{\"a\":1},{\"a\":[2,{}]}]");
    survives_without_memory("POST t", "Content-Type: text/csv", "a,b\n\"1\",2\n3,4\n");
    survives_without_memory("POST t", "Content-Type: application/x-www-form-urlencoded", "a=%20&b=+");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_told_apart),
        cmocka_unit_test(the_best_media_type_wins),
        cmocka_unit_test(bodies_become_rows),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
