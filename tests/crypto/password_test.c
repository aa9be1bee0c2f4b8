/* password_test.c: argon2id in and out, bcrypt in, and no stored hash that can take the machine. */
#include "../testing.h"

#include "core/mem.h"
#include "crypto/password.h"

static const struct so_password_cost CHEAP = {.memory_kib = 64, .passes = 1, .lanes = 1};

/* Made with the argon2 and crypt libraries directly; the password is "correct horse". */
static const struct {
    const char *label, *hash;
} STORED[] = {
    {"argon2id", "$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$uL2hQzJmxaz0Tfm2KK6uNjA0+UvbrHBEBwVmJYrNXCE"},
    {"argon2i", "$argon2i$v=19$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$rB84JT5z5pR7npjABPWWPmhej9GHFq2J2QtVNJPtUE0"},
    {"argon2id of version 16, four lanes", "$argon2id$v=16$m=64,t=3,p=4$c29tZXNhbHQ$ls5bHvQshsF4/XYpD9MX00qzmaLTZeti"},
    {"version 16 left out", "$argon2id$m=64,t=3,p=4$c29tZXNhbHQ$ls5bHvQshsF4/XYpD9MX00qzmaLTZeti"},
    {"bcrypt 2a", "$2a$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"},
    {"bcrypt 2b", "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"},
    {"bcrypt 2y", "$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"},
};

static void hashes_made_elsewhere_are_understood(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(STORED); i++) {
        struct so_str hash = so_str_c(STORED[i].hash);
        if (so_password_verify(SO_STR("correct horse"), hash, NULL) != SO_OK)
            fail_msg("%s: the right password", STORED[i].label);
        if (so_password_verify(SO_STR("correct horsE"), hash, NULL) != SO_EAUTH)
            fail_msg("%s: a wrong password", STORED[i].label);
        if (so_password_verify(SO_STR("correct horse\0!"), hash, NULL) != SO_EAUTH)
            fail_msg("%s: the right password and a NUL", STORED[i].label);
        if (so_password_verify(SO_STR(""), hash, NULL) != SO_EAUTH)
            fail_msg("%s: no password", STORED[i].label);
    }
}

static const struct {
    const char *label, *hash;
} REFUSED[] = {
    {"empty", ""},
    {"plain text", "correct horse"},
    {"argon2d", "$argon2d$v=19$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$uL2hQzJmxaz0Tfm2KK6uNjA0+UvbrHBEBwVmJYrNXCE"},
    {"a version to come", "$argon2id$v=20$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$uL2hQzJmxaz0Tfm2KK6uNjA0+UvbrHBEBwVmJYrNXCE"},
    {"4 TiB", "$argon2id$v=19$m=4294967295,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$uL2hQzJmxaz0Tfm2KK6uNjA0+UvbrHBEBwVmJYrNXCE"},
    {"a million passes",
     "$argon2id$v=19$m=64,t=1000000,p=1$c29tZXNhbHRzb21lc2FsdA$uL2hQzJmxaz0Tfm2KK6uNjA0+UvbrHBEBwVmJYrNXCE"},
    {"no pass", "$argon2id$v=19$m=64,t=0,p=1$c29tZXNhbHRzb21lc2FsdA$uL2hQzJmxaz0Tfm2KK6uNjA0+UvbrHBEBwVmJYrNXCE"},
    {"too many lanes", "$argon2id$v=19$m=6400,t=2,p=255$c29tZXNhbHRzb21lc2FsdA$uL2hQzJmxaz0Tfm2KK6uNjA0+UvbrHBEBwVmJYrNXCE"},
    {"cost out of order", "$argon2id$v=19$t=2,m=64,p=1$c29tZXNhbHRzb21lc2FsdA$uL2hQzJmxaz0Tfm2KK6uNjA0+UvbrHBEBwVmJYrNXCE"},
    {"no hash", "$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA"},
    {"an empty hash", "$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$"},
    {"a short salt", "$argon2id$v=19$m=64,t=2,p=1$c29tZQ$uL2hQzJmxaz0Tfm2KK6uNjA0+UvbrHBEBwVmJYrNXCE"},
    {"base64url", "$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$uL2hQzJmxaz0Tfm2KK6uNjA0-UvbrHBEBwVmJYrNXCE"},
    {"a part too many", "$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$uL2hQzJmxaz0Tfm2KK6uNjA0+UvbrHBEBwVmJYrNXCE$"},
    {"bcrypt that would take years", "$2b$31$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"},
    {"bcrypt cut short", "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6"},
    {"bcrypt of the broken kind", "$2x$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"},
    {"bcrypt with a bad digit", "$2b$04$!bcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"},
    {"md5-crypt", "$1$abcdefgh$G1N5xG2f0Ee1h9y7m1gT10"},
};

static void other_hashes_are_refused_at_no_cost(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(REFUSED); i++) {
        struct so_err err = SO_ERR_INIT;
        if (so_password_verify(SO_STR("correct horse"), so_str_c(REFUSED[i].hash), &err) != SO_EINVAL)
            fail_msg("%s", REFUSED[i].label);
        if (!so_password_is_weaker(so_str_c(REFUSED[i].hash), &CHEAP))
            fail_msg("%s: should be made anew", REFUSED[i].label);
    }
}

static void a_hash_verifies_and_is_never_the_same_twice(void **state)
{
    (void)state;
    struct so_buf one, two;
    so_buf_init(&one, 256);
    so_buf_init(&two, 256);
    assert_int_equal(so_password_hash(SO_STR("s\0cret"), &CHEAP, &one, NULL), SO_OK);
    assert_int_equal(so_password_hash(SO_STR("s\0cret"), &CHEAP, &two, NULL), SO_OK);
    assert_true(so_str_starts(so_buf_str(&one), SO_STR("$argon2id$v=19$m=64,t=1,p=1$")));
    assert_false(so_str_eq(so_buf_str(&one), so_buf_str(&two)));
    assert_int_equal(so_password_verify(SO_STR("s\0cret"), so_buf_str(&one), NULL), SO_OK);
    assert_int_equal(so_password_verify(SO_STR("s\0crét"), so_buf_str(&one), NULL), SO_EAUTH);
    assert_int_equal(so_password_verify(SO_STR("s"), so_buf_str(&one), NULL), SO_EAUTH);
    so_buf_deinit(&one);
    so_buf_deinit(&two);
}

static void weaker_hashes_are_told_apart(void **state)
{
    (void)state;
    struct so_str hash = so_str_c(STORED[0].hash); /* m=64, t=2 */
    assert_false(so_password_is_weaker(hash, &(struct so_password_cost){64, 2, 1}));
    assert_false(so_password_is_weaker(hash, &(struct so_password_cost){32, 1, 1}));
    assert_true(so_password_is_weaker(hash, &(struct so_password_cost){65, 2, 1}));
    assert_true(so_password_is_weaker(hash, &(struct so_password_cost){64, 3, 1}));
    assert_true(so_password_is_weaker(so_str_c(STORED[1].hash), &CHEAP)); /* argon2i */
    assert_true(so_password_is_weaker(so_str_c(STORED[4].hash), &CHEAP)); /* bcrypt */
}

static void limits_hold(void **state)
{
    (void)state;
    static char big[5000];
    struct so_buf out;
    so_buf_init(&out, 256);
    memset(big, 'x', sizeof(big));
    assert_int_equal(so_password_hash(so_str(big, sizeof(big)), &CHEAP, &out, NULL), SO_ELIMIT);
    assert_int_equal(so_password_verify(so_str(big, sizeof(big)), so_str_c(STORED[0].hash), NULL), SO_ELIMIT);
    assert_int_equal(so_password_hash(SO_STR("x"), &(struct so_password_cost){7, 1, 1}, &out, NULL), SO_EINVAL);
    assert_int_equal(so_password_hash(SO_STR("x"), &(struct so_password_cost){64, 0, 1}, &out, NULL), SO_EINVAL);
    assert_int_equal(so_password_hash(SO_STR("x"), &(struct so_password_cost){UINT32_MAX, 1, 1}, &out, NULL), SO_EINVAL);
    assert_int_equal(out.len, 0);
    so_buf_deinit(&out);
}

static void every_failed_allocation_is_an_error(void **state)
{
    (void)state;
    static const char *const HASHES[] = {NULL, "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
                                         "$argon2id$m=64,t=3,p=4$c29tZXNhbHQ$ls5bHvQshsF4/XYpD9MX00qzmaLTZeti"};
    for (size_t i = 0; i < COUNT_OF(HASHES); i++) {
        bool failed = true;
        for (long n = 0; failed; n++) {
            struct so_buf out;
            so_buf_init(&out, 256);
            so_mem_fail_at(n);
            int rc = HASHES[i] == NULL ? so_password_hash(SO_STR("correct horse"), &CHEAP, &out, NULL)
                                       : so_password_verify(SO_STR("correct horse"), so_str_c(HASHES[i]), NULL);
            failed = so_mem_failed();
            so_mem_fail_at(-1);
            assert_int_equal(rc, failed ? SO_ENOMEM : SO_OK);
            so_buf_deinit(&out);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_made_elsewhere_are_understood),
        cmocka_unit_test(other_hashes_are_refused_at_no_cost),
        cmocka_unit_test(a_hash_verifies_and_is_never_the_same_twice),
        cmocka_unit_test(weaker_hashes_are_told_apart),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(every_failed_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
