/* search_test.c: full text queries as PostgreSQL spells them find the rows that they should. */
#include "scenario.h"

static void text_is_searched(void **state)
{
#define S(filter, ...)                                                                                                      \
    {                                                                                                                       \
        filter, "anon", "GET articles?select=id&order=id&" filter, NULL, NULL, 200, NULL, __VA_ARGS__, NULL, NULL           \
    }
    static const struct scenario TABLE[] = {
        S("head=fts.impossible", "[{\"id\":1}]"),
        S("head=fts.fun%26possible", "[{\"id\":2}]"),
        S("head=fts.impossible|possible", "[{\"id\":1},{\"id\":2}]"),
        S("head=fts.fun%26!possible", "[{\"id\":1}]"),
        S("head=fts.!fun", "[{\"id\":3},{\"id\":6}]"),
        S("head=not.fts.!fun", "[{\"id\":1},{\"id\":2}]"),
        S("head=fts.!fun%26!cat", "[{\"id\":6}]"),
        S("head=fts.!fun|impossible", "[{\"id\":1},{\"id\":3},{\"id\":6}]"),
        S("head=fts.!(fun|cat)", "[{\"id\":6}]"),
        S("head=not.fts.fun", "[{\"id\":3},{\"id\":6}]"),
        S("head=fts.'fat cats'", "[{\"id\":3}]"),
        S("head=fts.fat<->cat", "[{\"id\":3}]"),
        S("head=fts.cat <-> fat", "[]"),
        S("head=fts.(fat|thin) <-> cat", "[{\"id\":3}]"),
        S("head=fts.poss:*", "[{\"id\":2}]"),
        S("head=fts.fun %26 imposs:*", "[{\"id\":1}]"),
        S("head=fts.the%26fun", "[{\"id\":1},{\"id\":2}]"),
        S("head=fts.the", "[]"),
        S("head=not.fts.the", "[{\"id\":1},{\"id\":2},{\"id\":3},{\"id\":6}]"),
        S("head=fts.", "[]"),
        S("head=fts(simple).the", "[{\"id\":1}]"),
        S("head=fts(english).cat", "[{\"id\":3}]"),
        S("head=fts(french).impossible", "[{\"id\":1}]"),
        S("head=plfts.The Fat Rats", "[{\"id\":3}]"),
        S("head=plfts.fat — cats!", "[{\"id\":3}]"),
        S("head=plfts.café", "[{\"id\":6}]"),
        S("head=plfts.cafe", "[]"),
        S("head=plfts.STRASSE", "[]"),
        S("head=plfts.(", "[]"),
        S("head=phfts.The Fat Cats", "[{\"id\":3}]"),
        S("head=phfts.cats fat", "[]"),
        S("head=not.phfts.The Fat Cats", "[{\"id\":1},{\"id\":2},{\"id\":6}]"),
        S("head=wfts.fun and possible", "[{\"id\":2}]"),
        S("head=wfts.impossible or possible", "[{\"id\":1},{\"id\":2}]"),
        S("head=wfts.fun -possible", "[{\"id\":1}]"),
        S("head=wfts.\"fat cats\" or impossible", "[{\"id\":1},{\"id\":3}]"),
        S("head=wfts.-fun", "[{\"id\":3},{\"id\":6}]"),
        S("head=wfts.-\"fat cats\" fun", "[{\"id\":1},{\"id\":2}]"),
        S("head=wfts.or", "[]"),
        S("head=wfts.\"", "[]"),
        S("body=fts.rat%26eating", "[{\"id\":3}]"),
        S("or=(head.fts.possible,body.fts.fun)", "[{\"id\":2},{\"id\":4}]"),
        S("not.and=(head.fts.fun,id.gt.0)", "[{\"id\":3},{\"id\":6}]"),
        {"embedded", "anon", "GET authors?select=articles(id)&articles.head=fts.possible&name=eq.Cyd", NULL, NULL, 200, NULL,
         "[{\"articles\":[{\"id\":2}]}]", NULL, NULL},
        {"of an update", "anon", "PATCH articles?head=fts.possible&select=id", "Prefer: return=representation",
         "{\"body\":\"new\"}", 200, NULL, "[{\"id\":2}]",
         "SELECT count(*) FROM articles WHERE rowid IN (SELECT rowid FROM _socle_articles_fts WHERE _socle_articles_fts "
         "MATCH "
         "'body:new')",
         "1"},
        {"of a delete", "anon", "DELETE articles?head=not.fts.fun", "Prefer: count=exact", NULL, 204, "Content-Range: */2",
         "", "SELECT count(*) FROM articles", "4"},
        {"syntax", "anon", "GET articles?head=fts.fat cat", NULL, NULL, 400, NULL,
         "{\"code\":\"42601\",\"details\":null,\"hint\":null,\"message\":\"syntax error in tsquery: \\\"fat cat\\\"\"}",
         NULL, NULL},
        {"half a query", "anon", "GET articles?head=fts.fat%26", NULL, NULL, 400, NULL, "~42601", NULL, NULL},
        {"a parenthesis", "anon", "GET articles?head=fts.(fat", NULL, NULL, 400, NULL, "~42601", NULL, NULL},
        {"a quote", "anon", "GET articles?head=fts.'fat", NULL, NULL, 400, NULL, "~42601", NULL, NULL},
        {"a weight", "anon", "GET articles?head=fts.fat:A", NULL, NULL, 400, NULL, "~42601", NULL, NULL},
        {"a distance", "anon", "GET articles?head=fts.fat<2>cat%26x <2> y", NULL, NULL, 400, NULL, "~PGRST127", NULL, NULL},
        {"not in a phrase", "anon", "GET articles?head=fts.a1 <-> !b", NULL, NULL, 400, NULL, "~PGRST127", NULL, NULL},
        {"a language", "anon", "GET articles?head=fts(klingon).a", NULL, NULL, 400, NULL,
         "~text search configuration \\\"klingon\\\" does not exist", NULL, NULL},
        {"no index", "anon", "GET articles?plain=fts.a", NULL, NULL, 400, NULL,
         "~Full text search of 'plain' needs an index: add \\\"x-search\\\": true to it in the schema file", NULL, NULL},
        {"a path", "anon", "GET books?meta->>s=fts.a", NULL, NULL, 400, NULL, "~PGRST127", NULL, NULL},
    };
    RUN(TABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_searched),
    };
    return cmocka_run_group_tests(tests, open_store, close_store);
}
