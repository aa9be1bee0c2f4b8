/* cache_test.c: a cached token is good for exactly as long as a verified one, and the cache never grows. */
#include "../testing.h"

#include "core/mem.h"
#include "helper.h"
#include "jose/cache.h"

static struct so_json parse(struct so_str text)
{
    struct so_json v;
    assert_int_equal(so_json_parse(&arena, text, NULL, &v, NULL), SO_OK);
    return v;
}

static void claims_outlive_what_they_were_made_from(void **state)
{
    (void)state;
    const struct so_str text =
        SO_STR("{\"sub\":\"u1\",\"n\":1.50,\"big\":[1,null,{\"a\":\"b\\nc\"}],\"empty\":{},\"none\":[],\"t\":true}");
    struct so_jwt_cache *cache = so_jwt_cache_new(16);
    struct so_json claims = parse(text);
    char token[] = "header.payload.signature";
    so_jwt_cache_put(cache, so_str_c(token), 1, &claims);
    memset(token, 'x', 10);
    so_arena_reset(&arena);
    const struct so_json *found = so_jwt_cache_find(cache, SO_STR("header.payload.signature"), 1, 0, 0);
    struct so_json want = parse(text);
    assert_non_null(found);
    assert_true(so_json_eq(found, &want));
    assert_null(so_jwt_cache_find(cache, SO_STR("header.payload.signaturE"), 1, 0, 0));
    assert_null(so_jwt_cache_find(cache, SO_STR("header.payload.signatur"), 1, 0, 0));
    assert_null(so_jwt_cache_find(cache, SO_STR(""), 1, 0, 0));
    so_jwt_cache_free(cache);
    so_jwt_cache_free(NULL);
    so_arena_reset(&arena);
}

static void a_large_object_is_found_in_too(void **state)
{
    (void)state;
    struct so_buf text;
    so_buf_init(&text, 1 << 16);
    so_buf_putc(&text, '{');
    for (int i = 0; i < 100; i++)
        so_buf_printf(&text, "%s\"member%d\":%d", i == 0 ? "" : ",", i, i);
    so_buf_putc(&text, '}');
    struct so_jwt_cache *cache = so_jwt_cache_new(1);
    struct so_json claims = parse(so_buf_str(&text));
    so_jwt_cache_put(cache, SO_STR("t"), 1, &claims);
    const struct so_json *found = so_jwt_cache_find(cache, SO_STR("t"), 1, 0, 0);
    assert_non_null(found);
    assert_int_equal(so_json_get(found, SO_STR("member77"))->u.i, 77);
    assert_null(so_json_get(found, SO_STR("member100")));
    so_jwt_cache_free(cache);
    so_buf_deinit(&text);
    so_arena_reset(&arena);
}

static void times_hold_for_cached_tokens_too(void **state)
{
    (void)state;
    struct so_jwt_cache *cache = so_jwt_cache_new(16);
    struct so_json claims = parse(SO_STR("{\"nbf\":900,\"exp\":1100}")), broken = parse(SO_STR("{\"exp\":\"x\"}"));
    const struct so_str token = SO_STR("t");
    so_jwt_cache_put(cache, token, 1, &claims);
    assert_null(so_jwt_cache_find(cache, token, 1, 899, 0));
    assert_non_null(so_jwt_cache_find(cache, token, 1, 899, 1));
    assert_non_null(so_jwt_cache_find(cache, token, 1, 900, 0));
    assert_non_null(so_jwt_cache_find(cache, token, 1, 1099, 0));
    assert_non_null(so_jwt_cache_find(cache, token, 1, 1100, 1));
    assert_null(so_jwt_cache_find(cache, token, 1, 1100, 0));
    assert_int_equal(so_jwt_cache_count(cache), 0); /* an expired one makes room */
    so_jwt_cache_put(cache, token, 1, &broken);
    assert_int_equal(so_jwt_cache_count(cache), 0);
    so_jwt_cache_free(cache);
    so_arena_reset(&arena);
}

static void other_keys_empty_it(void **state)
{
    (void)state;
    struct so_jwt_cache *cache = so_jwt_cache_new(64);
    struct so_json claims = parse(SO_STR("{}"));
    so_jwt_cache_put(cache, SO_STR("a"), 1, &claims);
    so_jwt_cache_put(cache, SO_STR("b"), 1, &claims);
    assert_int_equal(so_jwt_cache_count(cache), 2);
    assert_null(so_jwt_cache_find(cache, SO_STR("a"), 2, 0, 0));
    assert_int_equal(so_jwt_cache_count(cache), 0);
    assert_null(so_jwt_cache_find(cache, SO_STR("a"), 1, 0, 0)); /* not even when the old version comes back */
    so_jwt_cache_free(cache);
    so_arena_reset(&arena);
}

static void a_flood_of_tokens_takes_no_more_room_and_spares_the_used_ones(void **state)
{
    (void)state;
    enum { ENTRIES = 1024, FLOOD = 20000, REGULARS = 64 };
    struct so_jwt_cache *cache = so_jwt_cache_new(ENTRIES);
    struct so_json claims = parse(SO_STR("{\"sub\":\"u\"}"));
    char text[40];
    int hits = 0, asked = 0;
    for (int i = 0; i < FLOOD; i++) {
        if (i % 4 == 0) { /* every fourth request is of a regular */
            int n = snprintf(text, sizeof(text), "regular.%d", i / 4 % REGULARS);
            bool found = so_jwt_cache_find(cache, so_str(text, (size_t)n), 1, 0, 0) != NULL;
            hits += found;
            asked++;
            if (!found)
                so_jwt_cache_put(cache, so_str(text, (size_t)n), 1, &claims);
        }
        int n = snprintf(text, sizeof(text), "flood.%d", i);
        so_jwt_cache_put(cache, so_str(text, (size_t)n), 1, &claims);
        so_jwt_cache_put(cache, so_str(text, (size_t)n), 1, &claims); /* twice is once */
        assert_in_range(so_jwt_cache_count(cache), 1, ENTRIES);
    }
    assert_in_range(hits, asked * 9 / 10, asked);
    so_jwt_cache_free(cache);
    so_arena_reset(&arena);
}

static void what_is_too_large_is_not_kept(void **state)
{
    (void)state;
    struct so_jwt_cache *cache = so_jwt_cache_new(16);
    struct so_json claims = parse(SO_STR("{}"));
    char *big = so_alloc_text(&arena, SO_JWT_CACHE_BYTES_MAX + 1);
    memset(big, 'x', SO_JWT_CACHE_BYTES_MAX + 1);
    so_jwt_cache_put(cache, so_str(big, SO_JWT_CACHE_BYTES_MAX + 1), 1, &claims);
    assert_int_equal(so_jwt_cache_count(cache), 0);
    so_jwt_cache_put(cache, so_str(big, SO_JWT_CACHE_BYTES_MAX), 1, &claims);
    assert_int_equal(so_jwt_cache_count(cache), 1);
    so_jwt_cache_free(cache);
    so_arena_reset(&arena);
}

static void without_memory_nothing_is_kept_and_nothing_breaks(void **state)
{
    (void)state;
    struct so_json claims = parse(SO_STR("{\"a\":1}"));
    so_mem_fail_at(0);
    assert_null(so_jwt_cache_new(16));
    so_mem_fail_at(-1);
    struct so_jwt_cache *cache = so_jwt_cache_new(16);
    so_mem_fail_at(0);
    so_jwt_cache_put(cache, SO_STR("t"), 1, &claims);
    assert_true(so_mem_failed());
    so_mem_fail_at(-1);
    assert_null(so_jwt_cache_find(cache, SO_STR("t"), 1, 0, 0));
    so_jwt_cache_put(cache, SO_STR("t"), 1, &claims);
    assert_non_null(so_jwt_cache_find(cache, SO_STR("t"), 1, 0, 0));
    so_jwt_cache_free(cache);
    so_arena_reset(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(claims_outlive_what_they_were_made_from),
        cmocka_unit_test(a_large_object_is_found_in_too),
        cmocka_unit_test(times_hold_for_cached_tokens_too),
        cmocka_unit_test(other_keys_empty_it),
        cmocka_unit_test(a_flood_of_tokens_takes_no_more_room_and_spares_the_used_ones),
        cmocka_unit_test(what_is_too_large_is_not_kept),
        cmocka_unit_test(without_memory_nothing_is_kept_and_nothing_breaks),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    so_arena_deinit(&arena);
    return failed;
}
