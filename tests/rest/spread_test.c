/* spread_test.c: ...rel(columns): values of a to-one resource, arrays of a to-many one.  Spec: PostgREST, SpreadQueriesSpec.
 */
#include "scenario.h"

#define G(request, want)                                                                                                    \
    {                                                                                                                       \
        request, "anon", "GET " request, NULL, NULL, 200, NULL, want, NULL, NULL                                            \
    }
#define NO(request, code, why)                                                                                              \
    {                                                                                                                       \
        request, "anon", "GET " request, NULL, NULL, code, NULL, why, NULL, NULL                                            \
    }

static void a_to_many_resource_is_spread_into_arrays(void **state)
{
    static const struct scenario TABLE[] = {
        G("authors?select=name,...books(isbn)&order=name&books.order=isbn",
          "[{\"name\":\"Ada\",\"isbn\":[\"111\",\"222\"]},{\"name\":\"Ben\",\"isbn\":[\"333\"]},{\"name\":\"Cyd\",\"isbn\":["
          "]}]"),
        G("authors?select=...books(n:pages,isbn,used)&order=name&books.order=pages.desc&limit=2",
          "[{\"n\":[200,100],\"isbn\":[\"222\",\"111\"],\"used\":[true,false]},{\"n\":[300],\"isbn\":[\"333\"],\"used\":["
          "null]}]"),
        G("authors?select=...books(tags,created_at,meta->a)&name=eq.Ada&books.order=isbn",
          "[{\"tags\":[[\"x\",\"y\"],[\"y\"]],\"created_at\":[\"2024-01-01T00:00:00+00:00\",\"2024-02-01T00:00:00+00:00\"],"
          "\"a\":[{\"b\":1},null]}]"),
        G("authors?select=...books(isbn)&name=eq.Ada&books.order=isbn.desc&books.limit=1", "[{\"isbn\":[\"222\"]}]"),
        G("authors?select=name,...books(isbn)&books.pages=gt.100&order=name&limit=1",
          "[{\"name\":\"Ada\",\"isbn\":[\"222\"]}]"),
        G("authors?select=name,...books!inner(isbn)&books.pages=gt.100&order=name&books.order=isbn",
          "[{\"name\":\"Ada\",\"isbn\":[\"222\"]},{\"name\":\"Ben\",\"isbn\":[\"333\"]}]"),
        G("authors?select=name,...books(isbn)&books=is.null", "[{\"name\":\"Cyd\",\"isbn\":[]}]"),
        G("tags?select=id,...books(*)&id=eq.1",
          "[{\"id\":1,\"isbn\":[\"111\"],\"title\":[\"Alpha\"],\"pages\":[100],\"price\":[9.5],\"used\":[false],\"tags\":[["
          "\"x\",\"y\"]],"
          "\"meta\":[{\"a\":{\"b\":1},\"s\":\"t\",\"f\":true,\"l\":[5,6]}],\"author_id\":[\"" ADA "\"],\"owner_id\":[\"" ANN
          "\"],\"created_at\":[\"2024-01-01T00:00:00+00:00\"]}]"),
        G("tags?select=word,...books(titles:title)&order=id&books.order=isbn",
          "[{\"word\":\"red\",\"titles\":[\"Alpha\"]},{\"word\":\"blue\",\"titles\":[\"Alpha\",\"Beta, the "
          "\\\"second\\\"\"]}]"),
        G("authors?select=name,...books(isbn,...tags(words:word))&order=name&books.order=isbn&books.tags.order=id&limit=2",
          "[{\"name\":\"Ada\",\"isbn\":[\"111\",\"222\"],\"words\":[[\"red\",\"blue\"],[\"blue\"]]},"
          "{\"name\":\"Ben\",\"isbn\":[\"333\"],\"words\":[[]]}]"),
        G("authors?select=name,...books(isbn,tags(word))&name=eq.Ada&books.order=isbn&books.tags.order=id",
          "[{\"name\":\"Ada\",\"isbn\":[\"111\",\"222\"],\"tags\":[[{\"word\":\"red\"},{\"word\":\"blue\"}],[{\"word\":"
          "\"blue\"}]]}]"),
        G("tags?select=...books(isbn,...authors(author:name),authors(born))&id=eq.2&books.order=isbn",
          "[{\"isbn\":[\"111\",\"222\"],\"author\":[\"Ada\",\"Ada\"],\"authors\":[{\"born\":\"1815-12-10\"},{\"born\":"
          "\"1815-12-10\"}]}]"),
        G("books?select=isbn,...authors(...awards(name),books(isbn))&isbn=eq.333",
          "[{\"isbn\":\"333\",\"name\":null,\"books\":[{\"isbn\":\"333\"}]}]"),
        G("books?select=isbn,...authors(...books(others:isbn))&isbn=eq.111&authors.books.order=isbn",
          "[{\"isbn\":\"111\",\"others\":[\"111\",\"222\"]}]"),
    };
    RUN(TABLE);
}

static void a_spread_counts_over_its_parent(void **state)
{
    static const struct scenario TABLE[] = {
        G("books?select=...authors(name,count())&order=authors(name)",
          "[{\"name\":\"Ada\",\"count\":2},{\"name\":\"Ben\",\"count\":1},{\"name\":null,\"count\":1}]"),
        G("books?select=total:pages.sum(),...authors(name)&author_id=not.is.null&order=authors(name)",
          "[{\"total\":300,\"name\":\"Ada\"},{\"total\":300,\"name\":\"Ben\"}]"),
        G("orders?select=...people!seller_id(top:id.max())", "[{\"top\":2}]"),
        G("orders?select=...people!seller_id(top:id.max()::text)", "[{\"top\":\"2\"}]"),
        G("orders?select=...people!seller_id(...boss_id(id::text.min()))", "[{\"min\":\"1\"}]"),
        G("books?select=used,...authors(n:count())&order=used.nullslast",
          "[{\"used\":false,\"n\":2},{\"used\":true,\"n\":1},{\"used\":null,\"n\":1}]"),
        NO("authors?select=...books(pages.sum())", 400,
           "{\"code\":\"PGRST127\",\"details\":\"Aggregates are not implemented for one-to-many or many-to-many spreads.\","
           "\"hint\":null,\"message\":\"Feature not implemented\"}"),
        NO("authors?select=...books(count())", 400, "~PGRST127"),
    };
    store.settings.aggregates = true;
    RUN(TABLE);
    store.settings.aggregates = false;
    static const struct scenario OFF[] = {NO("authors?select=...books(pages.sum())", 400, "~PGRST123")};
    RUN(OFF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_to_many_resource_is_spread_into_arrays),
        cmocka_unit_test(a_spread_counts_over_its_parent),
    };
    return cmocka_run_group_tests(tests, open_store, close_store);
}
