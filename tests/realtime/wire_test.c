/* wire_test.c: both serializers, both ways: what is a message, what it says, and what goes out. */
#include "../testing.h"

#include "core/mem.h"
#include "realtime/wire.h"
#include "json/write.h"

enum { MEMORY_MAX = 1 << 20 };

static struct so_str payload_text(const struct so_wire_message *m, struct so_arena *arena)
{
    struct so_buf b;
    if (m->payload == NULL)
        return m->body;
    so_buf_init(&b, MEMORY_MAX);
    so_json_put(&b, m->payload);
    struct so_str text = so_arena_dup(arena, so_buf_str(&b));
    so_buf_deinit(&b);
    return text;
}

/* join_ref|ref|topic|event|payload, or "" for no message. */
static struct so_str in_short(int rc, const struct so_wire_message *m, struct so_arena *arena)
{
    if (rc != SO_OK)
        return SO_STR("");
    struct so_str payload = payload_text(m, arena);
    return so_arena_printf(arena, "%.*s|%.*s|%.*s|%.*s|%.*s", SO_STR_ARG(m->join_ref), SO_STR_ARG(m->ref),
                           SO_STR_ARG(m->topic), SO_STR_ARG(m->event), SO_STR_ARG(payload));
}

static const struct {
    const char *label;
    enum so_wire_version version;
    const char *frame, *expected;
} TEXTS[] = {
    {"all five", SO_WIRE_V2, "[\"1\",\"2\",\"realtime:a\",\"phx_join\",{\"x\":1}]",
     "\"1\"|\"2\"|realtime:a|phx_join|{\"x\":1}"},
    {"null refs", SO_WIRE_V2, "[null,null,\"t\",\"e\",{}]", "null|null|t|e|{}"},
    {"refs that are numbers", SO_WIRE_V2, "[1,2,\"t\",\"e\",[]]", "1|2|t|e|[]"},
    {"white space", SO_WIRE_V2, " [ null , \"2\" , \"t\" , \"e\" , 7 ] ", "null|\"2\"|t|e|7"},
    {"four", SO_WIRE_V2, "[null,null,\"t\",\"e\"]", ""},
    {"six", SO_WIRE_V2, "[null,null,\"t\",\"e\",{},{}]", ""},
    {"the other version", SO_WIRE_V2, "{\"topic\":\"t\",\"event\":\"e\"}", ""},
    {"a topic that is no text", SO_WIRE_V2, "[null,null,1,\"e\",{}]", ""},
    {"an event that is no text", SO_WIRE_V2, "[null,null,\"t\",null,{}]", ""},
    {"a ref that is an object", SO_WIRE_V2, "[null,{},\"t\",\"e\",{}]", ""},
    {"a ref with quotes", SO_WIRE_V2, "[null,\"a\\\"b\",\"t\",\"e\",{}]", "null|\"a\\\"b\"|t|e|{}"},
    {"cut", SO_WIRE_V2, "[null,null,\"t\",\"e\",{}", ""},
    {"two", SO_WIRE_V2, "[null,null,\"t\",\"e\",{}][]", ""},
    {"an object", SO_WIRE_V1, "{\"topic\":\"t\",\"event\":\"e\",\"payload\":{\"a\":[]},\"ref\":\"5\",\"join_ref\":\"4\"}",
     "\"4\"|\"5\"|t|e|{\"a\":[]}"},
    {"in any order, and less", SO_WIRE_V1, "{\"event\":\"e\",\"topic\":\"t\"}", "null|null|t|e|{}"},
    {"an array", SO_WIRE_V1, "[null,null,\"t\",\"e\",{}]", ""},
    {"nothing", SO_WIRE_V1, "", ""},
    {"no event", SO_WIRE_V1, "{\"topic\":\"t\"}", ""},
};

static void a_text_is_a_message_or_is_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(TEXTS); i++) {
        struct so_arena arena;
        struct so_wire_message m;
        so_arena_init(&arena, MEMORY_MAX);
        int rc = so_wire_read_text(TEXTS[i].version, so_str_c(TEXTS[i].frame), &arena, &m);
        struct so_str got = in_short(rc, &m, &arena);
        if (!so_str_eq_c(got, TEXTS[i].expected))
            fail_msg("%s: %.*s", TEXTS[i].label, SO_STR_ARG(got));
        so_arena_deinit(&arena);
    }
}

static void long_names_are_refused(void **state)
{
    (void)state;
    for (int n = SO_WIRE_NAME_MAX; n <= SO_WIRE_NAME_MAX + 1; n++)
        for (int which = 0; which < 3; which++) {
            char names[3][SO_WIRE_NAME_MAX + 2] = {"r", "t", "e"}, frame[4096];
            struct so_arena arena;
            struct so_wire_message m;
            memset(names[which], 'x', (size_t)n);
            (void)snprintf(frame, sizeof(frame), "[null,\"%s\",\"%s\",\"%s\",{}]", names[0], names[1], names[2]);
            so_arena_init(&arena, MEMORY_MAX);
            assert_int_equal(so_wire_read_text(SO_WIRE_V2, so_str_c(frame), &arena, &m) == SO_OK, n == SO_WIRE_NAME_MAX);
            so_arena_deinit(&arena);
        }
}

#define BYTES(literal) literal, sizeof(literal) - 1
static const struct {
    const char *label, *bytes;
    size_t n;
    const char *expected;
} PUSHES[] = {
    {"JSON", BYTES("\3\1\1\1\1\0\1jrte{\"a\":1}"), "\"j\"|\"r\"|t|broadcast|{\"a\":1}"},
    {"bytes", BYTES("\3\0\0\1\1\0\0te\xFF\xFE"), "null|null|t|broadcast|\xFF\xFE"},
    {"metadata is passed over", BYTES("\3\0\0\1\1\2\1te{}7"), "null|null|t|broadcast|7"},
    {"an empty body of bytes", BYTES("\3\0\0\1\1\0\0te"), "null|null|t|broadcast|"},
    {"Latin-1 means what UTF-8 does",
     BYTES("\3\0\0\1\1\0\1\xE9"
           "e1"),
     "null|null|\xC3\xA9|broadcast|1"},
    {"UTF-8",
     BYTES("\3\0\0\2\1\0\1\xC3\xA9"
           "e1"),
     "null|null|\xC3\xA9|broadcast|1"},
    {"an empty body is no JSON", BYTES("\3\0\0\1\1\0\1te"), ""},
    {"JSON that is cut", BYTES("\3\0\0\1\1\0\1te{"), ""},
    {"texts that are cut", BYTES("\3\0\0\5\1\0\0te"), ""},
    {"a head that is cut", BYTES("\3\0\0\0\0\0"), ""},
    {"nothing", BYTES(""), ""},
    {"another kind", BYTES("\4\0\0\1\1\0\0te"), ""},
    {"another encoding", BYTES("\3\0\0\1\1\0\2te"), ""},
};

static void a_binary_push_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(PUSHES); i++) {
        struct so_arena arena;
        struct so_wire_message m;
        so_arena_init(&arena, MEMORY_MAX);
        int rc = so_wire_read_binary(so_str(PUSHES[i].bytes, PUSHES[i].n), &arena, &m);
        struct so_str got = in_short(rc, &m, &arena);
        if (!so_str_eq_c(got, PUSHES[i].expected))
            fail_msg("%s: %.*s", PUSHES[i].label, SO_STR_ARG(got));
        so_arena_deinit(&arena);
    }
}

static void a_message_is_written(void **state)
{
    (void)state;
    const struct so_wire_head head = {SO_STR("\"1\""), SO_STR("\"2\""), SO_STR("t\""), SO_STR("e")};
    static const char *const EXPECTED[] = {
        [SO_WIRE_V1] = "{\"topic\":\"t\\\"\",\"event\":\"e\",\"payload\":{},\"ref\":\"2\"}",
        [SO_WIRE_V2] = "[\"1\",\"2\",\"t\\\"\",\"e\",{}]",
    };
    for (enum so_wire_version v = SO_WIRE_V1; v <= SO_WIRE_V2; v++) {
        struct so_buf b;
        so_buf_init(&b, MEMORY_MAX);
        so_wire_put(&b, v, &head, SO_STR("{}"));
        assert_string_equal(so_buf_cstr(&b), EXPECTED[v]);
        so_buf_deinit(&b);
    }
}

static char LONG_EVENT[300];

static const struct {
    const char *label;
    enum so_wire_version version;
    struct so_wire_broadcast b;
    const char *expected; /* NULL: it cannot be */
    bool is_binary;
} BROADCASTS[] = {
    {"JSON",
     SO_WIRE_V2,
     {SO_STR_INIT("t"), SO_STR_INIT("e"), SO_STR_INIT("{}"), SO_STR_INIT(""), SO_WIRE_JSON},
     "\4\1\1X\1te{}",
     true},
    {"with meta",
     SO_WIRE_V2,
     {SO_STR_INIT("t"), SO_STR_INIT("e"), SO_STR_INIT("1"), SO_STR_INIT("{}"), SO_WIRE_JSON},
     "\4\1\1\2\1te{}1",
     true},
    {"bytes",
     SO_WIRE_V2,
     {SO_STR_INIT("t"), SO_STR_INIT("e"), SO_STR_INIT("\xFF"), SO_STR_INIT(""), SO_WIRE_BYTES},
     "\4\1\1XXte\xFF",
     true},
    {"whole",
     SO_WIRE_V2,
     {SO_STR_INIT("t"), SO_STR_INIT(""), SO_STR_INIT("{\"a\":1}"), SO_STR_INIT(""), SO_WIRE_WHOLE},
     "[null,null,\"t\",\"broadcast\",{\"a\":1}]",
     false},
    {"JSON for 1.0.0",
     SO_WIRE_V1,
     {SO_STR_INIT("t"), SO_STR_INIT("e"), SO_STR_INIT("[1]"), SO_STR_INIT("{\"id\":1}"), SO_WIRE_JSON},
     "{\"topic\":\"t\",\"event\":\"broadcast\",\"payload\":{\"type\":\"broadcast\",\"event\":\"e\",\"payload\":[1],\"meta\":"
     "{\"id\":1}},\"ref\":null}",
     false},
    {"bytes for 1.0.0",
     SO_WIRE_V1,
     {SO_STR_INIT("t"), SO_STR_INIT("e"), SO_STR_INIT("x"), SO_STR_INIT(""), SO_WIRE_BYTES},
     NULL,
     false},
};

/* A NUL is written as X, to compare texts. */
static void a_broadcast_has_a_form_for_each_version(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(BROADCASTS); i++) {
        struct so_buf b;
        bool is_binary = false;
        so_buf_init(&b, MEMORY_MAX);
        bool can = so_wire_put_broadcast(&b, BROADCASTS[i].version, &BROADCASTS[i].b, &is_binary);
        for (size_t k = 0; k < b.len; k++)
            b.p[k] = b.p[k] == '\0' ? 'X' : b.p[k];
        if (can != (BROADCASTS[i].expected != NULL) || is_binary != BROADCASTS[i].is_binary ||
            (can && strcmp(so_buf_cstr(&b), BROADCASTS[i].expected) != 0))
            fail_msg("%s: %s", BROADCASTS[i].label, so_buf_cstr(&b));
        so_buf_deinit(&b);
    }
}

static void what_does_not_fit_a_binary_frame_goes_as_text(void **state)
{
    (void)state;
    memset(LONG_EVENT, 'e', sizeof(LONG_EVENT));
    const struct so_wire_broadcast b = {SO_STR("t"), so_str(LONG_EVENT, sizeof(LONG_EVENT)), SO_STR("1"), SO_STR(""),
                                        SO_WIRE_JSON};
    struct so_buf out;
    bool is_binary = true;
    so_buf_init(&out, MEMORY_MAX);
    assert_true(so_wire_put_broadcast(&out, SO_WIRE_V2, &b, &is_binary));
    assert_false(is_binary);
    assert_true(so_str_ends(so_buf_str(&out), SO_STR("\"payload\":1}]")));
    so_buf_deinit(&out);
}

static void no_memory_is_an_error(void **state)
{
    (void)state;
    for (long n = 0;; n++) {
        struct so_arena arena;
        struct so_wire_message m;
        so_arena_init(&arena, MEMORY_MAX);
        so_mem_fail_at(n);
        int text = so_wire_read_text(SO_WIRE_V2, SO_STR("[\"1\",\"2\",\"t\",\"e\",{\"a\":[1,2]}]"), &arena, &m);
        int binary = so_wire_read_binary(so_str(PUSHES[4].bytes, PUSHES[4].n), &arena, &m);
        bool failed = so_mem_failed();
        so_mem_fail_at(-1);
        so_arena_deinit(&arena);
        assert_true(failed || (text == SO_OK && binary == SO_OK));
        if (!failed)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_is_a_message_or_is_not),
        cmocka_unit_test(long_names_are_refused),
        cmocka_unit_test(a_binary_push_is_read),
        cmocka_unit_test(a_message_is_written),
        cmocka_unit_test(a_broadcast_has_a_form_for_each_version),
        cmocka_unit_test(what_does_not_fit_a_binary_frame_goes_as_text),
        cmocka_unit_test(no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
