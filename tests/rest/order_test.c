/* order_test.c: order=, limit=, offset= and the Range header. */
#include "parsed.h"

static const struct {
    const char *order, *want;
} ORDERS[] = {
    {"a", "a"},
    {"a.asc", "a asc"},
    {"a.desc.nullsfirst,b.asc.nullslast", "a desc first, b asc last"},
    {"a.nullslast", "a last"},
    {"d->>k.desc", "d>>k desc"},
    {"rel(a).desc,b", "rel:a desc, b"},
    {"rel(d->k)", "rel:d>k"},
    {"a.up",
     "400 PGRST100 \"failed to parse order (a.up)\" (line 1, column 3) / unexpected \"u\" expecting \"asc\", \"desc\", "
     "\"nullsfirst\" or \"nullslast\""},
    {"a.asc.nulls",
     "400 PGRST100 \"failed to parse order (a.asc.nulls)\" (line 1, column 7) / unexpected \"n\" expecting \"nullsfirst\" "
     "or \"nullslast\""},
    {"a.ascx", "400 PGRST100 \"failed to parse order (a.ascx)\" (line 1, column 6) / unexpected \"x\" expecting delimiter "
               "(.), \",\" or "
               "end of input"},
    {"rel(a", "400 PGRST100 \"failed to parse order (rel(a)\" (line 1, column 6) / unexpected end of input expecting \")\""},
};

static struct so_str show(struct parsed *p)
{
    static const char *const DIRECTIONS[] = {"", " asc", " desc"}, *const NULLS[] = {"", " first", " last"};
    struct so_text t;
    so_text_init(&t, &p->arena, 64);
    for (const struct so_order *o = p->request.top.order; o != NULL; o = o->next) {
        so_text_c(&t, o == p->request.top.order ? "" : ", ");
        if (o->relation.p != NULL) {
            so_text_str(&t, o->relation);
            so_text_char(&t, ':');
        }
        show_field(&t, &o->field);
        so_text_c(&t, DIRECTIONS[o->direction]);
        so_text_c(&t, NULLS[o->nulls]);
    }
    return so_text_get(&t);
}

static void terms_are_understood(void **state)
{
    (void)state;
    size_t wrong = 0;
    for (size_t i = 0; i < COUNT_OF(ORDERS); i++) {
        char request[128];
        struct parsed p;
        snprintf(request, sizeof(request), "GET t?order=%s", ORDERS[i].order);
        parse(&p, request, NULL, NULL);
        wrong += !same(ORDERS[i].order, p.rc == SO_OK ? show(&p) : show_error(&p), ORDERS[i].want);
        done(&p);
    }
    assert_int_equal(wrong, 0);
}

static const struct {
    const char *request, *headers;
    int64_t offset, limit; /* limit -1: none; offset -1: 416 */
} RANGES[] = {
    {"GET t", NULL, 0, -1},
    {"GET t?limit=5", NULL, 0, 5},
    {"GET t?limit=5&offset=3", NULL, 3, 5},
    {"GET t?offset=-3", NULL, 0, -1},
    {"GET t?limit=many", NULL, 0, -1},
    {"GET t?limit=-1", NULL, -1, 0},
    {"GET t", "Range: 2-4", 2, 3},
    {"GET t", "Range: 2-", 2, -1},
    {"GET t", "Range: items=0-0", 0, 1},
    {"GET t", "Range: bytes", 0, -1},
    {"GET t", "Range: 4-2", -1, 0},
    {"GET t", "Range: 0-9223372036854775807", 0, -1},
    {"GET t?limit=2", "Range: 1-9", 1, 1},
    {"GET t?limit=2&offset=4", "Range: 0-9", 4, 2},
    {"GET t?limit=0", "Range: 5-9", 0, 0},
    {"GET t?limit=9223372036854775807&offset=9223372036854775807", "Range: 0-5", -1, 0},
    {"HEAD t", "Range: 2-4", 0, -1},
    {"DELETE t", "Range: 2-4", 0, -1},
};

static void ranges_meet(void **state)
{
    (void)state;
    size_t wrong = 0;
    for (size_t i = 0; i < COUNT_OF(RANGES); i++) {
        struct parsed p;
        parse(&p, RANGES[i].request, RANGES[i].headers, NULL);
        int64_t offset = p.rc == SO_OK ? p.request.top.offset : p.err.status == 416 ? -1 : -2;
        int64_t limit = p.rc == SO_OK ? p.request.top.limit : 0;
        if (offset != RANGES[i].offset || limit != RANGES[i].limit) {
            print_error("%s %s: %lld+%lld\n", RANGES[i].request, RANGES[i].headers, (long long)offset, (long long)limit);
            wrong++;
        }
        done(&p);
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(terms_are_understood),
        cmocka_unit_test(ranges_meet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
