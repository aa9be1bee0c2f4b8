/* base64_test.c: every byte string has exactly one text, and that text has exactly one byte string. */
#include "../testing.h"

#include "core/mem.h"
#include "crypto/base64.h"

static const struct {
    const char *bytes, *url, *padded;
} VECTORS[] = {
    /* RFC 4648 section 10, and the two digits that differ */
    {"", "", ""},
    {"f", "Zg", "Zg=="},
    {"fo", "Zm8", "Zm8="},
    {"foo", "Zm9v", "Zm9v"},
    {"foob", "Zm9vYg", "Zm9vYg=="},
    {"fooba", "Zm9vYmE", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
    {"\xFB\xFF\xFE", "-__-", "+//+"},
    {"\xFF", "_w", "/w=="},
};

static void the_vectors_of_rfc_4648_go_both_ways(void **state)
{
    (void)state;
    uint8_t bytes[64];
    size_t n;
    struct so_buf out;
    so_buf_init(&out, 1024);
    for (size_t i = 0; i < COUNT_OF(VECTORS); i++) {
        so_buf_reset(&out);
        so_base64url_put(&out, so_str_c(VECTORS[i].bytes));
        assert_str(so_buf_str(&out), VECTORS[i].url);
        assert_true(so_base64url_decode(so_str_c(VECTORS[i].url), bytes, &n));
        assert_str(so_str((char *)bytes, n), VECTORS[i].bytes);
        so_buf_reset(&out);
        so_base64_put(&out, so_str_c(VECTORS[i].bytes));
        assert_str(so_buf_str(&out), VECTORS[i].padded);
        assert_true(so_base64_decode(so_str_c(VECTORS[i].padded), bytes, &n));
        assert_str(so_str((char *)bytes, n), VECTORS[i].bytes);
    }
    so_buf_deinit(&out);
}

static const struct {
    const char *label, *text;
    bool is_url, is_padded; /* well formed in which of the two */
} FORMS[] = {
    {"padding", "Zg==", false, true},
    {"no padding", "Zg", true, false},
    {"half the padding", "Zg=", false, false},
    {"too much padding", "Zm9v====", false, false},
    {"padding only", "====", false, false},
    {"padding in the middle", "Zg==Zg==", false, false},
    {"a lone digit", "Z", false, false},
    {"five digits", "Zm9vZ", false, false},
    {"stray bits after one byte", "Zh", false, false},
    {"stray bits after one byte, padded", "Zh==", false, false},
    {"stray bits after two bytes", "Zm9", false, false},
    {"stray bits after two bytes, padded", "Zm9=", false, false},
    {"a line break", "Zm9v\nZm9", false, false},
    {"a blank", "Zm 9", false, false},
    {"a dot", "Zm9.", false, false},
    {"the other digits", "-_-_", true, false},
    {"the other digits, standard", "+/+/", false, true},
    {"both kinds", "-_+/", false, false},
    {"a byte that is no ASCII", "Zm9\xC3", false, false},
};

static void only_canonical_text_is_taken(void **state)
{
    (void)state;
    uint8_t bytes[64];
    for (size_t i = 0; i < COUNT_OF(FORMS); i++) {
        size_t n = 99;
        if (so_base64url_decode(so_str_c(FORMS[i].text), bytes, &n) != FORMS[i].is_url)
            fail_msg("base64url: %s", FORMS[i].label);
        if (!FORMS[i].is_url)
            assert_int_equal(n, 99);
        if (so_base64_decode(so_str_c(FORMS[i].text), bytes, &n) != FORMS[i].is_padded)
            fail_msg("base64: %s", FORMS[i].label);
    }
}

/* Of all texts of two digits, 256 are some byte, each its own. */
static void no_two_texts_have_the_same_bytes(void **state)
{
    (void)state;
    bool seen[256] = {false};
    uint8_t bytes[8];
    int count = 0;
    for (int a = 0; a < 256; a++) {
        for (int b = 0; b < 256; b++) {
            const char text[2] = {(char)a, (char)b};
            size_t n;
            if (!so_base64url_decode(so_str(text, 2), bytes, &n))
                continue;
            assert_int_equal(n, 1);
            assert_false(seen[bytes[0]]);
            seen[bytes[0]] = true;
            count++;
        }
    }
    assert_int_equal(count, 256);
}

static void any_bytes_come_back(void **state)
{
    (void)state;
    char bytes[300];
    uint8_t back[512];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 37 + 11);
    struct so_buf out;
    so_buf_init(&out, 1024);
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        size_t n;
        so_buf_reset(&out);
        so_base64url_put(&out, so_str(bytes, len));
        assert_true(so_base64url_decode(so_buf_str(&out), back, &n));
        assert_true(n <= so_base64_decoded_max(out.len));
        assert_int_equal(n, len);
        assert_memory_equal(back, bytes, len);
    }
    so_buf_deinit(&out);
}

static void a_full_buffer_is_told(void **state)
{
    (void)state;
    struct so_buf out;
    so_buf_init(&out, 3);
    so_base64url_put(&out, SO_STR("foo"));
    assert_int_equal(out.rc, SO_ELIMIT);
    assert_int_equal(out.len, 0);
    so_buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_rfc_4648_go_both_ways),
        cmocka_unit_test(only_canonical_text_is_taken),
        cmocka_unit_test(no_two_texts_have_the_same_bytes),
        cmocka_unit_test(any_bytes_come_back),
        cmocka_unit_test(a_full_buffer_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
