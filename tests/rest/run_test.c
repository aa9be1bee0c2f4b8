/* run_test.c: whole requests on a real database: (who, request) -> status, headers, body. */
#include "scenario.h"

static void rows_are_read_as_the_url_says(void **state)
{
    static const struct scenario TABLE[] = {
        {"columns", "anon", "GET books?select=isbn,n:pages&order=isbn&limit=2", NULL, NULL, 200,
         "Content-Range: 0-1/*|Content-Type: application/json; charset=utf-8|"
         "Content-Location: /books?limit=2&order=isbn&select=isbn%2Cn%3Apages",
         "[{\"isbn\":\"111\",\"n\":100},{\"isbn\":\"222\",\"n\":200}]", NULL, NULL},
        {"nothing found", "anon", "GET books?isbn=eq.nope", NULL, NULL, 200, "Content-Range: */*", "[]", NULL, NULL},
        {"all columns but writeOnly", "anon", "GET books?isbn=eq.111", NULL, NULL, 200, NULL,
         "[{\"isbn\":\"111\",\"title\":\"Alpha\",\"pages\":100,\"price\":9.5,\"used\":false,\"tags\":[\"x\",\"y\"],"
         "\"meta\":{\"a\":{\"b\":1},\"s\":\"t\",\"f\":true,\"l\":[5,6]},\"author_id\":\"" ADA "\",\"owner_id\":\"" ANN "\","
         "\"created_at\":\"2024-01-01T00:00:00+00:00\"}]",
         NULL, NULL},
        {"writeOnly is unknown", "anon", "GET books?select=secret", NULL, NULL, 400, NULL,
         "{\"code\":\"42703\",\"details\":null,\"hint\":null,\"message\":\"column books.secret does not exist\"}", NULL,
         NULL},
        {"writeOnly cannot be probed", "ann", "GET books?secret=eq.hush", NULL, NULL, 400, NULL, "~42703", NULL, NULL},
        {"writeOnly for the service", "service", "GET books?select=secret&isbn=eq.111", NULL, NULL, 200, NULL,
         "[{\"secret\":\"hush\"}]", NULL, NULL},
        {"casts", "anon", "GET books?select=pages::text,used::text&isbn=eq.222", NULL, NULL, 200, NULL,
         "[{\"pages\":\"200\",\"used\":\"true\"}]", NULL, NULL},
        {"JSON paths", "anon", "GET books?select=meta->a->b,meta->>s,x:meta->l->-1,meta->>f&isbn=eq.111", NULL, NULL, 200,
         NULL, "[{\"b\":1,\"s\":\"t\",\"x\":6,\"f\":\"true\"}]", NULL, NULL},
        {"JSON path of no JSON", "anon", "GET books?select=title->a", NULL, NULL, 404, NULL, "~42883", NULL, NULL},
        {"count()", "anon", "GET books?select=count()", NULL, NULL, 200, NULL, "[{\"count\":4}]", NULL, NULL},
        {"sum() needs the setting", "anon", "GET books?select=pages.sum()", NULL, NULL, 400, NULL, "~PGRST123", NULL, NULL},
        {"select=", "anon", "GET books?select=&isbn=eq.111", NULL, NULL, 200, NULL, "[{}]", NULL, NULL},
        {"view", "service", "GET titles?isbn=eq.111", NULL, NULL, 200, NULL, "[{\"isbn\":\"111\",\"title\":\"Alpha\"}]",
         NULL, NULL},
        {"unknown table", "anon", "GET bookz", NULL, NULL, 404, NULL,
         "{\"code\":\"PGRST205\",\"details\":null,\"hint\":\"Perhaps you meant the table 'public.books'\","
         "\"message\":\"Could not find the table 'public.bookz' in the schema cache\"}",
         NULL, NULL},
        {"internal table", "service", "GET auth_users", NULL, NULL, 404, NULL, "~PGRST205", NULL, NULL},
        {"schema", "anon", "GET books", "Accept-Profile: private", NULL, 406, NULL,
         "{\"code\":\"PGRST106\",\"details\":null,\"hint\":\"Only the following schemas are exposed: public\","
         "\"message\":\"Invalid schema: private\"}",
         NULL, NULL},
        {"function", "anon", "POST rpc/nope", NULL, "{}", 404, NULL, "~PGRST202", NULL, NULL},
        {"root", "anon", "GET ", NULL, NULL, 200, "Content-Type: application/openapi+json; charset=utf-8",
         "~\"/books\":{\"get\"", NULL, NULL},
        {"head", "anon", "HEAD books", "Prefer: count=exact", NULL, 200, "Content-Range: 0-3/4", "", NULL, NULL},
        {"options", "anon", "OPTIONS books", NULL, NULL, 200, "Allow: OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE", "", NULL,
         NULL},
        {"path", "anon", "GET books/1", NULL, NULL, 404, NULL, "~PGRST125", NULL, NULL},
        {"method", "anon", "PURGE books", NULL, NULL, 405, NULL, "~PGRST117", NULL, NULL},
    };
    RUN(TABLE);
}

static void filters_choose_rows(void **state)
{
#define F(filter, ...)                                                                                                      \
    {                                                                                                                       \
        filter, "anon", "GET books?select=isbn&order=isbn&" filter, NULL, NULL, 200, NULL, __VA_ARGS__, NULL, NULL          \
    }
    static const struct scenario TABLE[] = {
        F("isbn=neq.111&isbn=neq.222", "[{\"isbn\":\"333\"},{\"isbn\":\"444\"}]"),
        F("pages=gt.200&pages=lte.300", "[{\"isbn\":\"333\"}]"),
        F("pages=not.gte.200", "[{\"isbn\":\"111\"}]"),
        F("price=is.null", "[{\"isbn\":\"333\"}]"),
        F("used=is.true", "[{\"isbn\":\"222\"}]"),
        F("used=eq.true", "[{\"isbn\":\"222\"}]"),
        F("used=is.unknown", "[{\"isbn\":\"333\"}]"),
        F("used=not.is.null&used=is.false", "[{\"isbn\":\"111\"},{\"isbn\":\"444\"}]"),
        F("title=like.*a", "[{\"isbn\":\"111\"},{\"isbn\":\"333\"},{\"isbn\":\"444\"}]"),
        F("title=like.A%25", "[{\"isbn\":\"111\"}]"),
        F("title=ilike.a*", "[{\"isbn\":\"111\"}]"),
        F("title=like(any).{Al*,de*}", "[{\"isbn\":\"111\"},{\"isbn\":\"444\"}]"),
        F("title=ilike(all).{*a,g*}", "[{\"isbn\":\"333\"}]"),
        F("title=match.^[a-d]", "[{\"isbn\":\"444\"}]"),
        F("title=imatch.^[a-d]", "[{\"isbn\":\"111\"},{\"isbn\":\"222\"},{\"isbn\":\"444\"}]"),
        F("isbn=in.(111,\"444\",999)", "[{\"isbn\":\"111\"},{\"isbn\":\"444\"}]"),
        F("pages=in.(100,300)", "[{\"isbn\":\"111\"},{\"isbn\":\"333\"}]"),
        F("pages=eq(any).{100,300}", "[{\"isbn\":\"111\"},{\"isbn\":\"333\"}]"),
        F("isbn=not.in.(111,222,333)", "[{\"isbn\":\"444\"}]"),
        F("isbn=in.()", "[]"),
        F("title=eq.Beta, the \"second\"", "[{\"isbn\":\"222\"}]"),
        F("or=(title.eq.\"Beta, the \\\"second\\\"\",and(pages.gt.300,used.is.false))",
          "[{\"isbn\":\"222\"},{\"isbn\":\"444\"}]"),
        F("not.or=(pages.eq.100,pages.eq.200)", "[{\"isbn\":\"333\"},{\"isbn\":\"444\"}]"),
        F("and=(pages.gte.200,not.and(pages.gte.300,used.is.null),not.or(isbn.eq.444))", "[{\"isbn\":\"222\"}]"),
        F("author_id=isdistinct." ADA, "[{\"isbn\":\"333\"},{\"isbn\":\"444\"}]"),
        F("author_id=eq.AAAAAAAA-0000-4000-8000-000000000002", "[{\"isbn\":\"333\"}]"),
        F("created_at=gte.2024-03-01", "[{\"isbn\":\"333\"},{\"isbn\":\"444\"}]"),
        F("meta->>s=eq.t", "[{\"isbn\":\"111\"}]"),
        F("meta->a->b=eq.1", "[{\"isbn\":\"111\"}]"),
        F("meta->a=gt.1", "[{\"isbn\":\"111\"},{\"isbn\":\"444\"}]"), /* jsonb: an object is more than a number */
        F("meta->a=eq.{\"b\": 1}", "[{\"isbn\":\"111\"}]"),
        F("meta->>f=eq.true", "[{\"isbn\":\"111\"}]"),
        F("tags=cs.{x}", "[{\"isbn\":\"111\"}]"),
        F("tags=cs.\"x\"", "[{\"isbn\":\"111\"}]"),
        F("tags=cs.{}", "[{\"isbn\":\"111\"},{\"isbn\":\"222\"},{\"isbn\":\"444\"}]"),
        F("meta=cs.{\"a\":{\"b\":1.0}}", "[{\"isbn\":\"111\"}]"),
        F("meta=cs.{\"a\":{}}", "[{\"isbn\":\"111\"}]"),
        F("meta=cs.{\"l\":[6,6]}", "[{\"isbn\":\"111\"}]"),
        F("meta=cs.{\"l\":[[5]]}", "[]"),
        F("meta=cs.{}", "[{\"isbn\":\"111\"},{\"isbn\":\"444\"}]"),
        F("meta->l=cs.[5]", "[{\"isbn\":\"111\"}]"),
        F("meta=cd.{\"a\":2,\"z\":[1]}", "[{\"isbn\":\"444\"}]"),
        F("meta=not.cs.{\"s\":\"t\"}", "[{\"isbn\":\"444\"}]"),
        F("tags=cs.[\"y\"]", "[{\"isbn\":\"111\"},{\"isbn\":\"222\"}]"),
        F("tags=cd.{y,z}", "[{\"isbn\":\"222\"},{\"isbn\":\"444\"}]"),
        F("tags=ov.{x,q}", "[{\"isbn\":\"111\"}]"),
        F("tags=not.cs.{y}", "[{\"isbn\":\"444\"}]"),
    };
    RUN(TABLE);
}

static void bad_filters_are_told(void **state)
{
    static const struct scenario TABLE[] = {
        {"operator", "anon", "GET books?isbn=noop.0", NULL, NULL, 400, NULL,
         "{\"code\":\"PGRST100\",\"details\":\"unexpected \\\"n\\\" expecting \\\"not\\\" or operator (eq, gt, ...)\","
         "\"hint\":null,\"message\":\"\\\"failed to parse filter (noop.0)\\\" (line 1, column 1)\"}",
         NULL, NULL},
        {"no integer", "anon", "GET books?pages=eq.many", NULL, NULL, 400, NULL,
         "{\"code\":\"22P02\",\"details\":null,\"hint\":null,\"message\":\"invalid input syntax for type bigint: "
         "\\\"many\\\"\"}",
         NULL, NULL},
        {"no uuid", "anon", "GET books?author_id=in.(1)", NULL, NULL, 400, NULL, "~22P02", NULL, NULL},
        {"column", "anon", "GET books?nope=eq.1", NULL, NULL, 400, NULL, "~column books.nope does not exist", NULL, NULL},
        {"order", "anon", "GET books?order=nope", NULL, NULL, 400, NULL, "~42703", NULL, NULL},
        {"ranges", "anon", "GET books?pages=sl.(1,2)", NULL, NULL, 400, NULL, "~PGRST127", NULL, NULL},
        {"search", "anon", "GET books?title=fts.a", NULL, NULL, 400, NULL, "~PGRST127", NULL, NULL},
        {"embedded but not selected", "anon", "GET books?authors.name=eq.Ada", NULL, NULL, 400, NULL,
         "{\"code\":\"PGRST108\",\"details\":null,\"hint\":\"Verify that 'authors' is included in the 'select' query "
         "parameter.\",\"message\":\"'authors' is not an embedded resource in this request\"}",
         NULL, NULL},
        {"regular expression", "anon", "GET books?title=match.(", NULL, NULL, 400, NULL, "~2201B", NULL, NULL},
    };
    RUN(TABLE);
}

static void relations_are_embedded(void **state)
{
    static const struct scenario TABLE[] = {
        {"to one", "anon", "GET books?select=isbn,authors(name)&order=isbn", NULL, NULL, 200, NULL,
         "[{\"isbn\":\"111\",\"authors\":{\"name\":\"Ada\"}},{\"isbn\":\"222\",\"authors\":{\"name\":\"Ada\"}},"
         "{\"isbn\":\"333\",\"authors\":{\"name\":\"Ben\"}},{\"isbn\":\"444\",\"authors\":null}]",
         NULL, NULL},
        {"by column, with alias", "anon", "GET books?select=who:author_id(name)&isbn=eq.111", NULL, NULL, 200, NULL,
         "[{\"who\":{\"name\":\"Ada\"}}]", NULL, NULL},
        {"to many", "anon", "GET authors?select=name,books(isbn)&order=name", NULL, NULL, 200, NULL,
         "[{\"name\":\"Ada\",\"books\":[{\"isbn\":\"111\"},{\"isbn\":\"222\"}]},{\"name\":\"Ben\",\"books\":[{\"isbn\":"
         "\"333\"}]},"
         "{\"name\":\"Cyd\",\"books\":[]}]",
         NULL, NULL},
        {"sorted and cut", "anon",
         "GET authors?select=books(isbn)&id=eq." ADA "&books.order=isbn.desc&books.limit=1&books.pages=gt.1", NULL, NULL,
         200, NULL, "[{\"books\":[{\"isbn\":\"222\"}]}]", NULL, NULL},
        {"nested", "anon", "GET authors?select=name,books(isbn,tags(word))&books.tags.id=eq.2&name=eq.Ada", NULL, NULL, 200,
         NULL,
         "[{\"name\":\"Ada\",\"books\":[{\"isbn\":\"111\",\"tags\":[{\"word\":\"blue\"}]},{\"isbn\":\"222\",\"tags\":[{"
         "\"word\":\"blue\"}]}]}]",
         NULL, NULL},
        {"many to many", "anon", "GET tags?select=word,books(isbn)&order=id", NULL, NULL, 200, NULL,
         "[{\"word\":\"red\",\"books\":[{\"isbn\":\"111\"}]},{\"word\":\"blue\",\"books\":[{\"isbn\":\"111\"},{\"isbn\":"
         "\"222\"}]}]",
         NULL, NULL},
        {"many to many by junction, nested", "anon", "GET tags?select=books!book_tags(isbn,authors(name))&id=eq.1", NULL,
         NULL, 200, NULL, "[{\"books\":[{\"isbn\":\"111\",\"authors\":{\"name\":\"Ada\"}}]}]", NULL, NULL},
        {"one to one", "anon", "GET authors?select=name,awards(name)&order=name&limit=2", NULL, NULL, 200, NULL,
         "[{\"name\":\"Ada\",\"awards\":{\"name\":\"Prize\"}},{\"name\":\"Ben\",\"awards\":null}]", NULL, NULL},
        {"self, children and parent", "anon", "GET people?select=id,team:people(name),boss:boss_id(name)&order=id", NULL,
         NULL, 200, NULL,
         "[{\"id\":1,\"team\":[{\"name\":\"Leaf\"},{\"name\":\"Bud\"}],\"boss\":null},"
         "{\"id\":2,\"team\":[],\"boss\":{\"name\":\"Root\"}},{\"id\":3,\"team\":[],\"boss\":{\"name\":\"Root\"}}]",
         NULL, NULL},
        {"ambiguous", "anon", "GET orders?select=people(name)", NULL, NULL, 300, NULL,
         "{\"code\":\"PGRST201\",\"details\":[{\"cardinality\":\"many-to-one\",\"embedding\":\"orders with people\","
         "\"relationship\":\"orders_buyer_id_fkey using orders(buyer_id) and people(id)\"},"
         "{\"cardinality\":\"many-to-one\",\"embedding\":\"orders with people\","
         "\"relationship\":\"orders_seller_id_fkey using orders(seller_id) and people(id)\"}],"
         "\"hint\":\"Try changing 'people' to one of the following: 'people!orders_buyer_id_fkey', "
         "'people!orders_seller_id_fkey'. Find the desired relationship in the 'details' key.\","
         "\"message\":\"Could not embed because more than one relationship was found for 'orders' and 'people'\"}",
         NULL, NULL},
        {"by constraint", "anon", "GET orders?select=s:people!orders_seller_id_fkey(name),b:people!buyer_id(name)", NULL,
         NULL, 200, NULL, "[{\"s\":{\"name\":\"Leaf\"},\"b\":{\"name\":\"Bud\"}}]", NULL, NULL},
        {"no relationship", "anon", "GET books?select=people(name)", NULL, NULL, 400, NULL,
         "{\"code\":\"PGRST200\",\"details\":\"Searched for a foreign key relationship between 'books' and 'people' in the "
         "schema "
         "'public', but no matches were found.\",\"hint\":null,\"message\":\"Could not find a relationship between 'books' "
         "and "
         "'people' in the schema cache\"}",
         NULL, NULL},
        {"inner", "anon", "GET books?select=isbn,authors!inner(name)&authors.name=eq.Ben", NULL, NULL, 200, NULL,
         "[{\"isbn\":\"333\",\"authors\":{\"name\":\"Ben\"}}]", NULL, NULL},
        {"left", "anon", "GET books?select=isbn,authors(name)&authors.name=eq.Ben&order=isbn&limit=1", NULL, NULL, 200, NULL,
         "[{\"isbn\":\"111\",\"authors\":null}]", NULL, NULL},
        {"inner, nested", "anon", "GET tags?select=word,books!inner(authors!inner())&books.authors.name=eq.Ben", NULL, NULL,
         200, NULL, "[]", NULL, NULL},
        {"empty embed filters", "anon", "GET authors?select=name,books!inner()&order=name", NULL, NULL, 200, NULL,
         "[{\"name\":\"Ada\"},{\"name\":\"Ben\"}]", NULL, NULL},
        {"without", "anon", "GET authors?select=name,books()&books=is.null", NULL, NULL, 200, NULL, "[{\"name\":\"Cyd\"}]",
         NULL, NULL},
        {"with", "anon", "GET authors?select=name,b:books()&b=not.is.null&order=name.desc", NULL, NULL, 200, NULL,
         "[{\"name\":\"Ben\"},{\"name\":\"Ada\"}]", NULL, NULL},
        {"or over embeds", "anon",
         "GET authors?select=name,books(),awards()&or=(books.is.null,awards.not.is.null)&order=name", NULL, NULL, 200, NULL,
         "[{\"name\":\"Ada\"},{\"name\":\"Cyd\"}]", NULL, NULL},
        {"bad operator on an embed", "anon", "GET authors?select=name,books()&books=eq.1", NULL, NULL, 400, NULL,
         "~PGRST120", NULL, NULL},
        {"spread", "anon", "GET books?select=isbn,...authors(author:name,born)&order=isbn&limit=1", NULL, NULL, 200, NULL,
         "[{\"isbn\":\"111\",\"author\":\"Ada\",\"born\":\"1815-12-10\"}]", NULL, NULL},
        {"related order", "anon", "GET books?select=isbn,authors(name)&order=authors(name).desc.nullslast,isbn.desc", NULL,
         NULL, 200, NULL,
         "[{\"isbn\":\"333\",\"authors\":{\"name\":\"Ben\"}},{\"isbn\":\"222\",\"authors\":{\"name\":\"Ada\"}},"
         "{\"isbn\":\"111\",\"authors\":{\"name\":\"Ada\"}},{\"isbn\":\"444\",\"authors\":null}]",
         NULL, NULL},
        {"related order of many", "anon", "GET authors?select=books(isbn)&order=books(isbn)", NULL, NULL, 400, NULL,
         "~PGRST118", NULL, NULL},
        {"count of many", "anon", "GET authors?select=name,books(count)&order=name", NULL, NULL, 200, NULL,
         "[{\"name\":\"Ada\",\"books\":[{\"count\":2}]},{\"name\":\"Ben\",\"books\":[{\"count\":1}]},"
         "{\"name\":\"Cyd\",\"books\":[{\"count\":0}]}]",
         NULL, NULL},
    };
    RUN(TABLE);
}

static void order_and_range_choose_the_page(void **state)
{
    static const struct scenario TABLE[] = {
        {"nulls last going up", "anon", "GET books?select=price&order=price", NULL, NULL, 200, NULL,
         "[{\"price\":9.5},{\"price\":12},{\"price\":20.25},{\"price\":null}]", NULL, NULL},
        {"nulls first going down", "anon", "GET books?select=price&order=price.desc", NULL, NULL, 200, NULL,
         "[{\"price\":null},{\"price\":20.25},{\"price\":12},{\"price\":9.5}]", NULL, NULL},
        {"nulls as asked", "anon", "GET books?select=price&order=price.asc.nullsfirst&limit=1", NULL, NULL, 200, NULL,
         "[{\"price\":null}]", NULL, NULL},
        {"by a path", "anon", "GET books?select=isbn&order=meta->>s.asc.nullslast,isbn.desc&limit=2", NULL, NULL, 200, NULL,
         "[{\"isbn\":\"111\"},{\"isbn\":\"444\"}]", NULL, NULL},
        {"count", "anon", "GET books?select=isbn&order=isbn&limit=2&offset=1", "Prefer: count=exact", NULL, 206,
         "Content-Range: 1-2/4|Preference-Applied: count=exact", "[{\"isbn\":\"222\"},{\"isbn\":\"333\"}]", NULL, NULL},
        {"count, the last page", "anon", "GET books?select=isbn&order=isbn&limit=5&offset=3", "prefer: count=planned", NULL,
         206, "Content-Range: 3-3/4", "[{\"isbn\":\"444\"}]", NULL, NULL},
        {"Range", "anon", "GET books?select=isbn&order=isbn", "Range-Unit: items|Range: 1-1", NULL, 200,
         "Content-Range: 1-1/*", "[{\"isbn\":\"222\"}]", NULL, NULL},
        {"Range, upside down", "anon", "GET books", "Range: 3-1", NULL, 416, NULL, "~PGRST103", NULL, NULL},
        {"beyond", "anon", "GET books?offset=9", NULL, NULL, 200, "Content-Range: */*", "[]", NULL, NULL},
        {"beyond, counted", "anon", "GET books?offset=9", "Prefer: count=exact", NULL, 416, NULL,
         "{\"code\":\"PGRST103\",\"details\":\"An offset of 9 was requested, but there are only 4 rows.\",\"hint\":null,"
         "\"message\":\"Requested range not satisfiable\"}",
         NULL, NULL},
        {"negative limit", "anon", "GET books?limit=-1", NULL, NULL, 416, NULL, "~greater than or equal to zero", NULL,
         NULL},
        {"limit 0", "anon", "GET books?limit=0", "Prefer: count=exact", NULL, 206, "Content-Range: */4", "[]", NULL, NULL},
    };
    RUN(TABLE);
    store.settings.max_rows = 2;
    bool ok =
        run_scenario(&(struct scenario){"max rows", "anon", "GET books?select=isbn&order=isbn&limit=3", NULL, NULL, 200,
                                        "Content-Range: 0-1/*", "[{\"isbn\":\"111\"},{\"isbn\":\"222\"}]", NULL, NULL});
    store.settings.max_rows = 0;
    assert_true(ok);
}

static void the_media_type_shapes_the_answer(void **state)
{
    static const struct scenario TABLE[] = {
        {"object", "anon", "GET books?select=isbn&isbn=eq.111", "Accept: Application/VND.pgrst.object+json ; charset=UTF-8",
         NULL, 200, "Content-Type: application/vnd.pgrst.object+json; charset=utf-8", "{\"isbn\":\"111\"}", NULL, NULL},
        {"object, none", "anon", "GET books?isbn=eq.9", "Accept: application/vnd.pgrst.object+json", NULL, 406, NULL,
         "{\"code\":\"PGRST116\",\"details\":\"The result contains 0 rows\",\"hint\":null,\"message\":\"Cannot coerce the "
         "result to "
         "a single JSON object\"}",
         NULL, NULL},
        {"object, many", "anon", "GET books", "Accept: application/vnd.pgrst.object+json", NULL, 406, NULL,
         "~contains 4 rows", NULL, NULL},
        {"nulls stripped", "anon", "GET books?select=isbn,price,authors(name,born)&isbn=eq.333",
         "Accept: application/vnd.pgrst.array+json;nulls=stripped", NULL, 200, NULL,
         "[{\"isbn\":\"333\",\"authors\":{\"name\":\"Ben\"}}]", NULL, NULL},
        {"csv", "anon", "GET books?select=isbn,title,used,price,tags&order=isbn&limit=3", "Accept: text/csv", NULL, 200,
         "Content-Type: text/csv; charset=utf-8",
         "isbn,title,used,price,tags\n111,Alpha,f,9.5,\"[\"\"x\"\",\"\"y\"\"]\"\n222,\"Beta, the "
         "\"\"second\"\"\",t,12,\"[\"\"y\"\"]\"\n333,gamma,,,",
         NULL, NULL},
        {"none of them", "anon", "GET books", "Accept: image/png, text/html", NULL, 406, NULL,
         "{\"code\":\"PGRST107\",\"details\":null,\"hint\":null,\"message\":\"None of these media types are available: "
         "image/png, "
         "text/html\"}",
         NULL, NULL},
        {"anything else", "anon", "GET books?select=isbn&isbn=eq.111", "Accept: text/html, */*;q=0.8", NULL, 200, NULL,
         "[{\"isbn\":\"111\"}]", NULL, NULL},
    };
    RUN(TABLE);
}

static void policies_hold_on_every_path(void **state)
{
    static const struct scenario TABLE[] = {
        {"own rows", "ann", "GET diary?select=line", "Prefer: count=exact", NULL, 200, "Content-Range: 0-0/1",
         "[{\"line\":\"mine\"}]", NULL, NULL},
        {"nobody's rows", "anon", "GET diary", "Prefer: count=exact", NULL, 200, "Content-Range: */0", "[]", NULL, NULL},
        {"all rows", "service", "GET diary?select=id&order=id", NULL, NULL, 200, NULL, "[{\"id\":1},{\"id\":2}]", NULL,
         NULL},
        {"no policy", "ann", "GET vault", "Prefer: count=exact", NULL, 200, "Content-Range: */0", "[]", NULL, NULL},
        {"no policy, embedded", "ann", "GET books?select=isbn,vault(id)&isbn=eq.111", NULL, NULL, 200, NULL,
         "[{\"isbn\":\"111\",\"vault\":[]}]", NULL, NULL},
        {"no policy, inner", "ann", "GET books?select=isbn,vault!inner()", NULL, NULL, 200, NULL, "[]", NULL, NULL},
        {"no policy, counted", "ann", "GET books?select=vault(count)&isbn=eq.111", NULL, NULL, 200, NULL,
         "[{\"vault\":[{\"count\":0}]}]", NULL, NULL},
        {"no policy, order", "ann", "GET vault?select=id,books(isbn)&order=books(isbn)", NULL, NULL, 200, NULL, "[]", NULL,
         NULL},
        {"no policy, insert", "ann", "POST vault", NULL, "{\"id\":5}", 403, NULL,
         "{\"code\":\"42501\",\"details\":null,\"hint\":null,\"message\":\"new row violates row-level security policy for "
         "table "
         "\\\"vault\\\"\"}",
         NULL, NULL},
        {"no policy, update", "ann", "PATCH vault?id=eq.1", "Prefer: return=representation", "{\"isbn\":\"222\"}", 200, NULL,
         "[]", NULL, NULL},
        {"no policy, delete", "ann", "DELETE vault?id=eq.1", NULL, NULL, 204, NULL, "", "SELECT count(*) FROM vault", "1"},
        {"no schema file", "ann", "GET handmade", NULL, NULL, 200, NULL, "[]", NULL, NULL},
        {"no schema file, service", "service", "GET handmade", NULL, NULL, 200, NULL, "[{\"id\":1,\"n\":2}]", NULL, NULL},
        {"no schema file, written by the service", "service", "POST handmade", "Prefer: return=representation", "{\"n\":5}",
         201, NULL, "[{\"id\":2,\"n\":5}]", NULL, NULL},
        {"insert refused to the anonymous", "anon", "POST books", NULL, "{\"isbn\":\"555\",\"title\":\"N\",\"pages\":1}",
         401, "WWW-Authenticate: Bearer", "~42501", NULL, NULL},
        {"insert for someone else", "ann", "POST diary", NULL, "{\"id\":5,\"line\":\"x\",\"owner_id\":\"" BOB "\"}", 403,
         NULL, "~42501", NULL, NULL},
        {"insert, own", "ann", "POST diary?select=owner_id", "Prefer: return=representation", "{\"id\":5,\"line\":\"x\"}",
         201, NULL, "[{\"owner_id\":\"" ANN "\"}]", NULL, NULL},
        {"check on insert", "ann", "POST diary", NULL, "{\"id\":5,\"line\":\"forbidden\"}", 403, NULL, "~42501", NULL, NULL},
        {"check on update", "ann", "PATCH diary?id=eq.1", NULL, "{\"line\":\"forbidden\"}", 403, NULL, "~42501", NULL, NULL},
        {"giving a row away", "ann", "PATCH diary?id=eq.1", NULL, "{\"owner_id\":\"" BOB "\"}", 403, NULL, "~42501", NULL,
         NULL},
        {"upsert that gives a row away", "ann", "POST diary", "Prefer: resolution=merge-duplicates",
         "{\"id\":1,\"line\":\"x\",\"owner_id\":\"" BOB "\"}", 403, NULL, "~42501", NULL, NULL},
        {"upsert of a row that cannot be seen", "bob", "POST diary", "Prefer: resolution=merge-duplicates",
         "{\"id\":1,\"line\":\"x\"}", 403, NULL, "~42501", NULL, NULL},
        {"hints name nothing closed", "anon", "GET vaul", NULL, NULL, 404, NULL, "~\"hint\":null", NULL, NULL},
        {"hints name it to those who may", "service", "GET vaul", NULL, NULL, 404, NULL, "~public.vault", NULL, NULL},
        {"the root names nothing closed", "anon", "GET ", NULL, NULL, 200, NULL, "~\"/tags\"", NULL, NULL},
    };
    RUN(TABLE);
}

static void settings_open_more(void **state)
{
    static const struct scenario TABLE[] = {
        {"sums by group", "anon", "GET books?select=used,pages.sum(),n:count(),price.avg()::text&order=used", NULL, NULL,
         200, NULL,
         "[{\"used\":false,\"sum\":500,\"n\":2,\"avg\":\"14.875\"},{\"used\":true,\"sum\":200,\"n\":1,\"avg\":\"12.0\"},"
         "{\"used\":null,\"sum\":300,\"n\":1,\"avg\":null}]",
         NULL, NULL},
        {"embedded", "anon", "GET authors?select=name,books(pages.max())&order=name", NULL, NULL, 200, NULL,
         "[{\"name\":\"Ada\",\"books\":[{\"max\":200}]},{\"name\":\"Ben\",\"books\":[{\"max\":300}]},"
         "{\"name\":\"Cyd\",\"books\":[{\"max\":null}]}]",
         NULL, NULL},
        {"tx=rollback", "ann", "PATCH books?isbn=eq.111&select=title", "Prefer: tx=rollback, return=representation",
         "{\"title\":\"New\"}", 200, "Preference-Applied: return=representation, tx=rollback", "[{\"title\":\"New\"}]",
         "SELECT title FROM books WHERE isbn = '111'", "Alpha"},
    };
    store.settings.aggregates = store.settings.tx_override = true;
    RUN(TABLE);
    store.settings.aggregates = store.settings.tx_override = false;
}

static void memory_may_run_out(void **state)
{
    (void)state;
    static const struct scenario READS[] = {
        {.label = "json",
         .who = "anon",
         .request = "GET books?select=*,authors(name),book_tags(tags(word))",
         .headers = "Prefer: count=exact"},
        {.label = "csv", .who = "anon", .request = "GET books", .headers = "Accept: text/csv"},
        {.label = "call", .who = "ann", .request = "GET rpc/my_lines"},
    };
    for (size_t i = 0; i < COUNT_OF(READS); i++) {
        bool failed = true;
        for (long n = 0; failed; n++) {
            struct call c = {.s = &READS[i]};
            struct so_err err = SO_ERR_INIT;
            so_arena_init(&c.arena, 8 << 20);
            so_buf_init(&c.body, 1 << 20);
            parse_call(&c);
            must(so_rest_prepare(&c.in, store.snapshot, &store.settings, &c.arena, &c.op, &err), &err);
            so_mem_fail_at(n);
            int rc = so_rest_run(c.op, store.reader, &c.out, &c.body, &err);
            failed = so_mem_failed();
            so_mem_fail_at(-1);
            if (rc != SO_OK)
                assert_int_equal(rc, SO_ENOMEM);
            else
                assert_true(!failed || c.out.status == 200);
            so_buf_deinit(&c.body);
            so_arena_deinit(&c.arena);
        }
    }
}

static void policies_see_other_tables_through_theirs(void **state)
{
#define P(label, who, request, body, status, want)                                                                          \
    {                                                                                                                       \
        label, who, request, "Prefer: return=representation", body, status, NULL, want, NULL, NULL                          \
    }
    static const struct scenario TABLE[] = {
        P("what the diary shows", "ann", "GET notes?select=id", NULL, 200, "[{\"id\":1}]"),
        P("... to each his own", "bob", "GET notes?select=id", NULL, 200, "[{\"id\":2}]"),
        P("... and nothing to anon", "anon", "GET notes?select=id", NULL, 200, "[]"),
        P("the service sees all", "service", "GET notes?select=id", NULL, 200, "[{\"id\":1},{\"id\":2}]"),
        P("through two tables", "ann", "GET replies?select=id", NULL, 200, "[{\"id\":1}]"),
        P("an update of what is seen", "ann", "PATCH notes?select=id", "{\"diary_id\": 1}", 200, "[{\"id\":1}]"),
        P("... cannot leave it", "ann", "PATCH notes?id=eq.1", "{\"diary_id\": 2}", 403, "~42501"),
        P("an insert", "ann", "POST notes?select=id", "{\"id\": 3, \"diary_id\": 1}", 201, "[{\"id\":3}]"),
        P("... into another's diary", "ann", "POST notes", "{\"id\": 3, \"diary_id\": 2}", 403, "~42501"),
    };
    RUN(TABLE);
#undef P
}

static void functions_are_called(void **state)
{
#define C(label, who, request, body, status, want)                                                                          \
    {                                                                                                                       \
        label, who, request, NULL, body, status, NULL, want, NULL, NULL                                                     \
    }
    static const struct scenario TABLE[] = {
        C("rows by GET, the default", "anon", "GET rpc/thick_books?select=isbn&order=isbn", NULL, 200,
          "[{\"isbn\":\"333\"},{\"isbn\":\"444\"}]"),
        C("an argument, a filter, an embed", "anon", "GET rpc/thick_books?least=100&select=isbn,authors(name)&pages=lt.200",
          NULL, 200, "[{\"isbn\":\"111\",\"authors\":{\"name\":\"Ada\"}}]"),
        {"not too many rows", "anon", "GET rpc/thick_books?least=100", "Prefer: handling=strict, max-affected=3", NULL, 400,
         NULL,
         "{\"code\":\"PGRST124\",\"details\":\"The query affects 4 rows\",\"hint\":null,\"message\":\"Query result exceeds "
         "max-affected preference constraint\"}",
         NULL, NULL},
        {"enough", "ann", "POST rpc/rename?select=isbn", "Prefer: handling=strict, max-affected=1",
         "{\"isbn\":\"111\",\"title\":\"x\"}", 200, "Preference-Applied: handling=strict, max-affected=1",
         "[{\"isbn\":\"111\"}]", NULL, NULL},
        {"none", "ann", "POST rpc/rename?select=isbn", "Prefer: handling=strict, max-affected=0",
         "{\"isbn\":\"111\",\"title\":\"x\"}", 400, NULL, "~PGRST124", NULL, NULL},
        {"a value is no rows", "anon", "GET rpc/add?a=1&b=2", "Prefer: handling=strict, max-affected=3", NULL, 400, NULL,
         "{\"code\":\"PGRST128\",\"details\":null,\"hint\":null,\"message\":\"Function must return SETOF or TABLE when "
         "max-affected preference is used with handling=strict\"}",
         NULL, NULL},
        C("by POST", "anon", "POST rpc/thick_books?select=isbn&limit=1&order=isbn.desc", "{\"least\": 1}", 200,
          "[{\"isbn\":\"444\"}]"),
        {"count and page", "anon", "GET rpc/thick_books?least=0&select=isbn&order=isbn&limit=2", "Prefer: count=exact", NULL,
         206, "Content-Range: 0-1/4", "[{\"isbn\":\"111\"},{\"isbn\":\"222\"}]", NULL, NULL},
        {"head", "anon", "HEAD rpc/thick_books", NULL, NULL, 200, "Content-Range: 0-1/*", "", NULL, NULL},
        {"one object", "anon", "GET rpc/thick_books?least=400&select=isbn", "Accept: application/vnd.pgrst.object+json",
         NULL, 200, NULL, "{\"isbn\":\"444\"}", NULL, NULL},
        {"csv", "anon", "GET rpc/thick_books?least=400&select=isbn,pages", "Accept: text/csv", NULL, 200, NULL,
         "isbn,pages\n444,400", NULL, NULL},
        C("the params' schema", "anon", "GET rpc/thick_books?least=-1", NULL, 422, "~\"instanceLocation\":\"/least\""),
        C("... of JSON", "anon", "POST rpc/add", "{\"a\": \"1\"}", 422, "~\"code\":\"SO422\""),
        C("a null is an argument left out", "anon", "POST rpc/thick_books?select=isbn", "{\"least\": null}", 200, "[]"),
        C("a scalar", "anon", "POST rpc/add", "{\"a\": 1, \"b\": 2}", 200, "3"),
        C("a scalar by GET", "anon", "GET rpc/add?a=1&b=41", NULL, 200, "42"),
        C("an object", "anon", "GET rpc/totals", NULL, 200, "{\"n\":4,\"on\":true}"),
        C("rows of its own", "anon", "GET rpc/count_to?n=5&i=gt.2&order=i.desc&select=x:i", NULL, 200,
          "[{\"x\":5},{\"x\":4},{\"x\":3}]"),
        C("values", "ann", "GET rpc/all_lines", NULL, 200, "[\"mine\",\"his\"]"),
        C("an invoker reads its own rows, however it names the table", "ann", "GET rpc/my_lines", NULL, 200, "[\"mine\"]"),
        C("... and anon none", "anon", "GET rpc/my_lines", NULL, 200, "[]"),
        C("... the service all", "service", "GET rpc/my_lines", NULL, 200, "[\"mine\",\"his\"]"),
        C("a table without policies is closed to invokers", "anon", "GET rpc/vault_size", NULL, 200, "0"),
        C("... not to the service", "service", "GET rpc/vault_size", NULL, 200, "1"),
        C("a writeOnly column is NULL to invokers", "anon", "GET rpc/secrets", NULL, 200, "0"),
        C("roles: anon", "anon", "GET rpc/all_lines", NULL, 401,
          "{\"code\":\"42501\",\"details\":null,\"hint\":null,\"message\":\"permission denied for function all_lines\"}"),
        C("roles: without any", "ann", "GET rpc/private", NULL, 403, "~42501"),
        C("... but the service may", "service", "GET rpc/private", NULL, 200, "1"),
        C("a write is no GET", "ann", "GET rpc/forget", NULL, 405, "~25006"),
        {"a write, its rows selected and embedded", "ann",
         "POST rpc/rename?select=isbn,title,price,created_at,authors(name)", NULL, "{\"isbn\": \"111\", \"title\": \"New\"}",
         200, NULL,
         "[{\"isbn\":\"111\",\"title\":\"New\",\"price\":9.5,\"created_at\":\"2024-01-01T00:00:00+00:00\","
         "\"authors\":{\"name\":\"Ada\"}}]",
         "SELECT title FROM books WHERE isbn = '111'", "New"},
        {"a write that its own condition stops", "bob", "POST rpc/rename", NULL, "{\"isbn\": \"111\", \"title\": \"New\"}",
         200, NULL, "[]", "SELECT title FROM books WHERE isbn = '111'", "Alpha"},
        {"void", "ann", "POST rpc/forget", NULL, "", 204, "Content-Type:", "", "SELECT count(*) FROM diary", "1"},
        {"a singular write is undone", "bob", "POST rpc/rename", "Accept: application/vnd.pgrst.object+json",
         "{\"isbn\": \"111\", \"title\": \"New\"}", 406, NULL, "~PGRST116", NULL, NULL},
        {"options", "anon", "OPTIONS rpc/forget", NULL, NULL, 200, "Allow: OPTIONS,POST", "", NULL, NULL},
        C("unknown", "anon", "POST rpc/ad", "{\"a\": 1, \"b\": 2}", 404,
          "{\"code\":\"PGRST202\",\"details\":\"Searched for the function public.ad with parameters a, b or with a single "
          "unnamed json/jsonb parameter, but no matches were found in the schema cache.\",\"hint\":null,"
          "\"message\":\"Could not find the function public.ad(a, b) in the schema cache\"}"),
        C("nearly known", "anon", "GET rpc/totls", NULL, 404,
          "{\"code\":\"PGRST202\",\"details\":\"Searched for the function public.totls without parameters, but no matches "
          "were found in the schema cache.\",\"hint\":\"Perhaps you meant to call the function public.totals\","
          "\"message\":\"Could not find the function public.totls without parameters in the schema cache\"}"),
        C("a hint never names what may not be called", "anon", "GET rpc/privat", NULL, 404, "~\"hint\":null"),
        C("unknown argument", "anon", "GET rpc/add?a=1&c=2", NULL, 404,
          "~Perhaps you meant to call the function public.add(a, b)"),
        C("a body that is no object", "anon", "POST rpc/add", "[1]", 400, "~PGRST102"),
        C("no column of it", "anon", "GET rpc/thick_books?select=nope", NULL, 400, "~42703"),
    };
    RUN(TABLE);
#undef C
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_read_as_the_url_says),
        cmocka_unit_test(filters_choose_rows),
        cmocka_unit_test(bad_filters_are_told),
        cmocka_unit_test(relations_are_embedded),
        cmocka_unit_test(order_and_range_choose_the_page),
        cmocka_unit_test(the_media_type_shapes_the_answer),
        cmocka_unit_test(policies_hold_on_every_path),
        cmocka_unit_test(settings_open_more),
        cmocka_unit_test(policies_see_other_tables_through_theirs),
        cmocka_unit_test(functions_are_called),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, open_store, close_store);
}
