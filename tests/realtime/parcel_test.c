/* parcel_test.c: what is written reads the same, and what is cut off, too long or unknown does no harm. */
#include "../testing.h"

#include "realtime/parcel.h"

static const struct so_note BROADCAST = {.kind = SO_NOTE_BROADCAST,
                                         .room = {SO_STR_INIT("realtime:a"), true},
                                         .event = SO_STR_INIT("move"),
                                         .body = SO_STR_INIT("\0\xff{}"),
                                         .encoding = SO_WIRE_JSON},
                            HERE = {.kind = SO_NOTE_PRESENCE,
                                    .room = {SO_STR_INIT("realtime:b"), false},
                                    .event = SO_STR_INIT("key"),
                                    .meta = SO_STR_INIT("{\"n\":1}"),
                                    .ref = SO_STR_INIT("F2"),
                                    .previous = SO_STR_INIT("F1")},
                            GONE = {.kind = SO_NOTE_PRESENCE, .ref = SO_STR_INIT("F2")};

static void put_some(struct so_buf *out)
{
    const struct so_note *const notes[] = {&BROADCAST, &HERE, &GONE};
    const struct so_parcel hello = {.kind = SO_PARCEL_HELLO, .to = SO_STR_INIT("me")}, bye = {.kind = SO_PARCEL_BYE};
    so_buf_init(out, 4096);
    for (size_t i = 0; i < COUNT_OF(notes); i++) {
        const struct so_parcel parcel = so_parcel_of(notes[i]);
        so_parcel_put(out, &parcel);
    }
    so_parcel_put(out, &hello);
    so_parcel_put(out, &bye);
    assert_int_equal(out->rc, SO_OK);
}

static void what_is_written_reads_the_same(void **state)
{
    (void)state;
    struct so_buf out;
    struct so_parcel p[6];
    bool found;
    put_some(&out);
    struct so_str rest = so_buf_str(&out);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(so_parcel_read(&rest, &p[i], &found), SO_OK);
        assert_true(found);
    }
    assert_int_equal(so_parcel_read(&rest, &p[5], &found), SO_OK);
    assert_false(found);
    assert_int_equal(p[0].kind, SO_PARCEL_BROADCAST);
    assert_true(p[0].note.room.is_private && so_str_eq(p[0].note.body, BROADCAST.body));
    assert_true(so_str_eq(p[0].note.event, BROADCAST.event) && p[0].note.encoding == SO_WIRE_JSON);
    assert_int_equal(p[1].kind, SO_PARCEL_HERE);
    assert_true(!p[1].note.room.is_private && so_str_eq(p[1].note.room.topic, HERE.room.topic));
    assert_true(so_str_eq(p[1].note.meta, HERE.meta) && so_str_eq(p[1].note.previous, HERE.previous));
    assert_int_equal(p[2].kind, SO_PARCEL_GONE);
    assert_true(so_str_eq(p[2].note.ref, GONE.ref));
    assert_true(p[3].kind == SO_PARCEL_HELLO && so_str_eq_c(p[3].to, "me"));
    assert_int_equal(p[4].kind, SO_PARCEL_BYE);
    so_buf_deinit(&out);
}

static void what_is_cut_off_is_no_parcel(void **state)
{
    (void)state;
    struct so_buf out;
    put_some(&out);
    struct so_str first = so_str(out.p, so_parcel_measure(so_buf_str(&out), 1));
    for (size_t n = 1; n < first.n; n++) {
        struct so_str rest = so_str(first.p, n);
        struct so_parcel p;
        bool found;
        assert_int_equal(so_parcel_read(&rest, &p, &found), SO_EINVAL);
    }
    so_buf_deinit(&out);
}

static void kinds_of_newer_versions_are_passed_over(void **state)
{
    (void)state;
    struct so_str rest = SO_STR("\0\0\0\4\x63\0\0!\0\0\0\3\7\0\0");
    struct so_parcel p;
    bool found;
    assert_int_equal(so_parcel_read(&rest, &p, &found), SO_OK);
    assert_true(found && p.kind == 0);
    assert_int_equal(so_parcel_read(&rest, &p, &found), SO_OK);
    assert_int_equal(p.kind, SO_PARCEL_BYE);
}

static void rows_end_between_parcels(void **state)
{
    (void)state;
    struct so_buf out;
    put_some(&out);
    struct so_str all = so_buf_str(&out);
    size_t one = so_parcel_measure(all, 0), two = so_parcel_measure(all, all.n - 1);
    assert_true(one > 0 && one < two && two < all.n);
    assert_int_equal(so_parcel_measure(all, one), one);
    assert_int_equal(so_parcel_measure(all, all.n), all.n);
    assert_int_equal(so_parcel_measure(SO_STR(""), 10), 0);
    so_buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_reads_the_same),
        cmocka_unit_test(what_is_cut_off_is_no_parcel),
        cmocka_unit_test(kinds_of_newer_versions_are_passed_over),
        cmocka_unit_test(rows_end_between_parcels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
