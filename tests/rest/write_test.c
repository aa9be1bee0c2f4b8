/* write_test.c: inserts, upserts, updates and deletes on a real database: what changes, what is refused, what is answered.
 */
#include "scenario.h"

static void rows_are_inserted(void **state)
{
    static const struct scenario TABLE[] = {
        {"minimal", "ann", "POST books", NULL, "{\"isbn\":\"555\",\"title\":\"N\",\"pages\":1}", 201,
         "Content-Range: */*|Content-Type:|Location:", "",
         "SELECT owner_id || used || length(created_at) FROM books WHERE isbn='555'", ANN "032"},
        {"representation", "ann", "POST books?select=isbn,owner_id,used,authors(name)", "Prefer: return=representation",
         "{\"isbn\":\"555\",\"title\":\"N\",\"pages\":1,\"author_id\":\"" BEN "\"}", 201,
         "Preference-Applied: return=representation",
         "[{\"isbn\":\"555\",\"owner_id\":\"" ANN "\",\"used\":false,\"authors\":{\"name\":\"Ben\"}}]", NULL, NULL},
        {"object", "ann", "POST books?select=isbn",
         "Prefer: return=representation|Accept: application/vnd.pgrst.object+json",
         "[{\"isbn\":\"555\",\"title\":\"N\",\"pages\":1}]", 201, NULL, "{\"isbn\":\"555\"}", NULL, NULL},
        {"headers only", "ann", "POST books", "Prefer: return=headers-only",
         "{\"isbn\":\"555\",\"title\":\"N\",\"pages\":1}", 201, "Location: /books?isbn=eq.555", "", NULL, NULL},
        {"many", "service", "POST tags?select=id", "Prefer: return=representation, count=exact",
         "[{\"id\":7,\"word\":\"a\"},{\"word\":\"b\",\"id\":8}]", 201, "Content-Range: */2", "[{\"id\":7},{\"id\":8}]", NULL,
         NULL},
        {"none", "service", "POST tags", "Prefer: return=representation", "[]", 201, NULL, "[]", NULL, NULL},
        {"generated key", "anon", "POST people?select=id,name", "Prefer: return=representation", "{\"name\":\"New\"}", 201,
         NULL, "[{\"id\":4,\"name\":\"New\"}]", NULL, NULL},
        {"keys differ", "anon", "POST tags", NULL, "[{\"id\":7},{\"word\":\"b\"}]", 400, NULL,
         "{\"code\":\"PGRST102\",\"details\":null,\"hint\":null,\"message\":\"All object keys must match\"}", NULL, NULL},
        {"columns=", "anon", "POST tags?columns=id,word", "Prefer: return=representation",
         "[{\"id\":7,\"extra\":1},{\"id\":8,\"word\":\"b\"}]", 201, NULL,
         "[{\"id\":7,\"word\":null},{\"id\":8,\"word\":\"b\"}]", NULL, NULL},
        {"missing=default", "ann", "POST books?columns=isbn,title,pages,used&select=isbn,used",
         "Prefer: return=representation, missing=default",
         "[{\"isbn\":\"555\",\"title\":\"N\",\"pages\":1},{\"isbn\":\"556\",\"title\":\"N\",\"pages\":1,\"used\":true}]",
         201, "Preference-Applied: missing=default, return=representation",
         "[{\"isbn\":\"555\",\"used\":false},{\"isbn\":\"556\",\"used\":true}]", NULL, NULL},
        {"csv", "anon", "POST tags", "Content-Type: text/csv|Prefer: return=representation",
         "id,word\n7,\"a,\"\"b\"\n8,NULL\n", 201, NULL, "[{\"id\":7,\"word\":\"a,\\\"b\"},{\"id\":8,\"word\":null}]", NULL,
         NULL},
        {"csv, no integer", "anon", "POST tags", "Content-Type: text/csv", "id,word\nnope,c\n", 422, NULL, NULL, NULL, NULL},
        {"form", "anon", "POST authors?select=name",
         "Content-Type: application/x-www-form-urlencoded|Prefer: return=representation", "id=" ANN "&name=A+%26+B", 201,
         NULL, "[{\"name\":\"A & B\"}]", NULL, NULL},
        {"unknown column", "ann", "POST books", NULL, "{\"isbn\":\"555\",\"title\":\"N\",\"pages\":1,\"colour\":\"red\"}",
         400, NULL,
         "{\"code\":\"PGRST204\",\"details\":null,\"hint\":null,\"message\":\"Could not find the 'colour' column of 'books' "
         "in the "
         "schema cache\"}",
         NULL, NULL},
        {"no JSON", "ann", "POST books", NULL, "{\"isbn\":", 400, NULL, "~PGRST102", NULL, NULL},
        {"content type", "ann", "POST books", "Content-Type: image/png", "x", 400, NULL, "~PGRST102", NULL, NULL},
        {"duplicate", "ann", "POST books", NULL, "{\"isbn\":\"111\",\"title\":\"N\",\"pages\":1}", 409, NULL, "~23505", NULL,
         NULL},
        {"no such author", "ann", "POST books", NULL,
         "{\"isbn\":\"555\",\"title\":\"N\",\"pages\":1,\"author_id\":\"" ANN "\"}", 409, NULL, "~23503", NULL, NULL},
        {"view", "service", "POST titles", NULL, "{\"isbn\":\"1\"}", 405, NULL, "~55000", NULL, NULL},
        {"singular undoes", "anon", "POST tags", "Accept: application/vnd.pgrst.object+json|Prefer: return=representation",
         "[{\"id\":7,\"word\":\"a\"},{\"id\":8,\"word\":\"b\"}]", 406, NULL, "~PGRST116", NULL, NULL},
    };
    RUN(TABLE);
}

static void conflicts_are_resolved(void **state)
{
    static const struct scenario TABLE[] = {
        {"merge, own row", "ann", "POST books?select=isbn,title,owner_id",
         "Prefer: resolution=merge-duplicates, return=representation", "{\"isbn\":\"111\",\"title\":\"New\",\"pages\":7}",
         200, "Preference-Applied: resolution=merge-duplicates, return=representation",
         "[{\"isbn\":\"111\",\"title\":\"New\",\"owner_id\":\"" ANN "\"}]", NULL, NULL},
        {"merge, new row", "ann", "POST books?select=isbn", "Prefer: resolution=merge-duplicates, return=representation",
         "{\"isbn\":\"555\",\"title\":\"New\",\"pages\":7}", 201, NULL, "[{\"isbn\":\"555\"}]", NULL, NULL},
        {"merge, someone else's row", "bob", "POST books", "Prefer: resolution=merge-duplicates",
         "{\"isbn\":\"111\",\"title\":\"New\",\"pages\":7}", 403, NULL,
         "{\"code\":\"42501\",\"details\":null,\"hint\":null,\"message\":\"new row violates row-level security policy "
         "(USING "
         "expression) for table \\\"books\\\"\"}",
         NULL, NULL},
        {"merge, the schema judges the merged row", "ann", "POST books", "Prefer: resolution=merge-duplicates",
         "{\"isbn\":\"111\",\"title\":\"\",\"pages\":7}", 422, NULL, NULL, NULL, NULL},
        {"ignore", "anon", "POST tags?select=id,word", "Prefer: resolution=ignore-duplicates, return=representation",
         "[{\"id\":1,\"word\":\"no\"},{\"id\":9,\"word\":\"yes\"}]", 201, NULL, "[{\"id\":9,\"word\":\"yes\"}]", NULL, NULL},
        {"on_conflict", "anon", "POST awards?on_conflict=author_id&select=id,name",
         "Prefer: resolution=merge-duplicates, return=representation",
         "{\"id\":1,\"name\":\"Other\",\"author_id\":\"" ADA "\"}", 200, NULL, "[{\"id\":1,\"name\":\"Other\"}]", NULL,
         NULL},
        {"on_conflict of nothing unique", "anon", "POST tags?on_conflict=word", "Prefer: resolution=merge-duplicates",
         "{\"id\":1,\"word\":\"no\"}", 400, NULL, "~42P10", NULL, NULL},
        {"put, new", "anon", "PUT tags?id=eq.9", "Prefer: return=representation", "{\"id\":9,\"word\":\"nine\"}", 201, NULL,
         "[{\"id\":9,\"word\":\"nine\"}]", NULL, NULL},
        {"put, old", "anon", "PUT tags?id=eq.1", NULL, "{\"id\":1,\"word\":\"one\"}", 204, NULL, "",
         "SELECT word FROM tags WHERE id=1", "one"},
        {"put, other key", "anon", "PUT tags?id=eq.1", NULL, "{\"id\":2,\"word\":\"one\"}", 400, NULL, "~PGRST115", NULL,
         NULL},
        {"put, no key", "anon", "PUT tags?word=eq.red", NULL, "{\"id\":2,\"word\":\"one\"}", 405, NULL, "~PGRST105", NULL,
         NULL},
        {"put, limit", "anon", "PUT tags?id=eq.1&limit=1", NULL, "{\"id\":1,\"word\":\"one\"}", 400, NULL, "~PGRST114", NULL,
         NULL},
    };
    RUN(TABLE);
}

static void rows_are_changed_and_deleted(void **state)
{
    static const struct scenario TABLE[] = {
        {"own row", "ann", "PATCH books?isbn=eq.111&select=isbn,title,authors(name)", "Prefer: return=representation",
         "{\"title\":\"New\"}", 200, "Content-Range: 0-0/*",
         "[{\"isbn\":\"111\",\"title\":\"New\",\"authors\":{\"name\":\"Ada\"}}]", NULL, NULL},
        {"minimal", "ann", "PATCH books?isbn=eq.111", NULL, "{\"title\":\"New\"}", 204,
         "Content-Range: 0-0/*|Content-Type:", "", "SELECT title FROM books WHERE isbn='111'", "New"},
        {"someone else's row", "bob", "PATCH books?isbn=eq.111", "Prefer: return=representation", "{\"title\":\"New\"}", 200,
         "Content-Range: */*", "[]", NULL, NULL},
        {"all own rows", "ann", "PATCH books?select=isbn&pages=gt.1", "Prefer: return=representation, count=exact",
         "{\"pages\":5}", 200, "Content-Range: 0-1/2", "[{\"isbn\":\"111\"},{\"isbn\":\"333\"}]", NULL, NULL},
        {"nothing to set", "ann", "PATCH books?isbn=eq.111", "Prefer: return=representation", "{}", 200, NULL, "[]", NULL,
         NULL},
        {"what is stored is judged", "ann", "PATCH books?isbn=eq.111", NULL, "{\"pages\":-1}", 422, NULL, "~/pages", NULL,
         NULL},
        {"wrong type", "ann", "PATCH books?isbn=eq.111", NULL, "{\"pages\":\"many\",\"title\":\"\"}", 422, NULL,
         "~2 violations", NULL, NULL},
        {"unknown column", "ann", "PATCH books?isbn=eq.111", NULL, "{\"nope\":1}", 400, NULL, "~PGRST204", NULL, NULL},
        {"read only", "ann", "PATCH books?isbn=eq.111", NULL, "{\"owner_id\":null}", 422, NULL, "~\"keyword\":\"readOnly\"",
         NULL, NULL},
        {"read only for the service", "service", "PATCH books?isbn=eq.111", NULL, "{\"owner_id\":null}", 204, NULL, "", NULL,
         NULL},
        {"max-affected", "ann", "PATCH books?pages=gt.1", "Prefer: handling=strict, max-affected=1", "{\"pages\":5}", 400,
         NULL,
         "{\"code\":\"PGRST124\",\"details\":\"The query affects 2 rows\",\"hint\":null,\"message\":\"Query result exceeds "
         "max-affected preference constraint\"}",
         NULL, NULL},
        {"unknown preference", "ann", "PATCH books?pages=gt.1", "Prefer: handling=strict, anything=1", "{\"pages\":5}", 400,
         NULL,
         "{\"code\":\"PGRST122\",\"details\":\"Invalid preferences: anything=1\",\"hint\":null,\"message\":\"Invalid "
         "preferences "
         "given with handling=strict\"}",
         NULL, NULL},
        {"singular undoes", "ann", "PATCH books?pages=gt.1", "Accept: application/vnd.pgrst.object+json", "{\"pages\":5}",
         406, NULL, "~contains 2 rows", NULL, NULL},
        {"delete", "ann", "DELETE books?isbn=eq.333&select=isbn", "Prefer: return=representation", NULL, 200,
         "Content-Range: */*", "[{\"isbn\":\"333\"}]", "SELECT count(*) FROM books", "3"},
        {"delete, minimal", "ann", "DELETE books?isbn=eq.333", "Prefer: count=exact", NULL, 204, "Content-Range: */1", "",
         NULL, NULL},
        {"delete, someone else's row", "bob", "DELETE books?isbn=eq.333", NULL, NULL, 204, NULL, "",
         "SELECT count(*) FROM books", "4"},
        {"delete, all own", "bob", "DELETE diary", NULL, NULL, 204, NULL, "", "SELECT count(*) FROM diary", "1"},
        {"delete what is referred to", "anon", "DELETE tags?id=eq.1", NULL, NULL, 409, NULL, "~23503", NULL, NULL},
    };
    RUN(TABLE);
}

/* The reference has had limited updates and deletes, and has dropped them: a limit cuts nothing. */
static void limits_of_writes_cut_nothing(void **state)
{
    static const struct scenario TABLE[] = {
        {"update", "anon", "PATCH tags?limit=1&order=id&select=id", "Prefer: return=representation", "{\"word\":\"x\"}", 200,
         NULL, "[{\"id\":1},{\"id\":2}]", "SELECT count(*) FROM tags WHERE word = 'x'", "2"},
        {"delete", "anon", "DELETE orders?limit=0", NULL, NULL, 204, NULL, "", "SELECT count(*) FROM orders", "0"},
        {"but PUT refuses", "anon", "PUT tags?id=eq.1&limit=1", NULL, "{\"id\":1,\"word\":\"x\"}", 400, NULL, "~PGRST114",
         NULL, NULL},
    };
    RUN(TABLE);
}

static void bodies_are_judged_before_anything_is_written(void **state)
{
    static const struct scenario TABLE[] = {
        {"every violation", "ann", "POST books", NULL, "{\"isbn\":\"abc\",\"pages\":0}", 422, NULL,
         "~\"instanceLocation\":\"/isbn\",\"keywordLocation\":\"/properties/isbn/pattern\",\"keyword\":\"pattern\"", NULL,
         NULL},
        {"missing", "ann", "POST books", NULL, "{\"isbn\":\"555\",\"pages\":1}", 422, NULL,
         "{\"code\":\"SO422\",\"details\":\"title is required\",\"hint\":null,\"message\":\"title is required\",\"errors\":["
         "{\"instanceLocation\":\"\",\"keywordLocation\":\"/required\",\"keyword\":\"required\",\"message\":\"title is "
         "required\"}]}",
         NULL, NULL},
        {"rows are named", "ann", "POST books", NULL,
         "[{\"isbn\":\"555\",\"title\":\"N\",\"pages\":1},{\"isbn\":\"556\",\"title\":\"\",\"pages\":1}]", 422, NULL,
         "~\"instanceLocation\":\"/1/title\"", NULL, NULL},
        {"wrong type", "ann", "POST books", NULL, "{\"isbn\":\"555\",\"title\":\"N\",\"pages\":\"5\"}", 422, NULL,
         "~\"instanceLocation\":\"/pages\"", NULL, NULL},
        {"read only", "ann", "POST books", NULL, "{\"isbn\":\"555\",\"title\":\"N\",\"pages\":1,\"owner_id\":\"" BOB "\"}",
         422, NULL, "~owner_id is set by the server and cannot be written", NULL, NULL},
        {"columns= names what counts", "ann", "POST books?columns=isbn,title,pages", NULL,
         "{\"isbn\":\"555\",\"title\":\"N\",\"pages\":1,\"price\":-1}", 201, NULL, "", NULL, NULL},
        {"columns= without a value is NULL", "ann", "POST books?columns=isbn,title,pages", NULL,
         "{\"isbn\":\"555\",\"pages\":1}", 422, NULL, "~title is required", NULL, NULL},
        {"null means no value", "ann", "POST books", NULL, "{\"isbn\":\"555\",\"title\":\"N\",\"pages\":1,\"price\":null}",
         201, NULL, "", NULL, NULL},
    };
    RUN(TABLE);
}

static void a_refused_write_leaves_nothing_behind(void **state)
{
    (void)state;
    static const struct scenario REFUSED[] = {
        {.label = "singular",
         .who = "anon",
         .request = "POST tags",
         .headers = "Accept: application/vnd.pgrst.object+json",
         .body = "[{\"id\":70},{\"id\":71}]"},
        {.label = "policy", .who = "ann", .request = "PATCH diary?id=eq.1", .body = "{\"line\":\"forbidden\"}"},
        {.label = "schema", .who = "ann", .request = "PATCH books", .body = "{\"pages\":-1}"},
        {.label = "max-affected",
         .who = "ann",
         .request = "DELETE books",
         .headers = "Prefer: handling=strict, max-affected=1"},
        {.label = "second row", .who = "anon", .request = "POST tags", .body = "[{\"id\":70},{\"id\":1}]"},
    };
    static const char STATE[] = "SELECT (SELECT count(*) FROM tags) || (SELECT line FROM diary WHERE id = 1) ||"
                                " (SELECT sum(pages) FROM books)";
    for (size_t i = 0; i < COUNT_OF(REFUSED); i++) {
        struct call c = {.s = &REFUSED[i]};
        struct so_err err = SO_ERR_INIT;
        so_arena_init(&c.arena, 8 << 20);
        so_buf_init(&c.body, 1 << 20);
        parse_call(&c);
        must(so_rest_prepare(&c.in, store.snapshot, &store.settings, &c.arena, &c.op, &err), &err);
        if (so_db_write(store.db, run_kept, &c, &err) == SO_OK)
            fail_msg("%s was not refused", REFUSED[i].label);
        struct call look = {.s = &(struct scenario){.after = STATE}};
        read_cell(&look, store.reader);
        assert_string_equal(look.cell, "2mine1000");
        so_buf_deinit(&c.body);
        so_arena_deinit(&c.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_inserted),
        cmocka_unit_test(conflicts_are_resolved),
        cmocka_unit_test(rows_are_changed_and_deleted),
        cmocka_unit_test(limits_of_writes_cut_nothing),
        cmocka_unit_test(bodies_are_judged_before_anything_is_written),
        cmocka_unit_test(a_refused_write_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, open_store, close_store);
}
