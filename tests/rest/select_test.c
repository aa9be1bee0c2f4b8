/* select_test.c: select= as the reference's own doctests have it (PostgREST, QueryParams.hs), and its limits. */
#include "parsed.h"

static void show(struct so_text *t, const struct so_select *items)
{
    static const char *const JOINS[] = {"", "!left", "!inner"}, *const AGGREGATES[] = {"",      "sum", "avg",
                                                                                       "count", "max", "min"};
    for (const struct so_select *s = items; s != NULL; s = s->next) {
        so_text_c(t, s == items ? "" : " ");
        if (s->alias.p != NULL) {
            so_text_str(t, s->alias);
            so_text_c(t, "=");
        }
        so_text_c(t, s->kind == SO_SELECT_STAR     ? "*"
                     : s->kind == SO_SELECT_COUNT  ? "#"
                     : s->kind == SO_SELECT_SPREAD ? "..."
                                                   : "");
        if (s->kind != SO_SELECT_COUNT)
            show_field(t, &s->field);
        if (s->hint.p != NULL) {
            so_text_c(t, "!");
            so_text_str(t, s->hint);
        }
        so_text_c(t, JOINS[s->join]);
        if (s->cast.p != NULL) {
            so_text_c(t, "::");
            so_text_str(t, s->cast);
        }
        if (s->kind == SO_SELECT_FIELD && s->aggregate != SO_AGG_NONE) {
            so_text_c(t, ".");
            so_text_c(t, AGGREGATES[s->aggregate]);
        }
        if (s->aggregate_cast.p != NULL) {
            so_text_c(t, "::");
            so_text_str(t, s->aggregate_cast);
        }
        if (s->kind == SO_SELECT_EMBED || s->kind == SO_SELECT_SPREAD) {
            so_text_c(t, "(");
            show(t, s->children);
            so_text_c(t, ")");
        }
    }
}

static const struct {
    const char *select, *want; /* want: what was understood, or the error */
} CASES[] = {
    {"", ""},
    {"*", "*"},
    {"a,b", "a b"},
    {" a , b ", "a b"},
    {"*,client(*,nested(*))", "* client(* nested(*))"},
    {"*,...client(*),other(*)", "* ...client(*) other(*)"},
    {"rel!hint(*)", "rel!hint(*)"},
    {"alias:rel!hint!inner(*)", "alias=rel!hint!inner(*)"},
    {"rel!inner!hint(*)", "rel!hint!inner(*)"},
    {"rel!left()", "rel!left()"},
    {"...rel!hint!inner(a)", "...rel!hint!inner(a)"},
    {"name::cast", "name::cast"},
    {"alias:name->>path::cast", "alias=name>>path::cast"},
    {"a->0->0xy1->23-xy-45->>-6", "a>#0>0xy1>23-xy-45>>#-6"},
    {"a->b->>c", "a>b>>c"},
    {"a->0->-1->>x", "a>#0>#-1>>x"},
    {"a->1x", "a>1x"},
    {"a->\"b.c\"", "a>b.c"},
    {"with-dash", "with-dash"},
    {"\"with space\"", "with space"},
    {"\"a \\\"b\\\" \\\\\"", "a \"b\" \\"},
    {"n\xC3\xA9", "n\xC3\xA9"},
    {"count()", "#"},
    {"n:count()::text", "n=#::text"},
    {"pages.sum()", "pages.sum"},
    {"x:pages::int.avg()::text", "x=pages::int.avg::text"},
    {"books(count)", "books(count)"},
    {"a(", "400 PGRST100 \"failed to parse select parameter (a()\" (line 1, column 3) / unexpected end of input expecting "
           "\",\" or "
           "\")\""},
    {"a)", "400 PGRST100 \"failed to parse select parameter (a))\" (line 1, column 2) / unexpected \")\" expecting \",\" or "
           "end of "
           "input"},
    {"j->key[1", "j>key[1"},
    {"a->",
     "400 PGRST100 \"failed to parse select parameter (a->)\" (line 1, column 4) / unexpected end of input expecting \"-\", "
     "digit or any non reserved character different from: .,>()"},
    {"a,,b", "400 PGRST100 \"failed to parse select parameter (a,,b)\" (line 1, column 3) / unexpected \",\" expecting "
             "field name (* "
             "or [a..z0..9_$])"},
    {"a.median()",
     "400 PGRST100 \"failed to parse select parameter (a.median())\" (line 1, column 3) / unexpected \"m\" expecting "
     "\"sum\", \"avg\", \"count\", \"max\" or \"min\""},
    {"\"a", "400 PGRST100 \"failed to parse select parameter (\"a)\" (line 1, column 3) / unexpected end of input expecting "
            "\"\\\"\""},
};

static void items_are_understood(void **state)
{
    (void)state;
    size_t wrong = 0;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct so_arena arena;
        so_arena_init(&arena, 1 << 20);
        struct so_err err = SO_ERR_INIT;
        const struct so_select *items;
        struct so_text t;
        so_text_init(&t, &arena, 64);
        int rc = so_select_parse(&arena, so_str_c(CASES[i].select), &items, &err);
        if (rc == SO_OK)
            show(&t, items);
        struct so_str got = rc == SO_OK
                                ? so_text_get(&t)
                                : so_arena_printf(&arena, "%d %s %s / %s", err.status, err.id, err.message, err.details);
        wrong += !same(CASES[i].select, got, CASES[i].want);
        so_arena_deinit(&arena);
    }
    assert_int_equal(wrong, 0);
}

static void depth_and_number_are_bounded(void **state)
{
    (void)state;
    char text[16384] = "GET t?select=";
    struct parsed p;
    for (int i = 0; i < 40; i++)
        strcat(text, "a(");
    parse(&p, text, NULL, NULL);
    assert_int_equal(p.rc, SO_ELIMIT);
    done(&p);
    strcpy(text, "GET t?select=a");
    for (int i = 0; i < SO_REST_ITEMS_MAX + 1; i++)
        strcat(text, ",a");
    parse(&p, text, NULL, NULL);
    assert_int_equal(p.rc, SO_ELIMIT);
    done(&p);
}

static void memory_may_run_out(void **state)
{
    (void)state;
    survives_without_memory("GET t?select=a,b:c->d,\"e\\\"f\",g(h,...i(*))", NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_are_understood),
        cmocka_unit_test(depth_and_number_are_bounded),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
