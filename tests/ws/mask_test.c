/* mask_test.c: the wide XOR against the narrow one. */
#include "../testing.h"

#include "ws/mask.h"

enum { LONGEST = 70 };
static const uint8_t KEY[4] = {0x11, 0x8E, 0x00, 0xF3};

static void fill(char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        bytes[i] = (char)(i * 37 + 5);
}

static void every_length_start_and_offset_is_masked_alike(void **state)
{
    (void)state;
    char from[LONGEST + 20], to[LONGEST + 20];
    fill(from, sizeof(from));
    for (size_t start = 0; start < 17; start++)
        for (size_t n = 0; n <= LONGEST; n++)
            for (uint64_t at = 0; at < 5; at++) {
                memset(to, 0x55, sizeof(to));
                so_ws_mask(to + 1, from + start, n, KEY, at);
                for (size_t i = 0; i < n; i++)
                    if ((uint8_t)to[1 + i] != ((uint8_t)from[start + i] ^ KEY[(at + i) % 4]))
                        fail_msg("start %zu, n %zu, at %d: byte %zu", start, n, (int)at, i);
                assert_int_equal(to[0], 0x55);
                assert_int_equal(to[1 + n], 0x55);
            }
}

static void pieces_and_in_place_give_the_same(void **state)
{
    (void)state;
    char whole[LONGEST], parts[LONGEST];
    for (size_t cut = 0; cut <= LONGEST; cut++) {
        fill(whole, LONGEST);
        fill(parts, LONGEST);
        so_ws_mask(whole, whole, LONGEST, KEY, 0);
        so_ws_mask(parts, parts, cut, KEY, 0);
        so_ws_mask(parts + cut, parts + cut, LONGEST - cut, KEY, cut);
        assert_memory_equal(whole, parts, LONGEST);
    }
}

static void an_offset_beyond_32_bits_is_fine(void **state)
{
    (void)state;
    char byte = 0;
    so_ws_mask(&byte, &byte, 1, KEY, (UINT64_C(1) << 40) + 1);
    assert_int_equal((uint8_t)byte, KEY[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_start_and_offset_is_masked_alike),
        cmocka_unit_test(pieces_and_in_place_give_the_same),
        cmocka_unit_test(an_offset_beyond_32_bits_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
