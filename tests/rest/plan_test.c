/* plan_test.c: which relationship an embedded name means, what policies ask, and how near a hint must be. */
#include "bookstore.h"

#include "rest/op.h"

static struct store store;

static struct so_rest_plan plan_for(struct so_arena *arena, const struct so_identity *identity, struct so_err *err)
{
    return (struct so_rest_plan){.snapshot = store.snapshot, .who = identity, .arena = arena, .err = err};
}

static const struct {
    const char *from, *target, *hint;
    enum so_cardinality want;
    const char *to, *error; /* error: the code instead */
} LINKS[] = {
    {"books", "authors", NULL, SO_MANY_TO_ONE, "authors", NULL},
    {"books", "author_id", NULL, SO_MANY_TO_ONE, "authors", NULL},
    {"books", "books_author_id_fkey", NULL, SO_MANY_TO_ONE, "authors", NULL},
    {"books", "authors", "author_id", SO_MANY_TO_ONE, "authors", NULL},
    {"books", "authors", "id", SO_MANY_TO_ONE, "authors", NULL},
    {"books", "authors", "nope", 0, NULL, "PGRST200"},
    {"authors", "books", NULL, SO_ONE_TO_MANY, "books", NULL},
    {"authors", "awards", NULL, SO_ONE_TO_ONE, "awards", NULL},
    {"awards", "authors", NULL, SO_ONE_TO_ONE, "authors", NULL},
    {"books", "tags", NULL, SO_MANY_TO_MANY, "tags", NULL},
    {"books", "tags", "book_tags", SO_MANY_TO_MANY, "tags", NULL},
    {"tags", "books", NULL, SO_MANY_TO_MANY, "books", NULL},
    {"books", "book_tags", NULL, SO_ONE_TO_MANY, "book_tags", NULL},
    {"people", "people", NULL, SO_ONE_TO_MANY, "people", NULL},
    {"people", "boss_id", NULL, SO_MANY_TO_ONE, "people", NULL},
    {"people", "people", "boss_id", SO_ONE_TO_MANY, "people", NULL},
    {"people", "orders", NULL, 0, NULL, "PGRST201"},
    {"people", "orders", "buyer_id", SO_ONE_TO_MANY, "orders", NULL},
    {"books", "people", NULL, 0, NULL, "PGRST200"},
    {"handmade", "books", NULL, 0, NULL, "PGRST200"},
};

static void names_find_relationships(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(LINKS); i++) {
        struct so_identity identity = who("anon");
        struct so_err err = SO_ERR_INIT;
        struct so_arena arena;
        struct so_link link;
        so_arena_init(&arena, 1 << 16);
        struct so_rest_plan p = plan_for(&arena, &identity, &err);
        struct so_str hint = LINKS[i].hint == NULL ? (struct so_str){NULL, 0} : so_str_c(LINKS[i].hint);
        int rc = so_link_find(&p, so_snapshot_find(store.snapshot, so_str_c(LINKS[i].from)), so_str_c(LINKS[i].target), hint,
                              &link);
        bool ok = LINKS[i].error != NULL ? strcmp(err.id, LINKS[i].error) == 0
                                         : rc == SO_OK && link.cardinality == LINKS[i].want &&
                                               so_str_eq_c(link.to->relation->name, LINKS[i].to);
        if (!ok)
            fail_msg("%s -> %s: %s", LINKS[i].from, LINKS[i].target, err.message);
        so_arena_deinit(&arena);
    }
}

static void policies_are_those_of_the_caller(void **state)
{
    (void)state;
    static const struct {
        const char *table, *who;
        enum so_command command;
        enum so_policy_kind want;
    } POLICIES[] = {
        {"books", "anon", SO_CMD_SELECT, SO_POLICY_ALLOW},    {"books", "anon", SO_CMD_UPDATE, SO_POLICY_SQL},
        {"books", "service", SO_CMD_UPDATE, SO_POLICY_ALLOW}, {"vault", "ann", SO_CMD_SELECT, SO_POLICY_DENY},
        {"vault", "service", SO_CMD_SELECT, SO_POLICY_ALLOW}, {"handmade", "ann", SO_CMD_DELETE, SO_POLICY_DENY},
    };
    for (size_t i = 0; i < COUNT_OF(POLICIES); i++) {
        struct so_identity identity = who(POLICIES[i].who);
        const struct so_entity *e = so_snapshot_find(store.snapshot, so_str_c(POLICIES[i].table));
        assert_int_equal(so_entity_policy(e, POLICIES[i].command, &identity)->kind, POLICIES[i].want);
    }
    assert_null(so_snapshot_find(store.snapshot, SO_STR("auth_users")));
}

static void hints_are_near_and_readable(void **state)
{
    (void)state;
    struct so_identity anon = who("anon"), service = who("service");
    struct so_rest_plan p = plan_for(NULL, &anon, NULL);
    assert_str(so_hint_table(&p, SO_STR("boks")), "books");
    assert_str(so_hint_table(&p, SO_STR("bok")), "");
    assert_str(so_hint_table(&p, SO_STR("vaults")), "");
    p.who = &service;
    assert_str(so_hint_table(&p, SO_STR("vaults")), "vault");
    assert_true(so_similarity(SO_STR("abcd"), SO_STR("abcx")) == 0.75);
    assert_true(so_similarity(SO_STR(""), SO_STR("")) == 0);
}

static int open_store(void **state)
{
    (void)state;
    store_open(&store);
    return 0;
}

static int close_store(void **state)
{
    (void)state;
    store_close(&store);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_find_relationships),
        cmocka_unit_test(policies_are_those_of_the_caller),
        cmocka_unit_test(hints_are_near_and_readable),
    };
    return cmocka_run_group_tests(tests, open_store, close_store);
}
