/* load_test.c: schema files become tables; what Socle does not understand stops the start with file, pointer and reason. */
#include "workbench.h"

static const struct so_field_rule *field(const struct so_model *m, const char *table, const char *name)
{
    const struct so_table *t = so_model_find(m, so_str_c(table));
    assert_non_null(t);
    const struct so_field_rule *f = so_table_field(t, so_str_c(name));
    if (f == NULL)
        fail_msg("%s.%s is not there", table, name);
    return f;
}

static void the_bookstore_is_understood(void **state)
{
    (void)state;
    struct so_model *m = bench_model(bench_data("bookstore"));
    assert_int_equal(m->table_count, 2);
    assert_str(m->tables[0]->name, "authors");
    const struct so_table *books = so_model_find(m, SO_STR("books"));
    assert_str(books->file, "schemas/books.json");
    assert_str(books->title, "Book");
    assert_int_equal(books->field_count, 8);
    assert_false(books->additional_properties);
    assert_int_equal(books->primary_key_count, 1);
    assert_str(books->primary_key[0], "isbn");
    assert_int_equal(books->index_count, 1);
    assert_str(books->indexes[0][0], "author_id");
    assert_null(books->indexes[0][1].p);
    assert_true(field(m, "books", "pages")->required);
    assert_false(field(m, "books", "price")->required);
    assert_true(field(m, "books", "owner_id")->read_only);
    assert_str(field(m, "books", "owner_id")->default_sql, ":auth_uid");
    assert_false(field(m, "books", "owner_id")->default_in_ddl);
    assert_str(field(m, "books", "created_at")->default_sql, "so_now()");
    assert_true(field(m, "books", "created_at")->default_in_ddl);
    assert_str(field(m, "books", "author_id")->references_table, "authors");
    assert_str(field(m, "books", "author_id")->references_column, "id");
    assert_true(field(m, "authors", "name")->search);
    assert_int_equal(books->policies[SO_CMD_SELECT].kind, SO_POLICY_ALLOW);
    assert_int_equal(books->policies[SO_CMD_UPDATE].kind, SO_POLICY_SQL);
    assert_str(books->policies[SO_CMD_DELETE].sql, "owner_id = :auth_uid");
    assert_int_equal(books->check.kind, SO_POLICY_ALLOW);
    assert_int_equal(so_model_find(m, SO_STR("authors"))->policies[SO_CMD_INSERT].kind, SO_POLICY_DENY);
    assert_null(so_model_find(m, SO_STR("nothing")));
    so_model_unref(so_model_ref(m));
    so_model_unref(m);
}

static const struct {
    const char *schema;
    enum so_type type;
} TYPES[] = {
    {"{\"type\":\"string\"}", SO_TYPE_TEXT},
    {"{\"type\":\"string\",\"format\":\"uuid\"}", SO_TYPE_UUID},
    {"{\"type\":\"string\",\"format\":\"date\"}", SO_TYPE_DATE},
    {"{\"type\":\"string\",\"format\":\"time\"}", SO_TYPE_TIME},
    {"{\"type\":\"string\",\"format\":\"date-time\"}", SO_TYPE_TIMESTAMPTZ},
    {"{\"type\":\"string\",\"format\":\"decimal\"}", SO_TYPE_DECIMAL},
    {"{\"type\":\"string\",\"format\":\"email\"}", SO_TYPE_TEXT},
    {"{\"type\":\"integer\",\"format\":\"date\"}", SO_TYPE_INTEGER},
    {"{\"type\":\"number\"}", SO_TYPE_NUMERIC},
    {"{\"type\":[\"integer\",\"number\"]}", SO_TYPE_NUMERIC},
    {"{\"type\":\"boolean\"}", SO_TYPE_BOOLEAN},
    {"{\"type\":\"object\"}", SO_TYPE_JSON},
    {"{\"type\":\"array\"}", SO_TYPE_JSON},
    {"{\"type\":[\"string\",\"null\"]}", SO_TYPE_TEXT},
    {"{\"type\":[\"string\",\"null\"],\"format\":\"uuid\"}", SO_TYPE_UUID},
    {"{\"type\":[\"string\",\"integer\"]}", SO_TYPE_JSON},
    {"{\"type\":\"null\"}", SO_TYPE_JSON},
    {"{\"enum\":[\"a\",\"b\",null]}", SO_TYPE_TEXT},
    {"{\"enum\":[1,2]}", SO_TYPE_INTEGER},
    {"{\"enum\":[1,2.5]}", SO_TYPE_NUMERIC},
    {"{\"enum\":[1,\"a\"]}", SO_TYPE_JSON},
    {"{\"const\":true}", SO_TYPE_BOOLEAN},
    {"{\"$ref\":\"#/$defs/isbn\"}", SO_TYPE_TEXT},
    {"{\"$ref\":\"#/$defs/indirect\"}", SO_TYPE_UUID},
    {"{}", SO_TYPE_JSON},
    {"true", SO_TYPE_JSON},
};

static void types_of_json_schema_become_column_types(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(TYPES); i++) {
        char text[512];
        bench_open();
        snprintf(text, sizeof(text),
                 "{\"type\":\"object\",\"properties\":{\"a\":%s},\"$defs\":{\"isbn\":{\"type\":\"string\"},"
                 "\"id\":{\"type\":\"string\",\"format\":\"uuid\"},\"indirect\":{\"$ref\":\"#/$defs/id\"}}}",
                 TYPES[i].schema);
        bench_file("schemas/t.json", text);
        struct so_model *m = bench_model(bench_dir);
        if (field(m, "t", "a")->type != TYPES[i].type)
            fail_msg("%s became %s", TYPES[i].schema, so_type_info(field(m, "t", "a")->type)->name);
        so_model_unref(m);
        bench_close();
    }
}

static const struct {
    const char *schema, *sql; /* NULL: no default */
    bool in_ddl;
} DEFAULTS[] = {
    {"{\"type\":\"string\",\"default\":\"it's\"}", "'it''s'", true},
    {"{\"type\":\"integer\",\"default\":-7}", "-7", true},
    {"{\"type\":\"integer\",\"default\":1e3}", "1000", true},
    {"{\"type\":\"number\",\"default\":1.50}", "1.50", true},
    {"{\"type\":\"boolean\",\"default\":true}", "1", true},
    {"{\"type\":\"boolean\",\"x-default\":\"false\"}", "0", true},
    {"{\"type\":\"array\",\"default\":[1, \"a'b\"]}", "'[1,\"a''b\"]'", true},
    {"{\"type\":\"string\",\"default\":null}", NULL, false},
    {"{\"type\":\"string\",\"x-default\":\"null\"}", NULL, false},
    {"{\"type\":\"string\",\"format\":\"uuid\",\"default\":\"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11\"}",
     "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", true},
    {"{\"type\":\"string\",\"format\":\"date-time\",\"default\":\"2024-01-01T00:00:00Z\"}",
     "'2024-01-01T00:00:00.000000+00:00'", true},
    {"{\"type\":\"string\",\"x-default\":\"'draft'\"}", "'draft'", true},
    {"{\"type\":\"integer\",\"x-default\":\"- 3\"}", "- 3", true},
    {"{\"type\":\"integer\",\"x-default\":5}", "5", true},
    {"{\"type\":\"string\",\"format\":\"date-time\",\"x-default\":\"NOW( )\"}", "so_now()", true},
    {"{\"type\":\"string\",\"format\":\"date\",\"x-default\":\"current_date\"}", "substr(so_now(), 1, 10)", true},
    {"{\"type\":\"string\",\"format\":\"uuid\",\"x-default\":\"gen_random_uuid()\"}", "so_uuid()", true},
    {"{\"type\":\"string\",\"x-default\":\"auth.role()\"}", ":auth_role", false},
    {"{\"type\":\"string\",\"x-default\":\"auth.jwt()->>'email'\"}", ":auth_jwt->>'email'", false},
    {"{\"type\":\"integer\",\"x-default\":\"1 + 1\"}", "1 + 1", false},
};

static void defaults_become_sqlites_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(DEFAULTS); i++) {
        char text[512];
        bench_open();
        snprintf(text, sizeof(text), "{\"type\":\"object\",\"properties\":{\"a\":%s}}", DEFAULTS[i].schema);
        bench_file("schemas/t.json", text);
        struct so_model *m = bench_model(bench_dir);
        const struct so_field_rule *f = field(m, "t", "a");
        if ((f->default_sql.p == NULL) != (DEFAULTS[i].sql == NULL) || f->default_in_ddl != DEFAULTS[i].in_ddl)
            fail_msg("%s", DEFAULTS[i].schema);
        if (f->default_sql.p != NULL)
            assert_str(f->default_sql, DEFAULTS[i].sql);
        so_model_unref(m);
        bench_close();
    }
}

#define TABLE(rest)                                                                                                         \
    "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"},\"n\":{\"type\":[\"integer\",\"null\"]}}" rest "}"
#define PROPERTY(inner) "{\"type\":\"object\",\"properties\":{\"a\":{" inner "}}}"

static const struct {
    const char *file, *text, *message; /* the message begins with it */
} WRONG[] = {
    {"schemas/t.json", "{", "schemas/t.json: not JSON: line 1: "},
    {"schemas/t.json", "{\n\"a\":1,\n\"a\":2}", "schemas/t.json: not JSON: line 3: "},
    {"schemas/t.json", "[]", "schemas/t.json#: a table's schema is an object"},
    {"schemas/t.json", "{\"type\":\"array\"}", "schemas/t.json#/type: "},
    {"schemas/t.json", "{\"type\":\"object\"}", "schemas/t.json#/properties: "},
    {"schemas/t.json", "{\"type\":\"object\",\"properties\":{}}", "schemas/t.json#/properties: "},
    {"schemas/t.json", "{\"type\":\"object\",\"properties\":{\"a\":{},\"A\":{}}}", "schemas/t.json#/properties/A: another"},
    {"schemas/t.json", "{\"type\":\"object\",\"properties\":{\"\":{}}}", "schemas/t.json#: a column needs a name"},
    {"schemas/t.json", PROPERTY("\"type\":\"strin\""), "schemas/t.json#/properties/a/type: "},
    {"schemas/t.json", PROPERTY("\"type\":\"string\",\"minLength\":-1"), "schemas/t.json#/properties/a/minLength: "},
    {"schemas/2t.json", TABLE(""), "schemas/2t.json#: a table's name"},
    {"schemas/a-b.json", TABLE(""), "schemas/a-b.json#: a table's name"},
    {"schemas/auth_users.json", TABLE(""), "schemas/auth_users.json#: names that begin with"},
    {"schemas/_Socle_x.json", TABLE(""), "schemas/_Socle_x.json#: names that begin with"},
    {"schemas/t.json", TABLE(",\"x-primary-keys\":[\"a\"]"),
     "schemas/t.json#/x-primary-keys: no such keyword; did you mean \"x-primary-key\"?"},
    {"schemas/t.json", TABLE(",\"x_policy\":{}"), "schemas/t.json#/x_policy: no such keyword; did you mean \"x-policies\"?"},
    {"schemas/t.json", TABLE(",\"x-references\":\"a.b\""), "schemas/t.json#/x-references: belongs to a property"},
    {"schemas/t.json", PROPERTY("\"x-policies\":{}"), "schemas/t.json#/properties/a/x-policies: belongs to the table"},
    {"schemas/t.json", TABLE(",\"x-primary-key\":[\"b\"]"), "schemas/t.json#/x-primary-key: there is no property \"b\""},
    {"schemas/t.json", TABLE(",\"x-primary-key\":[\"n\"]"), "schemas/t.json#/x-primary-key: \"n\" may be null"},
    {"schemas/t.json", TABLE(",\"x-primary-key\":[]"), "schemas/t.json#/x-primary-key: is an empty list"},
    {"schemas/t.json", TABLE(",\"x-primary-key\":[\"a\",\"a\"]"), "schemas/t.json#/x-primary-key: names \"a\" twice"},
    {"schemas/t.json", TABLE(",\"x-primary-key\":1"), "schemas/t.json#/x-primary-key: should be a list"},
    {"schemas/t.json", TABLE(",\"x-indexes\":\"a\""), "schemas/t.json#/x-indexes: should be a list of lists"},
    {"schemas/t.json", TABLE(",\"x-indexes\":[[\"a\"],[\"x\"]]"), "schemas/t.json#/x-indexes/1: there is no property \"x\""},
    {"schemas/t.json", TABLE(",\"required\":[\"x\"]"), "schemas/t.json#/required: there is no property \"x\""},
    {"schemas/t.json", TABLE(",\"x-policies\":[]"), "schemas/t.json#/x-policies: should be an object"},
    {"schemas/t.json", TABLE(",\"x-policies\":{\"selekt\":\"true\"}"),
     "schemas/t.json#/x-policies/selekt: no such policy: there are select, insert, update, delete and check; did you mean "
     "\"select\"?"},
    {"schemas/t.json", TABLE(",\"x-policies\":{\"select\":\"exists (select 1 from t x where x.a = t.a)\"}"),
     "schemas/t.json#/x-policies/select: infinite recursion detected in policy for relation \"t\""},
    {"schemas/t.json", TABLE(",\"x-policies\":{\"select\":\"exists (select 1 from 'T')\"}"),
     "schemas/t.json#/x-policies/select: infinite recursion"},
    {"schemas/t.json", TABLE(",\"x-policies\":{\"update\":\"exists (select 1 from main.t)\"}"),
     "schemas/t.json#/x-policies/update: main.: names stand without"},
    {"schemas/t.json", TABLE(",\"x-policies\":{\"update\":\"a in t\"}"),
     "schemas/t.json#/x-policies/update: IN is followed"},
    {"schemas/t.json", TABLE(",\"x-policies\":{\"select\":1}"), "schemas/t.json#/x-policies/select: a policy is"},
    {"schemas/t.json", TABLE(",\"x-policies\":{\"select\":\"a = 1; x\"}"), "schemas/t.json#/x-policies/select: ';'"},
    {"schemas/t.json", PROPERTY("\"readOnly\":\"yes\""), "schemas/t.json#/properties/a/readOnly: should be true or false"},
    {"schemas/t.json", PROPERTY("\"x-unique\":[\"a\"]"), "schemas/t.json#/properties/a/x-unique: should be true or false"},
    {"schemas/t.json", PROPERTY("\"x-renamed-from\":1"), "schemas/t.json#/properties/a/x-renamed-from: should be a text"},
    {"schemas/t.json", PROPERTY("\"x-references\":\"t.\""), "schemas/t.json#/properties/a/x-references: should be"},
    {"schemas/t.json", PROPERTY("\"x-references\":\"u.id\""),
     "schemas/t.json#/properties/a/x-references: there is no table \"u\""},
    {"schemas/t.json", PROPERTY("\"x-references\":\"t.id\""),
     "schemas/t.json#/properties/a/x-references: the table \"t\" has no"},
    {"schemas/t.json", PROPERTY("\"x-references\":\"t.a\""), "schemas/t.json#/properties/a/x-references: t.a is not unique"},
    {"schemas/t.json", PROPERTY("\"x-on-delete\":\"cascade\""), "schemas/t.json#/properties/a/x-on-delete: means nothing"},
    {"schemas/t.json", PROPERTY("\"x-on-delete\":\"explode\""), "schemas/t.json#/properties/a/x-on-delete: should be"},
    {"schemas/t.json", PROPERTY("\"type\":\"integer\",\"default\":\"x\""),
     "schemas/t.json#/properties/a/default: is no value"},
    {"schemas/t.json", PROPERTY("\"type\":\"string\",\"format\":\"uuid\",\"default\":\"x\""),
     "schemas/t.json#/properties/a/default: invalid input syntax for type uuid"},
    {"schemas/t.json", PROPERTY("\"type\":\"string\",\"default\":\"\\u0000\""),
     "schemas/t.json#/properties/a/default: a default text"},
    {"schemas/t.json", PROPERTY("\"type\":\"integer\",\"x-default\":\"now()\""),
     "schemas/t.json#/properties/a/x-default: now() is no"},
    {"schemas/t.json", PROPERTY("\"x-default\":\"a;b\""), "schemas/t.json#/properties/a/x-default: ';'"},
    {"schemas/t.json", PROPERTY("\"x-default\":\"'a'\",\"default\":\"b\""),
     "schemas/t.json#/properties/a/default: stands beside"},
};

static void what_is_wrong_is_named_with_file_and_pointer(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(WRONG); i++) {
        struct so_err err = SO_ERR_INIT;
        struct so_model *m = NULL;
        bench_open();
        bench_file(WRONG[i].file, WRONG[i].text);
        int rc = so_model_load(bench_dir, &m, &err);
        bench_close();
        if (rc != SO_EINVAL || m != NULL)
            fail_msg("should be SO_EINVAL (%s), is %s: %s", WRONG[i].message, so_code_name(rc), WRONG[i].text);
        if (strncmp(err.message, WRONG[i].message, strlen(WRONG[i].message)) != 0)
            fail_msg("\nsaid:   %s\nshould: %s", err.message, WRONG[i].message);
    }
}

static void foreign_annotations_pass(void **state)
{
    (void)state;
    bench_open();
    bench_file("schemas/t.json", TABLE(",\"x-internal\":true,\"x-go-type\":\"T\""));
    so_model_unref(bench_model(bench_dir));
    bench_close();
}

static void names_that_differ_in_case_collide(void **state)
{
    (void)state;
    struct so_err err = SO_ERR_INIT;
    struct so_model *m = NULL;
    bench_open();
    bench_file("schemas/Books.json", TABLE(""));
    bench_file("schemas/books.json", TABLE(""));
    assert_int_equal(so_model_load(bench_dir, &m, &err), SO_EINVAL);
    bench_close();
}

static void references_lead_backwards(void **state)
{
    (void)state;
    bench_open();
    bench_file("schemas/a.json", "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"integer\"},"
                                 "\"z\":{\"type\":\"integer\",\"x-references\":\"z\"}},\"x-primary-key\":\"id\"}");
    bench_file("schemas/m.json", "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"integer\"},"
                                 "\"up\":{\"type\":\"integer\",\"x-references\":\"m.id\"}},\"x-primary-key\":[\"id\"]}");
    bench_file("schemas/z.json", "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"integer\"},"
                                 "\"m\":{\"type\":\"integer\",\"x-references\":\"m.id\"}},\"x-primary-key\":[\"id\"]}");
    struct so_model *m = bench_model(bench_dir);
    assert_str(m->tables[0]->name, "m");
    assert_str(m->tables[1]->name, "z");
    assert_str(m->tables[2]->name, "a");
    assert_str(field(m, "a", "z")->references_column, "id");
    so_model_unref(m);
    bench_close();
}

static void a_missing_folder_is_a_model_without_tables(void **state)
{
    (void)state;
    struct so_model *m = bench_model("/nonexistent");
    assert_int_equal(m->table_count, 0);
    so_model_unref(m);
}

static void too_many_columns_meet_the_limit(void **state)
{
    (void)state;
    struct so_err err = SO_ERR_INIT;
    struct so_model *m = NULL;
    struct so_buf text;
    so_buf_init(&text, 1 << 20);
    so_buf_lit(&text, "{\"type\":\"object\",\"properties\":{\"c\":{}");
    for (int i = 0; i < 1000; i++)
        so_buf_printf(&text, ",\"c%d\":{}", i);
    so_buf_lit(&text, "}}");
    bench_open();
    bench_file("schemas/t.json", so_buf_cstr(&text));
    assert_int_equal(so_model_load(bench_dir, &m, &err), SO_ELIMIT);
    bench_close();
    so_buf_deinit(&text);
}

static int validate(const struct so_table *t, const char *text, int64_t index, struct so_arena *arena,
                    const struct so_violation **out)
{
    struct so_json row;
    struct so_err err = SO_ERR_INIT;
    assert_int_equal(so_json_parse(arena, so_str_c(text), NULL, &row, &err), SO_OK);
    return so_table_validate(t, &row, index, arena, out, &err);
}

static void null_means_no_value_unless_required(void **state)
{
    (void)state;
    static const struct {
        const char *row, *location; /* NULL: valid */
    } CASES[] = {
        {"{\"isbn\":\"9780060512750\",\"title\":\"x\",\"pages\":1}", NULL},
        {"{\"isbn\":\"9780060512750\",\"title\":\"x\",\"pages\":1,\"price\":null,\"tags\":null}", NULL},
        {"{\"isbn\":\"9780060512750\",\"title\":\"x\",\"pages\":null}", "/7/pages"},
        {"{\"isbn\":\"9780060512750\",\"title\":\"x\",\"pages\":0,\"price\":null}", "/7/pages"},
        {"{\"isbn\":\"9780060512750\",\"title\":\"x\",\"pages\":1,\"author_id\":\"no uuid\"}", "/7/author_id"},
        {"{\"isbn\":\"9780060512750\",\"title\":\"x\"}", "/7"},
    };
    struct so_model *m = bench_model(bench_data("bookstore"));
    const struct so_table *books = so_model_find(m, SO_STR("books"));
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct so_arena arena;
        const struct so_violation *found = NULL;
        so_arena_init(&arena, 1 << 20);
        assert_int_equal(validate(books, CASES[i].row, 7, &arena, &found), SO_OK);
        if ((found == NULL) != (CASES[i].location == NULL))
            fail_msg("%s", CASES[i].row);
        if (found != NULL)
            assert_str(found->instance_location, CASES[i].location);
        so_arena_deinit(&arena);
    }
    so_model_unref(m);
}

static void every_failed_allocation_is_an_error(void **state)
{
    (void)state;
    bool failed = true;
    const char *dir = bench_data("bookstore");
    for (long n = 0; failed; n++) {
        struct so_model *m = NULL;
        struct so_err err = SO_ERR_INIT;
        so_mem_fail_at(n);
        int rc = so_model_load(dir, &m, &err);
        failed = so_mem_failed();
        so_mem_fail_at(-1);
        /* PCRE2 can do without the memory for its JIT. */
        if (rc != SO_OK && !(failed && rc == SO_ENOMEM))
            fail_msg("allocation %ld: %s %s", n, so_code_name(rc), err.message);
        so_model_unref(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bookstore_is_understood),
        cmocka_unit_test(types_of_json_schema_become_column_types),
        cmocka_unit_test(defaults_become_sqlites_words),
        cmocka_unit_test(what_is_wrong_is_named_with_file_and_pointer),
        cmocka_unit_test(foreign_annotations_pass),
        cmocka_unit_test(names_that_differ_in_case_collide),
        cmocka_unit_test(references_lead_backwards),
        cmocka_unit_test(a_missing_folder_is_a_model_without_tables),
        cmocka_unit_test(too_many_columns_meet_the_limit),
        cmocka_unit_test(null_means_no_value_unless_required),
        cmocka_unit_test(every_failed_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
