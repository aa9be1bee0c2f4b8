/* format_test.c: a good and a bad text for every rule of every format; the official suite has many more. */
#include "schema_testing.h"

#include "schema/format.h"

static const struct {
    const char *format, *good, *bad; /* texts separated by blanks */
} CASES[] = {
    {"date", "2024-02-29 0000-01-01", "2023-02-29 2023-13-01 2023-1-01 2023-01-32 20230101"},
    {"time", "12:00:00Z 23:59:60Z 08:59:60.5+09:00 12:00:00.123456789-00:00 12:00:00z",
     "12:00:00 24:00:00Z 12:00:60Z 12:00Z 12:00:00. 12:00:00+24:00 12:00:00+0100"},
    {"date-time", "2024-02-29T12:00:00Z 2024-02-29t12:00:00+01:00", "2024-02-30T12:00:00Z 2024-02-29 2024-02-29_12:00:00Z"},
    {"duration", "P1D P1W PT1H P1Y2M3DT4H5M6S PT36H P1M", "P PT P1 1D P1WT1H P1S PT1D P1D2W P1YT PT1H1S"},
    {"email", "a@b.c a.b+c@d-e.f \"a@b\"@c.d a@[127.0.0.1] a@[IPv6:::1]",
     "a @b a@ .a@b a..b@c a@b..c a@-b a@[1.2.3] \"a@b a@b_c"},
    {"idn-email", "ä@ö.de a@b.c", "ä@ ä@ö..de"},
    {"hostname", "a a.b xn--bcher-kva.de 1a-b", "a_b -a a- a..b .a a. xn--X ab--cd"},
    {"idn-hostname", "bücher.de a.b 例え.jp", "a_b 〮한 -ü ü..de"},
    {"ipv4", "0.0.0.0 255.255.255.255", "256.0.0.0 1.2.3 1.2.3.4.5 01.2.3.4 1.2.3. 1..2.3 0x1.2.3.4"},
    {"ipv6", "::1 :: 1:2:3:4:5:6:7:8 ::ffff:1.2.3.4 1::8 1:2:3:4:5:6:1.2.3.4",
     "1:2:3:4:5:6:7 1:2:3:4:5:6:7:8:9 ::1::2 12345::1 :1 1: ::1.2.3 1:2:3:4:5:6:7:1.2.3.4 fe80::1%eth0 :::"},
    {"uri", "http://a/b?c#d urn:a:b mailto:a@b file:///x http://[::1]:80/ a:",
     "a /b http://a/%zz http://[::1/ 1a:b http://a/ä //a/b"},
    {"uri-reference", "a /b #c ?d //e/f ./a:b", "a:b:c\\ 1:2 #a#b"},
    {"iri", "http://ä/ö?ü#ß", "ä http://\xef\xbf\xbe/"},
    {"iri-reference", "ä #ö", "\\ä"},
    {"uri-template", "a{b}c {+a,b*,c:3} {?a.b} a'b", "{a a} {} {a:0} {a,} {-a}"},
    {"json-pointer", "/ /a~0b/~1", "a /~2 /a~"},
    {"relative-json-pointer", "0 1/a 0#", "/a 01 -1 1a #"},
    {"uuid", "123e4567-E89B-12d3-a456-426614174000",
     "123e4567e89b12d3a456426614174000 123e4567-e89b-12d3-a456-42661417400g"},
    {"regex", "^a(b|c)*$ [^]", "a) \\Z ("},
};

static void check(const char *format, const char *texts, bool want)
{
    const struct so_format *f = so_format_find(so_str_c(format), SO_DRAFT_2020_12);
    struct so_str rest = so_str_c(texts), text;
    assert_non_null(f);
    while (so_str_split(&rest, ' ', &text))
        if (f->check(text) != want)
            fail_msg("%s: %.*s", format, SO_STR_ARG(text));
}

static void texts_have_their_formats(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        check(CASES[i].format, CASES[i].good, true);
        check(CASES[i].format, CASES[i].bad, false);
    }
}

static void the_empty_text_and_nul_bytes_are_harmless(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        const struct so_format *f = so_format_find(so_str_c(CASES[i].format), SO_DRAFT_2020_12);
        f->check(so_str("", 0));
        f->check(so_str("\0\0\0", 3));
        f->check(so_str("a\0b.c", 5));
    }
    assert_null(so_format_find(SO_STR("nobody-knows"), SO_DRAFT_7));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_have_their_formats),
        cmocka_unit_test(the_empty_text_and_nul_bytes_are_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
