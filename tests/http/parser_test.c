/* parser_test.c: heads of requests, good and bad, whole and a byte at a time. */
#include "../testing.h"

#include "core/arena.h"
#include "http/parser.h"
#include "http/url.h"

#define H "Host: a\r\n"

static struct so_http_limits limits;

struct result {
    int status; /* 0: good; -1: more is wanted */
    size_t used;
    struct so_head head;
    struct so_header headers[128];
};

/* Feeds the bytes `step` at a time, and parses when the head is complete. */
static void read_head(struct so_str input, size_t step, struct result *out)
{
    struct so_head_scan scan = {0};
    const char *why = NULL;
    size_t len = 0, fed = 0;
    int status = SO_SCAN_MORE;
    memset(out, 0, sizeof(*out));
    while (status == SO_SCAN_MORE && fed < input.n) {
        fed = so_min_size(fed + step, input.n);
        status = so_head_scan(&scan, input.p, fed, &limits, &len, &why);
    }
    out->status = status == SO_SCAN_MORE ? -1 : status;
    if (status == SO_SCAN_DONE) {
        assert_in_range(scan.lines, 0, COUNT_OF(out->headers));
        out->used = scan.skip + len;
        out->status = so_head_parse(input.p + scan.skip, len, out->headers, &out->head, &why);
    }
    if (out->status > 0)
        assert_non_null(why);
}

static const struct {
    const char *label, *input;
    int status; /* 0: good, -1: wants more */
} CASES[] = {
    {"plain", "GET / HTTP/1.1\r\n" H "\r\n", 0},
    {"HTTP/1.0 needs no Host", "GET / HTTP/1.0\r\n\r\n", 0},
    {"a later minor version", "GET / HTTP/1.7\r\n" H "\r\n", 0},
    {"empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 0},
    {"Host with port", "GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", 0},
    {"one empty line before", "\r\nGET / HTTP/1.1\r\n" H "\r\n", 0},
    {"a method of its own", "PURGE / HTTP/1.1\r\n" H "\r\n", 0},
    {"braces and quotes in the query", "GET /a?b=in.(\"c\",{d}|e) HTTP/1.1\r\n" H "\r\n", 0},
    {"header value of other bytes", "GET / HTTP/1.1\r\n" H "X: caf\xC3\xA9\t!\r\n\r\n", 0},
    {"no blank after the colon", "GET / HTTP/1.1\r\nHost:a\r\nX:y\r\n\r\n", 0},
    {"absolute-form", "GET http://example.org/a?b HTTP/1.1\r\n" H "\r\n", 0},
    {"OPTIONS *", "OPTIONS * HTTP/1.1\r\n" H "\r\n", 0},
    {"length", "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\n", 0},
    {"chunked", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n", 0},
    {"chunked in other letters", "POST / HTTP/1.1\r\n" H "transfer-encoding: CHUNKED \r\n\r\n", 0},
    {"expect", "POST / HTTP/1.1\r\n" H "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n", 0},
    {"expectation from HTTP/1.0", "POST / HTTP/1.0\r\nExpect: miracles\r\n\r\n", 0},

    {"nothing", "", -1},
    {"cut in the method", "GE", -1},
    {"cut in the end", "GET / HTTP/1.1\r\n" H "\r", -1},

    {"bare LF after the request line", "GET / HTTP/1.1\n" H "\r\n", 400},
    {"bare LF after a header", "GET / HTTP/1.1\r\nHost: a\n\r\n", 400},
    {"bare LF as empty line", "GET / HTTP/1.1\r\n" H "\n", 400},
    {"LF alone", "\nGET / HTTP/1.1\r\n" H "\r\n", 400},
    {"two empty lines before", "\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", 400},
    {"bare CR in the request line", "GET /\r HTTP/1.1\r\n" H "\r\n", 400},
    {"bare CR in a value", "GET / HTTP/1.1\r\n" H "X: a\rb\r\n\r\n", 400},
    {"CR CR LF", "GET / HTTP/1.1\r\n" H "X: a\r\r\n\r\n", 400},
    {"folded header", "GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n", 400},
    {"folded first header", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
    {"folded with a tab", "GET / HTTP/1.1\r\n" H "X: a\r\n\tb\r\n\r\n", 400},
    {"blank before the colon", "GET / HTTP/1.1\r\n" H "X : a\r\n\r\n", 400},
    {"blank before the colon of Content-Length", "GET / HTTP/1.1\r\n" H "Content-Length : 5\r\n\r\n", 400},
    {"no colon", "GET / HTTP/1.1\r\n" H "X\r\n\r\n", 400},
    {"no name", "GET / HTTP/1.1\r\n" H ": a\r\n\r\n", 400},
    {"a name that is no token", "GET / HTTP/1.1\r\n" H "X(y): a\r\n\r\n", 400},
    {"a name of other bytes", "GET / HTTP/1.1\r\n" H "\xC3\xA9: a\r\n\r\n", 400},
    {"control in a value", "GET / HTTP/1.1\r\n" H "X: a\x01z\r\n\r\n", 400},
    {"DEL in a value", "GET / HTTP/1.1\r\n" H "X: aaaaaaaaaaaaa\x7Fz\r\n\r\n", 400},
    {"no Host", "GET / HTTP/1.1\r\n\r\n", 400},
    {"two Hosts", "GET / HTTP/1.1\r\n" H H "\r\n", 400},
    {"Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
    {"Host with a blank", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
    {"Host with a user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400},
    {"TLS", "\x16\x03\x01", 400},
    {"method that is no token", "G@T / HTTP/1.1\r\n" H "\r\n", 400},
    {"two blanks after the method", "GET  / HTTP/1.1\r\n" H "\r\n", 400},
    {"two blanks after the target", "GET /  HTTP/1.1\r\n" H "\r\n", 400},
    {"tab in the request line", "GET\t/ HTTP/1.1\r\n" H "\r\n", 400},
    {"blank at the end of the request line", "GET / HTTP/1.1 \r\n" H "\r\n", 400},
    {"blank in the target", "GET /a b HTTP/1.1\r\n" H "\r\n", 400},
    {"no version", "GET /\r\n" H "\r\n", 400},
    {"no target", "GET HTTP/1.1\r\n" H "\r\n", 400},
    {"version in small letters", "GET / http/1.1\r\n" H "\r\n", 400},
    {"version of two digits", "GET / HTTP/1.10\r\n" H "\r\n", 400},
    {"version without minor", "GET / HTTP/1\r\n" H "\r\n", 400},
    {"fragment", "GET /a#b HTTP/1.1\r\n" H "\r\n", 400},
    {"other bytes in the target", "GET /caf\xC3\xA9 HTTP/1.1\r\n" H "\r\n", 400},
    {"DEL in the target", "GET /\x7F HTTP/1.1\r\n" H "\r\n", 400},
    {"relative target", "GET a HTTP/1.1\r\n" H "\r\n", 400},
    {"other scheme", "GET ftp://a/ HTTP/1.1\r\n" H "\r\n", 400},
    {"no authority", "GET http:///a HTTP/1.1\r\n" H "\r\n", 400},
    {"user in the authority", "GET http://u@a/ HTTP/1.1\r\n" H "\r\n", 400},
    {"asterisk without OPTIONS", "GET * HTTP/1.1\r\n" H "\r\n", 400},
    {"CONNECT", "CONNECT a:443 HTTP/1.1\r\n" H "\r\n", 501},
    {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\n", 505},
    {"HTTP/3.0", "GET / HTTP/3.0\r\n" H "\r\n", 505},
    {"HTTP/0.9", "GET / HTTP/0.9\r\n" H "\r\n", 505},
    {"other expectation", "POST / HTTP/1.1\r\n" H "Expect: miracles\r\n\r\n", 417},

    /* RFC 9112 sections 6.1, 6.3 and 11.2: what two servers could frame in two ways */
    {"length twice", "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 400},
    {"two lengths", "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400},
    {"list of lengths", "POST / HTTP/1.1\r\n" H "Content-Length: 5, 5\r\n\r\n", 400},
    {"length with plus", "POST / HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\n", 400},
    {"negative length", "POST / HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n", 400},
    {"length in hex", "POST / HTTP/1.1\r\n" H "Content-Length: 0x5\r\n\r\n", 400},
    {"length with a blank", "POST / HTTP/1.1\r\n" H "Content-Length: 5 0\r\n\r\n", 400},
    {"empty length", "POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", 400},
    {"length over 2^63", "POST / HTTP/1.1\r\n" H "Content-Length: 9223372036854775808\r\n\r\n", 400},
    {"length over 2^64", "POST / HTTP/1.1\r\n" H "Content-Length: 18446744073709551621\r\n\r\n", 400},
    {"CL.TE", "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"TE.CL", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400},
    {"TE.TE", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n", 400},
    {"coding twice", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"chunked twice in a list", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, chunked\r\n\r\n", 400},
    {"empty coding", "POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n", 400},
    {"coding with a vertical tab", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: \vchunked\r\n\r\n", 400},
    {"coding in quotes", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: \"chunked\"\r\n\r\n", 400},
    {"coding with parameter", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked;q=1\r\n\r\n", 400},
    {"coding in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"folded coding", "POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n chunked\r\n\r\n", 400},
    {"unknown coding", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
    {"nearly chunked", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n", 501},
    {"identity", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n", 501},
};

static void heads_are_judged_alike_however_they_are_cut(void **state)
{
    (void)state;
    limits = SO_HTTP_LIMITS_DEFAULT;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct so_str input = so_str_c(CASES[i].input);
        for (size_t step = 1; step <= so_max_size(input.n, 1); step++) {
            struct result r;
            read_head(input, step, &r);
            if (r.status != CASES[i].status)
                fail_msg("%s, in pieces of %zu: %d, not %d", CASES[i].label, step, r.status, CASES[i].status);
            if (r.status == 0)
                assert_int_equal(r.used, input.n);
        }
    }
}

static void a_nul_is_bad_everywhere(void **state)
{
    (void)state;
    static const struct so_str INPUTS[] = {
        SO_STR_INIT("GET\0 / HTTP/1.1\r\n" H "\r\n"),        SO_STR_INIT("GET /\0 HTTP/1.1\r\n" H "\r\n"),
        SO_STR_INIT("GET / HTTP/1.1\0\r\n" H "\r\n"),        SO_STR_INIT("GET / HTTP/1.1\r\n" H "X\0: a\r\n\r\n"),
        SO_STR_INIT("GET / HTTP/1.1\r\n" H "X: \0\r\n\r\n"), SO_STR_INIT("\0GET / HTTP/1.1\r\n" H "\r\n"),
    };
    limits = SO_HTTP_LIMITS_DEFAULT;
    for (size_t i = 0; i < COUNT_OF(INPUTS); i++) {
        struct result r;
        read_head(INPUTS[i], 1000, &r);
        assert_int_equal(r.status, 400);
    }
}

static void every_byte_is_allowed_only_where_the_grammar_has_it(void **state)
{
    (void)state;
    limits = SO_HTTP_LIMITS_DEFAULT;
    for (unsigned c = 1; c < 256; c++) {
        char text[96];
        struct result r;
        bool is_alnum = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        bool is_token = is_alnum || strchr("!#$%&'*+-.^_`|~", (int)c) != NULL;
        int n = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n" H "a%cb: c\r\n\r\n", (int)c);
        read_head(so_str(text, (size_t)n), 100, &r);
        assert_int_equal(r.status, is_token || c == ':' ? 0 : 400);
        n = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n" H "X: 12345678%c\r\n\r\n", (int)c);
        read_head(so_str(text, (size_t)n), 100, &r);
        assert_int_equal(r.status, c == '\t' || (c >= ' ' && c != 0x7F) ? 0 : 400);
        n = snprintf(text, sizeof(text), "GET /%c HTTP/1.1\r\n" H "\r\n", (int)c);
        read_head(so_str(text, (size_t)n), 100, &r);
        assert_int_equal(r.status, c > ' ' && c < 0x7F && c != '#' ? 0 : 400);
    }
}

static void the_parts_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *input;
        enum so_method method;
        const char *path, *query;
    } TARGETS[] = {
        {"GET /a/b HTTP/1.1\r\n" H "\r\n", SO_GET, "/a/b", NULL},
        {"HEAD /a? HTTP/1.1\r\n" H "\r\n", SO_HEAD, "/a", ""},
        {"POST /a?b=c?d HTTP/1.1\r\n" H "\r\n", SO_POST, "/a", "b=c?d"},
        {"PUT http://x HTTP/1.1\r\n" H "\r\n", SO_PUT, "/", NULL},
        {"PATCH HTTPS://x:1?y HTTP/1.1\r\n" H "\r\n", SO_PATCH, "/", "y"},
        {"DELETE http://x/a/b?c HTTP/1.1\r\n" H "\r\n", SO_DELETE, "/a/b", "c"},
        {"OPTIONS * HTTP/1.1\r\n" H "\r\n", SO_OPTIONS, "*", NULL},
        {"get //a HTTP/1.1\r\n" H "\r\n", SO_METHOD_OTHER, "//a", NULL},
    };
    limits = SO_HTTP_LIMITS_DEFAULT;
    for (size_t i = 0; i < COUNT_OF(TARGETS); i++) {
        struct result r;
        read_head(so_str_c(TARGETS[i].input), 1000, &r);
        assert_int_equal(r.status, 0);
        assert_int_equal(r.head.method, TARGETS[i].method);
        assert_str(r.head.path, TARGETS[i].path);
        assert_int_equal(r.head.query.p == NULL, TARGETS[i].query == NULL);
        if (TARGETS[i].query != NULL)
            assert_str(r.head.query, TARGETS[i].query);
    }
    struct result r;
    read_head(
        SO_STR("PURGE /x HTTP/1.1\r\nA: 1\r\nHost: h\r\nCONTENT-length: 0042\r\nB: \t two words \t\r\na:2\r\n\r\nmore"),
        1000, &r);
    assert_int_equal(r.status, 0);
    assert_str(r.head.method_text, "PURGE");
    assert_int_equal(r.head.header_count, 5);
    assert_str(r.headers[3].value, "two words");
    assert_int_equal(r.head.content_length, 42);
    const struct so_http_request req = {.headers = r.headers, .header_count = r.head.header_count};
    assert_str(so_http_header(&req, SO_STR("host")), "h");
    assert_null(so_http_header(&req, SO_STR("none")).p);
    struct so_str value, all[4];
    size_t count = 0;
    for (size_t i = 0; so_http_header_next(&req, SO_STR("A"), &i, &value);)
        all[count++] = value;
    assert_int_equal(count, 2);
    assert_str(all[0], "1");
    assert_str(all[1], "2");
}

static void the_connection_lives_as_asked(void **state)
{
    (void)state;
    static const struct {
        const char *input;
        bool keeps;
    } WISHES[] = {
        {"GET / HTTP/1.1\r\n" H "\r\n", true},
        {"GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\n" H "Connection: Upgrade, CLOSE\r\n\r\n", false},
        {"GET / HTTP/1.1\r\n" H "Connection: keep-alive\r\nConnection: close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\n" H "Connection: closed\r\n\r\n", true},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
    };
    limits = SO_HTTP_LIMITS_DEFAULT;
    for (size_t i = 0; i < COUNT_OF(WISHES); i++) {
        struct result r;
        read_head(so_str_c(WISHES[i].input), 1000, &r);
        assert_int_equal(r.status, 0);
        assert_int_equal(r.head.keeps_alive, WISHES[i].keeps);
    }
}

static void the_limits_hold_to_the_byte(void **state)
{
    (void)state;
    static const struct {
        const char *label, *input;
        int status;
    } LIMITS[] = {
        {"request line of 20 bytes", "GET /aaaa HTTP/1.1\r\nHost:a\r\n\r\n", 0},
        {"request line of 21 bytes", "GET /aaaaa HTTP/1.1\r\nHost:a\r\n\r\n", 414},
        {"request line without end", "GET /aaaaaaaaaaaaaaaa", 414},
        {"headers of 20 bytes", "GET / HTTP/1.1\r\nHost:a\r\nX:12345678\r\n\r\n", 0},
        {"headers of 21 bytes", "GET / HTTP/1.1\r\nHost:a\r\nX:123456789\r\n\r\n", 431},
        {"headers without end", "GET / HTTP/1.1\r\nHost:a\r\nX:12345678901", 431},
        {"three headers", "GET / HTTP/1.1\r\nHost:a\r\nX:\r\nY:\r\n\r\n", 0},
        {"four headers", "GET / HTTP/1.1\r\nHost:a\r\nX:\r\nY:\r\nZ:\r\n\r\n", 431},
    };
    limits = SO_HTTP_LIMITS_DEFAULT;
    limits.line_max = 20;
    limits.headers_max = 20;
    limits.header_count_max = 3;
    for (size_t i = 0; i < COUNT_OF(LIMITS); i++)
        for (size_t step = 1; step < 60; step++) {
            struct result r;
            read_head(so_str_c(LIMITS[i].input), step, &r);
            if (r.status != LIMITS[i].status)
                fail_msg("%s, in pieces of %zu: %d, not %d", LIMITS[i].label, step, r.status, LIMITS[i].status);
        }
}

static void percent_decoding_is_strict(void **state)
{
    (void)state;
    static const struct {
        const char *input;
        bool plus;
        const char *want; /* NULL: SO_EINVAL */
    } TEXTS[] = {
        {"abc", false, "abc"},         {"", true, ""},        {"a%20b", false, "a b"},
        {"%2f%2F", false, "//"},       {"a+b", false, "a+b"}, {"a+b%2B", true, "a b+"},
        {"%C3%A9", false, "\xC3\xA9"}, {"%", false, NULL},    {"a%2", false, NULL},
        {"%zz", false, NULL},          {"%2", true, NULL},    {"%%20", false, NULL},
        {"%+1", true, NULL},           {"%2g", false, NULL},  {"%25", false, "%"},
    };
    struct so_arena arena;
    so_arena_init(&arena, 4096);
    for (size_t i = 0; i < COUNT_OF(TEXTS); i++) {
        struct so_str out = SO_STR("untouched");
        int rc = so_http_decode(&arena, so_str_c(TEXTS[i].input), TEXTS[i].plus, &out);
        assert_int_equal(rc, TEXTS[i].want == NULL ? SO_EINVAL : SO_OK);
        assert_str(out, TEXTS[i].want == NULL ? "untouched" : TEXTS[i].want);
    }
    so_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_are_judged_alike_however_they_are_cut),
        cmocka_unit_test(a_nul_is_bad_everywhere),
        cmocka_unit_test(every_byte_is_allowed_only_where_the_grammar_has_it),
        cmocka_unit_test(the_parts_are_found),
        cmocka_unit_test(the_connection_lives_as_asked),
        cmocka_unit_test(the_limits_hold_to_the_byte),
        cmocka_unit_test(percent_decoding_is_strict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
