/* buf_test.c: buffers grow to their maximum and no further; the first failure stays. */
#include "../testing.h"

#include "core/buf.h"
#include "core/fs.h"
#include "core/mem.h"

static void the_maximum_holds_for_every_size(void **state)
{
    (void)state;
    for (size_t max = 0; max < 600; max += 37) {
        struct so_buf b;
        so_buf_init(&b, max);
        for (size_t i = 0; i < max; i++)
            so_buf_putc(&b, 'a');
        assert_int_equal(b.rc, SO_OK);
        assert_int_equal(b.len, max);
        so_buf_putc(&b, 'b');
        assert_int_equal(b.rc, SO_ELIMIT);
        assert_int_equal(b.len, max);
        so_buf_deinit(&b);
    }
}

static void a_failure_is_kept_until_reset(void **state)
{
    (void)state;
    struct so_err err = SO_ERR_INIT;
    struct so_buf b;
    so_buf_init(&b, 4096);
    so_mem_fail_at(0);
    so_buf_puts(&b, "lost");
    so_mem_fail_at(-1);
    so_buf_puts(&b, "lost, too");
    assert_int_equal(so_buf_check(&b, "it", &err), SO_ENOMEM);
    assert_int_equal(b.len, 0);
    so_buf_reset(&b);
    so_buf_puts(&b, "kept");
    assert_str(so_buf_str(&b), "kept");
    so_buf_deinit(&b);
}

static void numbers_and_escapes(void **state)
{
    (void)state;
    struct so_buf b;
    so_buf_init(&b, 4096);
    so_buf_put_i64(&b, INT64_MIN);
    so_buf_putc(&b, ' ');
    so_buf_put_u64(&b, UINT64_MAX);
    so_buf_putc(&b, ' ');
    so_buf_put_url(&b, SO_STR("a b/\xC3\xA9~"));
    so_buf_printf(&b, " %d", 7);
    assert_str(so_buf_str(&b), "-9223372036854775808 18446744073709551615 a%20b%2F%C3%A9~ 7");
    assert_string_equal(so_buf_cstr(&b), b.p);
    so_buf_deinit(&b);
}

static void a_file_is_written_whole_and_read_back(void **state)
{
    (void)state;
    char path[64];
    snprintf(path, sizeof(path), "/tmp/socle_buf_test.%d", (int)getpid());
    struct so_err err = SO_ERR_INIT;
    struct so_buf b;
    so_buf_init(&b, 16);
    assert_int_equal(so_fs_write(path, SO_STR("sixteen bytes..."), 0600, false, &err), SO_OK);
    assert_int_equal(so_fs_write(path, SO_STR("again"), 0600, false, &err), SO_EEXISTS);
    assert_int_equal(so_fs_read(path, &b, NULL), SO_OK);
    assert_str(so_buf_str(&b), "sixteen bytes...");
    so_buf_deinit(&b);
    so_buf_init(&b, 15);
    assert_int_equal(so_fs_read(path, &b, NULL), SO_ELIMIT);
    so_buf_deinit(&b);
    remove(path);
    assert_int_equal(so_fs_read(path, &b, NULL), SO_ENOTFOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_maximum_holds_for_every_size),
        cmocka_unit_test(a_failure_is_kept_until_reset),
        cmocka_unit_test(numbers_and_escapes),
        cmocka_unit_test(a_file_is_written_whole_and_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
