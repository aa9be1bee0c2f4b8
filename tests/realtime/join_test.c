/* join_test.c: the payload of a join in every shape that clients send, and in those that they should not. */
#include "../testing.h"

#include <stdio.h>

#include "realtime/join.h"

static const struct {
    const char *label, *payload, *expected; /* ack self presence private key token listeners since */
} JOINS[] = {
    {"nothing", "{}", "0 0 0 0 [] [] 0 -1"},
    {"no object", "7", "0 0 0 0 [] [] 0 -1"},
    {"a config that is none", "{\"config\":[]}", "0 0 0 0 [] [] 0 -1"},
    {"everything",
     "{\"config\":{\"broadcast\":{\"ack\":true,\"self\":true},\"presence\":{\"key\":\"k\",\"enabled\":true},\"private\":"
     "true,"
     "\"postgres_changes\":[{}],\"postgres_changes_options\":{\"since\":12}},\"access_token\":\"a.b.c\"}",
     "1 1 1 1 [k] [a.b.c] 1 12"},
    {"words for flags", "{\"config\":{\"broadcast\":{\"ack\":\"true\",\"self\":\"false\"},\"private\":\"TRUE\"}}",
     "1 0 0 1 [] [] 0 -1"},
    {"numbers are no flags", "{\"config\":{\"broadcast\":{\"ack\":1},\"presence\":{\"enabled\":\"yes\"}}}",
     "0 0 0 0 [] [] 0 -1"},
    {"wrong shapes",
     "{\"config\":{\"broadcast\":[],\"presence\":{\"key\":5},\"postgres_changes\":{},\"postgres_changes_options\":7}}",
     "0 0 0 0 [] [] 0 -1"},
    {"an API key is no token", "{\"access_token\":\"sb_publishable_x\"}", "0 0 0 0 [] [] 0 -1"},
    {"the older name", "{\"user_token\":\"t\"}", "0 0 0 0 [] [t] 0 -1"},
    {"null tokens", "{\"access_token\":null}", "0 0 0 0 [] [] 0 -1"},
    {"no listeners", "{\"config\":{\"postgres_changes\":[]}}", "0 0 0 0 [] [] 0 -1"},
    {"since below zero", "{\"config\":{\"postgres_changes_options\":{\"since\":-5}}}", "0 0 0 0 [] [] 0 -1"},
    {"since zero", "{\"config\":{\"postgres_changes_options\":{\"since\":0}}}", "0 0 0 0 [] [] 0 0"},
    {"since a fraction", "{\"config\":{\"postgres_changes_options\":{\"since\":1.5}}}", "0 0 0 0 [] [] 0 -1"},
    {"since a text", "{\"config\":{\"postgres_changes_options\":{\"since\":\"5\"}}}", "0 0 0 0 [] [] 0 -1"},
};

static void a_join_of_any_shape_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(JOINS); i++) {
        struct so_arena arena;
        struct so_json v;
        struct so_join j;
        char got[200];
        so_arena_init(&arena, 1 << 20);
        assert_int_equal(so_json_parse(&arena, so_str_c(JOINS[i].payload), NULL, &v, NULL), SO_OK);
        so_join_read(&v, &j);
        (void)snprintf(got, sizeof(got), "%d %d %d %d [%.*s] [%.*s] %u %lld", j.acks, j.hears_itself, j.has_presence,
                       j.is_private, (int)j.presence_key.n, j.presence_key.n > 0 ? j.presence_key.p : "",
                       SO_STR_ARG(j.token), j.listeners == NULL ? 0 : j.listeners->len, (long long)j.since);
        if (strcmp(got, JOINS[i].expected) != 0)
            fail_msg("%s: %s", JOINS[i].label, got);
        so_arena_deinit(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_join_of_any_shape_is_read)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
