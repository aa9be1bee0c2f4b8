/* filter_test.c: conditions and trees of them, with the path that they belong to. */
#include "parsed.h"

static void show(struct so_text *t, const struct so_filter *f)
{
    static const char *const TRUTHS[] = {"null", "not_null", "true", "false", "unknown"}, *const QUANTIFIERS[] = {
                                                                                              "", "(any)", "(all)"};
    so_text_c(t, f->negated ? "not " : "");
    if (f->logic != SO_LOGIC_LEAF) {
        so_text_c(t, f->logic == SO_LOGIC_AND ? "and(" : "or(");
        for (const struct so_filter *sub = f->sub; sub != NULL; sub = sub->next) {
            so_text_c(t, sub == f->sub ? "" : "; ");
            show(t, sub);
        }
        so_text_c(t, ")");
        return;
    }
    show_field(t, &f->field);
    so_text_char(t, ' ');
    so_text_c(t, so_op_name(f->op));
    so_text_c(t, QUANTIFIERS[f->quantifier]);
    if (f->language.p != NULL) {
        so_text_char(t, '/');
        so_text_str(t, f->language);
    }
    so_text_char(t, ' ');
    if (f->op == SO_OP_IS)
        so_text_c(t, TRUTHS[f->is]);
    else if (f->list != NULL)
        show_names(t, f->list);
    else {
        so_text_char(t, '<');
        so_text_str(t, f->value);
        so_text_char(t, '>');
    }
}

static const struct {
    const char *query, *want;
} CASES[] = {
    {"id=eq.1", "id eq <1>"},
    {"id=not.eq.1", "not id eq <1>"},
    {"name=eq.a,b.c)\"d\"", "name eq <a,b.c)\"d\">"},
    {"name=eq.", "name eq <>"},
    {"name=like.*a%2Ab+c", "name like <*a*b c>"},
    {"name=like(any).{a*,\"b,c\"}", "name like(any) <a*>,<b,c>"},
    {"id=not.gte(all).{1,2}", "not id gte(all) <1>,<2>"},
    {"id=in.(1,2,3)", "id in <1>,<2>,<3>"},
    {"id=in.(\"a,b\",\"c\\\"d\\\\\",e)", "id in <a,b>,<c\"d\\>,<e>"},
    {"id=in.(\"a\"b,c)", "id in <\"a\"b>,<c>"},
    {"id=in.()", "id in <>"},
    {"a=is.NULL", "a is null"},
    {"a=is.not_null", "a is not_null"},
    {"a=not.is.true", "not a is true"},
    {"a=isdistinct.5", "a isdistinct <5>"},
    {"a->b->>c=eq.1", "a>b>>c eq <1>"},
    {"t=fts(english).cat", "t fts/english <cat>"},
    {"t=wfts.cat", "t wfts <cat>"},
    {"r=sl.(1,10)", "r sl <(1,10)>"},
    {"tags=cs.{a,b}", "tags cs <{a,b}>"},
    {"or=(a.eq.1,b.lt.2)", "or(a eq <1>; b lt <2>)"},
    {"and=(a.eq.1)", "and(a eq <1>)"},
    {"not.or=(a.eq.1,b.not.is.null)", "not or(a eq <1>; not b is null)"},
    {"or=(a.eq.1,not.and(b.eq.2,or(c.is.null,d.in.(1,\"2)\"))))",
     "or(a eq <1>; not and(b eq <2>; or(c is null; d in <1>,<2)>)))"},
    {"or=( a.eq.\"x,y\", b->>c.eq.z )", "or(a eq <x,y>; b>>c eq <z >)"},
    {"or=(and.eq.1,or.is.null)", "or(and eq <1>; or is null)"},
    {"or=(tags.cs.{a,b},x.eq.1)", "or(tags cs <{a,b}>; x eq <1>)"},
    {"id=noop.0",
     "400 PGRST100 \"failed to parse filter (noop.0)\" (line 1, column 1) / unexpected \"n\" expecting \"not\" or operator "
     "(eq, gt, ...)"},
    {"id=5", "400 PGRST100 \"failed to parse filter (5)\" (line 1, column 1) / unexpected \"5\" expecting \"not\" or "
             "operator (eq, gt, "
             "...)"},
    {"id=eq",
     "400 PGRST100 \"failed to parse filter (eq)\" (line 1, column 3) / unexpected end of input expecting delimiter (.)"},
    {"id=is.maybe",
     "400 PGRST100 \"failed to parse filter (is.maybe)\" (line 1, column 4) / unexpected \"m\" expecting isVal: (null, "
     "not_null, true, false, unknown)"},
    {"id=in.1", "400 PGRST100 \"failed to parse filter (in.1)\" (line 1, column 4) / unexpected \"1\" expecting \"(\""},
    {"id=neq(any).{1}",
     "400 PGRST100 \"failed to parse filter (neq(any).{1})\" (line 1, column 4) / unexpected \"(\" expecting "
     "delimiter (.)"},
    {"or=(a.eq.1",
     "400 PGRST100 \"failed to parse logic tree ((a.eq.1)\" (line 1, column 8) / unexpected end of input expecting \",\" "
     "or \")\""},
    {"or=a.eq.1",
     "400 PGRST100 \"failed to parse logic tree (a.eq.1)\" (line 1, column 1) / unexpected \"a\" expecting \"(\""},
    {"a%00=eq.1", "400 PGRST100 the URL is not valid UTF-8 or holds a NUL byte / Percent-encode text as UTF-8"},
    {"a=eq.%FF", "400 PGRST100 the URL is not valid UTF-8 or holds a NUL byte / Percent-encode text as UTF-8"},
};

static struct so_str show_request(struct parsed *p)
{
    struct so_text t;
    so_text_init(&t, &p->arena, 64);
    for (const struct so_filter *f = p->request.top.filters; f != NULL; f = f->next) {
        so_text_c(&t, f == p->request.top.filters ? "" : " & ");
        show(&t, f);
    }
    for (const struct so_scope *s = p->request.scopes; s != NULL; s = s->next) {
        so_text_c(&t, " @");
        show_names(&t, s->path);
        for (const struct so_filter *f = s->filters; f != NULL; f = f->next) {
            so_text_c(&t, " ");
            show(&t, f);
        }
    }
    return so_text_get(&t);
}

static void conditions_are_understood(void **state)
{
    (void)state;
    size_t wrong = 0;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        char request[512];
        struct parsed p;
        snprintf(request, sizeof(request), "GET t?%s", CASES[i].query);
        parse(&p, request, NULL, NULL);
        wrong += !same(CASES[i].query, p.rc == SO_OK ? show_request(&p) : show_error(&p), CASES[i].want);
        done(&p);
    }
    assert_int_equal(wrong, 0);
}

static void paths_lead_to_embedded_resources(void **state)
{
    (void)state;
    struct parsed p;
    parse(&p, "GET t?a=eq.1&a=gt.0&rel.b=eq.2&rel.or=(c.eq.3)&rel.sub.d=is.null&rel.not.and=(e.eq.1)&x.not.or=(f.eq.1)",
          NULL, NULL);
    assert_int_equal(p.rc, SO_OK);
    assert_str(show_request(&p), "a eq <1> & a gt <0> @<rel> b eq <2> or(c eq <3>) not and(e eq <1>) @<rel>,<sub> d is null"
                                 " @<x> not or(f eq <1>)");
    done(&p);
}

static void depth_is_bounded(void **state)
{
    (void)state;
    char text[512] = "GET t?or=(";
    struct parsed p;
    for (int i = 0; i < 40; i++)
        strcat(text, "and(");
    parse(&p, text, NULL, NULL);
    assert_int_equal(p.rc, SO_ELIMIT);
    done(&p);
}

static void memory_may_run_out(void **state)
{
    (void)state;
    survives_without_memory("GET t?a=in.(1,\"b\\\"\")&r.s.or=(c->d.eq.1,not.and(e.is.null))", NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_are_understood),
        cmocka_unit_test(paths_lead_to_embedded_resources),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
