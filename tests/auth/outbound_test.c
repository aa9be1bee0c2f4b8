/* outbound_test.c: which addresses are strangers', and how often other servers are asked. */
#include "../testing.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "provider_fixture.h" /* after the system's send() */

#include "auth/address.h"
#include "auth/discovery.h"
#include "auth/key_source.h"
#include "core/fs.h"

static const struct {
    const char *text;
    bool is_public;
} ADDRESSES[] = {
    {"1.1.1.1", true},
    {"9.255.255.255", true},
    {"11.0.0.0", true},
    {"100.63.255.255", true},
    {"100.128.0.0", true},
    {"172.15.255.255", true},
    {"172.32.0.0", true},
    {"192.169.0.1", true},
    {"223.255.255.255", true},
    {"0.0.0.0", false},
    {"0.1.2.3", false},
    {"10.0.0.1", false},
    {"100.64.0.1", false},
    {"100.127.255.255", false},
    {"127.0.0.1", false},
    {"127.255.0.9", false},
    {"169.254.169.254", false},
    {"172.16.0.1", false},
    {"172.31.255.255", false},
    {"192.0.0.170", false},
    {"192.0.2.1", false},
    {"192.168.1.1", false},
    {"198.19.255.255", false},
    {"198.51.100.7", false},
    {"203.0.113.7", false},
    {"224.0.0.1", false},
    {"240.0.0.1", false},
    {"255.255.255.255", false},
    {"2606:4700::1111", true},
    {"2a00:1450::1", true},
    {"::ffff:1.1.1.1", true},
    {"64:ff9b::1.1.1.1", true},
    {"::", false},
    {"::1", false},
    {"::127.0.0.1", false},
    {"::ffff:127.0.0.1", false},
    {"::ffff:169.254.169.254", false},
    {"64:ff9b::10.0.0.1", false},
    {"64:ff9b:1::1", false},
    {"100::1", false},
    {"2001::1", false},
    {"2001:1ff::1", false},
    {"2001:db8::1", false},
    {"2002:7f00:1::", false},
    {"3fff:fff::1", false},
    {"4000::1", false},
    {"fc00::1", false},
    {"fd12:3456::1", false},
    {"fe80::1", false},
    {"fec0::1", false},
    {"ff02::1", false},
};

static void addresses_of_our_own_networks_are_known(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ADDRESSES); i++) {
        struct sockaddr_storage any = {0};
        struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)&any;
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)&any;
        bool is_6 = strchr(ADDRESSES[i].text, ':') != NULL;
        any.ss_family = is_6 ? AF_INET6 : AF_INET;
        assert_int_equal(inet_pton(any.ss_family, ADDRESSES[i].text, is_6 ? (void *)&v6->sin6_addr : (void *)&v4->sin_addr),
                         1);
        if (so_address_is_public((struct sockaddr *)&any) != ADDRESSES[i].is_public)
            fail_msg("%s", ADDRESSES[i].text);
    }
    assert_false(so_address_is_public(&(struct sockaddr){.sa_family = AF_UNIX}));
}

/* ---- the way out ---- */

static void nothing_inside_can_be_called(void **state)
{
    (void)state;
    static const char *const URLS[] = {
        "https://127.0.0.1:1/",     "https://localhost:1/",    "https://[::1]:1/",     "https://[::ffff:127.0.0.1]:1/",
        "https://169.254.169.254/", "https://10.0.0.1/",       "https://192.168.1.1/", "https://0x7f000001:1/",
        "https://2130706433:1/",    "https://127.1:1/",        "https://0/",           "http://127.0.0.1:1/",
        "http://1.1.1.1/",          "file:///etc/passwd",      "ftp://127.0.0.1/",     "gopher://127.0.0.1:1/",
        "https://a:b@127.0.0.1:1/", "https://[fe80::1%25lo]/", "smtp://127.0.0.1:1/",  "nothing",
    };
    struct so_fetcher *fetcher;
    struct so_err err = SO_ERR_INIT;
    must(so_fetcher_open(&(struct so_fetcher_settings){.concurrent_max = 1}, &fetcher, &err), &err);
    for (size_t i = 0; i < COUNT_OF(URLS); i++) {
        struct so_fetched out = {0};
        err = SO_ERR_INIT;
        int rc = fetcher->fetch(fetcher, &(struct so_fetch){.url = so_str_c(URLS[i])}, &arena, &out, &err);
        if (rc != SO_EDENIED)
            fail_msg("%s: %s %s", URLS[i], so_code_name(rc), err.message);
    }
    so_fetcher_close(fetcher);
}

/* Nobody listens on port 1. */
static void what_is_allowed_is_tried(void **state)
{
    (void)state;
    struct so_fetcher *fetcher;
    struct so_fetched out;
    struct so_err err = SO_ERR_INIT;
    must(so_fetcher_open(&(struct so_fetcher_settings){.private_allowed = true}, &fetcher, &err), &err);
    const struct so_fetch what = {.url = SO_STR("http://127.0.0.1:1/secret?token=secret")};
    assert_int_equal(fetcher->fetch(fetcher, &what, &arena, &out, &err), SO_EIO);
    assert_null(strstr(err.message, "secret"));
    so_fetcher_close(fetcher);
    assert_int_equal(so_fetcher_open(&(struct so_fetcher_settings){.ca_file = "/nowhere.pem"}, &fetcher, NULL),
                     SO_ENOTFOUND);
}

/* ---- keys ---- */

static int refresh_at(struct so_key_source *source, int64_t now, bool *out_changed)
{
    return so_key_source_refresh(source, SO_STR(ISSUER "/jwks"), &elsewhere.fetcher, now, out_changed, NULL);
}

static void keys_are_read_once_in_a_while_and_kept_when_nobody_answers(void **state)
{
    (void)state;
    struct so_key_source source;
    bool changed = false;
    so_key_source_init(&source);
    assert_null(so_key_source_take(&source));
    assert_true(so_key_source_is_old(&source, START));
    assert_int_equal(refresh_at(&source, START, &changed), SO_OK);
    assert_true(changed);
    assert_false(so_key_source_is_old(&source, START + SO_KEYS_FRESH_S - 1));
    assert_true(so_key_source_is_old(&source, START + SO_KEYS_FRESH_S));

    assert_int_equal(refresh_at(&source, START + SO_KEYS_RETRY_S - 1, &changed), SO_EBUSY);
    assert_int_equal(calls(), 1);
    assert_int_equal(refresh_at(&source, START + SO_KEYS_RETRY_S, &changed), SO_OK);
    assert_false(changed);

    static const char *const BAD[] = {NULL, "<html>", "{\"keys\":[]}", "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\"}]}",
                                      "{\"keys\":[{\"kty\":\"oct\",\"alg\":\"HS256\","
                                      "\"k\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}]}"};
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        page(ISSUER "/jwks", BAD[i]);
        assert_int_not_equal(refresh_at(&source, START + 100 * (int64_t)(i + 1), NULL), SO_OK);
        struct so_key_set *kept = so_key_source_take(&source);
        assert_non_null(kept);
        assert_int_equal(kept->keys.count, 1);
        so_key_set_give(kept);
    }
    new_key();
    publish_key();
    assert_int_equal(refresh_at(&source, START + 5000, &changed), SO_OK);
    assert_true(changed);
    so_key_source_deinit(&source);
}

static void a_set_in_use_outlives_its_successor(void **state)
{
    (void)state;
    struct so_key_source source;
    so_key_source_init(&source);
    assert_int_equal(refresh_at(&source, START, NULL), SO_OK);
    const char *token = signed_with(elsewhere.key, "{}");
    struct so_key_set *old = so_key_source_take(&source);
    new_key();
    publish_key();
    const char *fresh = signed_with(elsewhere.key, "{}");
    assert_int_equal(refresh_at(&source, START + 60, NULL), SO_OK);
    assert_true(so_key_set_has(old, so_str_c(token), &arena));
    assert_false(so_key_set_has(old, so_str_c(fresh), &arena));
    assert_true(so_key_set_has(old, SO_STR("garbage"), &arena)); /* no key would help it */
    so_key_set_give(old);
    so_key_source_deinit(&source);
}

static void keys_may_lie_in_a_file(void **state)
{
    (void)state;
    struct so_key_source source;
    struct so_err err = SO_ERR_INIT;
    struct so_str path = so_arena_printf(&arena, "%s/other.json", directory);
    so_key_source_init(&source);
    assert_int_equal(so_key_source_refresh(&source, path, NULL, START, NULL, NULL), SO_ENOTFOUND);
    must(so_fs_write(path.p, so_str_c(key_set_of(elsewhere.key)), 0600, false, &err), &err);
    must(so_key_source_refresh(&source, path, NULL, START + 60, NULL, &err), &err);
    assert_int_equal(so_key_source_refresh(&source, SO_STR("https://x/"), NULL, START + 120, NULL, NULL), SO_EDENIED);
    so_key_source_deinit(&source);
}

static void reading_keys_survives_every_failed_allocation(void **state)
{
    (void)state;
    bool failed = true;
    for (long n = 0; failed; n++) {
        struct so_key_source source;
        so_key_source_init(&source);
        so_mem_fail_at(n);
        int rc = refresh_at(&source, START, NULL);
        failed = so_mem_failed();
        so_mem_fail_at(-1);
        if (!failed)
            assert_int_equal(rc, SO_OK);
        so_key_source_deinit(&source);
    }
}

/* ---- discovery ---- */

static int discover_at(struct so_discovery *discovery, int64_t now, struct so_discovered *out)
{
    return so_discovery_take(discovery, SO_STR(ISSUER), &elsewhere.fetcher, now, &arena, out, NULL);
}

static void a_configuration_is_read_once_an_hour_and_kept_when_nobody_answers(void **state)
{
    (void)state;
    struct so_discovery discovery;
    struct so_discovered found = {0};
    so_discovery_init(&discovery);
    assert_int_equal(discover_at(&discovery, START, &found), SO_OK);
    assert_str(found.jwks, ISSUER "/jwks");
    assert_true(found.takes_basic);
    assert_int_equal(discover_at(&discovery, START + 3599, &found), SO_OK);
    assert_int_equal(calls(), 1);
    page(ISSUER "/.well-known/openid-configuration", NULL);
    assert_int_equal(discover_at(&discovery, START + 3600, &found), SO_OK);
    assert_int_equal(discover_at(&discovery, START + 3601, &found), SO_OK);
    assert_int_equal(calls(), 2);
    assert_str(found.token, ISSUER "/token");
    so_discovery_deinit(&discovery);
}

static void a_configuration_must_be_the_issuers_own(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "{\"issuer\":\"" ISSUER "/\",\"jwks_uri\":\"x\"}",
        "{\"issuer\":\"https://evil.example\",\"jwks_uri\":\"x\"}",
        "{\"jwks_uri\":\"x\"}",
        "{\"issuer\":7,\"jwks_uri\":\"x\"}",
        "{\"issuer\":\"" ISSUER "\"}",
        "[]",
        "7",
    };
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        struct so_discovery discovery;
        struct so_discovered found;
        so_discovery_init(&discovery);
        page(ISSUER "/.well-known/openid-configuration", BAD[i]);
        assert_int_not_equal(discover_at(&discovery, START, &found), SO_OK);
        so_discovery_deinit(&discovery);
    }
}

static int set_up_elsewhere(void **state)
{
    set_up(state);
    open_elsewhere();
    return 0;
}

static int tear_down_elsewhere(void **state)
{
    close_elsewhere();
    return tear_down(state);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up_elsewhere, tear_down_elsewhere)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(addresses_of_our_own_networks_are_known),
        TEST(nothing_inside_can_be_called),
        TEST(what_is_allowed_is_tried),
        TEST(keys_are_read_once_in_a_while_and_kept_when_nobody_answers),
        TEST(a_set_in_use_outlives_its_successor),
        TEST(keys_may_lie_in_a_file),
        TEST(reading_keys_survives_every_failed_allocation),
        TEST(a_configuration_is_read_once_an_hour_and_kept_when_nobody_answers),
        TEST(a_configuration_must_be_the_issuers_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
