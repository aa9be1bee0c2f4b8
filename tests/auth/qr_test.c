/* qr_test.c: symbols that another encoder (qrcode of npm, byte mode, level M) made of the same texts, module by module. */
#include "../testing.h"

#include "auth/qr.h"
#include "core/mem.h"
#include "crypto/digest.h"

static struct so_qr make(struct so_arena *arena, struct so_str text, int mask)
{
    struct so_qr qr;
    struct so_err err = SO_ERR_INIT;
    if (so_qr_make(text, mask, arena, &qr, &err) != SO_OK)
        fail_msg("%s", err.message);
    return qr;
}

static void a_small_symbol_is_known_module_by_module(void **state)
{
    (void)state;
    static const char *const WANT[] = {
        "#######  # ## #######", "#     #  ###  #     #", "# ### # ## ## # ### #", "# ### # #  ## # ### #",
        "# ### # ##  # # ### #", "#     # ## #  #     #", "####### # # # #######", "        #            ",
        "# #####    #  #####  ", "#  ### #  ########   ", "#  # ###### ###  # # ", "###        ###  #####",
        "### ### ### # ##  #  ", "        # # #   # ## ", "#######   ## ##  # # ", "#     # ###  # # ####",
        "# ### # ####  ##  # #", "# ### # ##  ######   ", "# ### # #   #  #  #  ", "#     #  # ###   ##  ",
        "####### ## ## #   ## ",
    };
    struct so_arena arena;
    so_arena_init(&arena, 1 << 20);
    struct so_qr qr = make(&arena, SO_STR("SOCLE socle"), SO_QR_MASK_BEST);
    assert_int_equal(qr.side, 21);
    for (size_t row = 0; row < 21; row++)
        for (size_t column = 0; column < 21; column++)
            if ((WANT[row][column] == '#') != (qr.modules[row * 21 + column] == 1))
                fail_msg("row %zu, column %zu", row, column);
    so_arena_deinit(&arena);
}

/* SHA-256 of the modules as '0' and '1', row by row. */
static const struct {
    const char *label;
    size_t secret; /* letters, three times when `thrice` */
    bool thrice;
    size_t side;
    int mask;
    const char *sha256;
} SYMBOLS[] = {
    {"version 8: what an enrolment usually makes", 32, false, 49, 2,
     "4f407390c8cdd9515d10811051d0d2e97d49b45738accee15d9868d175493632"},
    {"version 10: the count takes sixteen bits", 90, false, 57, 3,
     "48807615c3c968bd48ca819196e7627e8b85da83bae07f81a9d209e0b6915f82"},
    {"version 17: blocks of two lengths", 400, false, 85, 1,
     "f94919afdc3e2449c590c151c3e768ddd4ffdc8eefaf263569616e3126fd69eb"},
    {"version 40: the largest", 640, true, 177, 3, "1b2078c97dce287f28366900e32c0f72efdc853b181edcce4a94fb48d697d142"},
};

static void put_uri(struct so_buf *out, size_t letters)
{
    so_buf_puts(out,
                "otpauth://totp/example.com:ada@example.com?algorithm=SHA1&digits=6&issuer=example.com&period=30&secret=");
    for (size_t i = 0; i < letters; i++)
        so_buf_putc(out, "JBSWY3DPEHPK3PXP"[i % 16]);
}

static void larger_symbols_are_known_by_their_digest(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(SYMBOLS); i++) {
        struct so_arena arena;
        struct so_buf text;
        uint8_t digest[SO_DIGEST_MAX];
        char hex[65];
        so_arena_init(&arena, 1 << 20);
        so_buf_init(&text, 1 << 20);
        for (size_t n = 0; n < (SYMBOLS[i].thrice ? 3 : 1); n++)
            put_uri(&text, SYMBOLS[i].secret);
        struct so_qr qr = make(&arena, so_buf_str(&text), SYMBOLS[i].mask);
        so_buf_reset(&text);
        for (size_t n = 0; n < qr.side * qr.side; n++)
            so_buf_putc(&text, (char)('0' + qr.modules[n]));
        assert_true(so_digest(SO_SHA256, so_buf_str(&text), digest));
        for (size_t n = 0; n < 32; n++)
            snprintf(hex + 2 * n, 3, "%02x", digest[n]);
        if (qr.side != SYMBOLS[i].side || strcmp(hex, SYMBOLS[i].sha256) != 0)
            fail_msg("%s: side %zu, %s", SYMBOLS[i].label, qr.side, hex);
        so_buf_deinit(&text);
        so_arena_deinit(&arena);
    }
}

static void the_limit_holds(void **state)
{
    (void)state;
    static char text[SO_QR_TEXT_MAX + 1];
    struct so_arena arena;
    struct so_qr qr;
    struct so_err err = SO_ERR_INIT;
    memset(text, 'a', sizeof(text));
    so_arena_init(&arena, 1 << 20);
    assert_int_equal(make(&arena, so_str(text, SO_QR_TEXT_MAX), 0).side, SO_QR_SIDE_MAX);
    assert_int_equal(so_qr_make(so_str(text, SO_QR_TEXT_MAX + 1), 0, &arena, &qr, &err), SO_ELIMIT);
    assert_int_equal(make(&arena, SO_STR(""), 0).side, 21);
    so_arena_deinit(&arena);
}

static void the_picture_needs_no_escaping(void **state)
{
    (void)state;
    struct so_arena arena;
    struct so_buf svg;
    so_arena_init(&arena, 1 << 20);
    so_buf_init(&svg, 1 << 20);
    struct so_qr qr = make(&arena, SO_STR("SOCLE socle"), SO_QR_MASK_BEST);
    so_qr_put_svg(&qr, &svg);
    struct so_str text = so_buf_str(&svg);
    assert_true(so_str_starts(text, SO_STR("<svg xmlns='http://www.w3.org/2000/svg' ")));
    assert_true(so_str_ends(text, SO_STR("</svg>")));
    assert_true(so_str_find(text, SO_STR("viewBox='0 0 29 29'")) != SO_STR_NONE);
    assert_true(so_str_find(text, SO_STR("d='M4 4h7v1h-7z")) != SO_STR_NONE); /* the first finder's upper edge */
    for (const char *c = "#%\""; *c != '\0'; c++)
        assert_int_equal(so_str_find_char(text, *c, 0), SO_STR_NONE);
    so_buf_deinit(&svg);
    so_arena_deinit(&arena);
}

static void without_memory_it_is_an_error(void **state)
{
    (void)state;
    struct so_arena arena;
    struct so_qr qr;
    struct so_err err = SO_ERR_INIT;
    so_arena_init(&arena, 1 << 20);
    so_mem_fail_at(0);
    assert_int_equal(so_qr_make(SO_STR("a"), 0, &arena, &qr, &err), SO_ENOMEM);
    so_mem_fail_at(-1);
    so_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_symbol_is_known_module_by_module),
        cmocka_unit_test(larger_symbols_are_known_by_their_digest),
        cmocka_unit_test(the_limit_holds),
        cmocka_unit_test(the_picture_needs_no_escaping),
        cmocka_unit_test(without_memory_it_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
