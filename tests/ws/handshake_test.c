/* handshake_test.c: requests, and what becomes of them. */
#include "../testing.h"

#include "core/mem.h"
#include "ws/handshake.h"

#define KEY                                                                                                                 \
    {                                                                                                                       \
        "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="                                                                     \
    }
#define VERSION                                                                                                             \
    {                                                                                                                       \
        "Sec-WebSocket-Version", "13"                                                                                       \
    }
#define UPGRADE                                                                                                             \
    {"Upgrade", "websocket"}, { "Connection", "Upgrade" }
#define GOOD UPGRADE, KEY, VERSION

static const struct so_str ORIGINS[] = {SO_STR_INIT("https://shop.example"), SO_STR_INIT("http://localhost:3000")};
static const struct so_str PROTOCOLS[] = {SO_STR_INIT("v1.chat"), SO_STR_INIT("v2.chat")};
static const struct so_ws_handshake_rules RULES = {
    .origins = ORIGINS,
    .origin_count = COUNT_OF(ORIGINS),
    .protocols = PROTOCOLS,
    .protocol_count = COUNT_OF(PROTOCOLS),
    .deflate = {.is_on = true, .keeps_window = true},
};

enum { LINES_MAX = 10 };
struct line {
    const char *name, *value;
};

static int read_lines(const struct line *lines, enum so_method method, struct so_ws_handshake *out, struct so_err *err)
{
    struct so_header headers[LINES_MAX];
    size_t n = 0;
    for (; n < LINES_MAX && lines[n].name != NULL; n++)
        headers[n] = (struct so_header){so_str_c(lines[n].name), so_str_c(lines[n].value)};
    const struct so_http_request req = {.method = method, .path = SO_STR("/"), .headers = headers, .header_count = n};
    return so_ws_handshake_read(&req, &RULES, out, err);
}

static const struct {
    const char *label;
    struct line lines[LINES_MAX];
    enum so_method method;
    int status;           /* 0: accepted */
    const char *protocol; /* NULL: none */
} CASES[] = {
    {"the RFC's own", {GOOD}, SO_GET, 0, NULL},
    {"lists, in any case",
     {{"upgrade", "h2c , WEBSOCKET"}, {"connection", "keep-alive"}, {"Connection", "x, upgrade"}, KEY, VERSION},
     SO_GET,
     0,
     NULL},
    {"not GET", {GOOD}, SO_POST, 405, NULL},
    {"no Upgrade", {{"Connection", "Upgrade"}, KEY, VERSION}, SO_GET, 426, NULL},
    {"no Connection", {{"Upgrade", "websocket"}, KEY, VERSION}, SO_GET, 426, NULL},
    {"no key", {UPGRADE, VERSION}, SO_GET, 400, NULL},
    {"a key too short", {UPGRADE, VERSION, {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25j"}}, SO_GET, 400, NULL},
    {"a key too long", {UPGRADE, VERSION, {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZWRkZGQ="}}, SO_GET, 400, NULL},
    {"a key of 24 characters and 18 bytes",
     {UPGRADE, VERSION, {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZWRk"}},
     SO_GET,
     400,
     NULL},
    {"a key with a stray bit", {UPGRADE, VERSION, {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZR=="}}, SO_GET, 400, NULL},
    {"two keys", {GOOD, KEY}, SO_GET, 400, NULL},
    {"no version", {UPGRADE, KEY}, SO_GET, 426, NULL},
    {"version 8", {UPGRADE, KEY, {"Sec-WebSocket-Version", "8"}}, SO_GET, 426, NULL},
    {"versions in a list", {UPGRADE, KEY, {"Sec-WebSocket-Version", "13, 8"}}, SO_GET, 426, NULL},
    {"an origin that may", {GOOD, {"Origin", "https://shop.example"}}, SO_GET, 0, NULL},
    {"an origin with a port", {GOOD, {"Origin", "http://localhost:3000"}}, SO_GET, 0, NULL},
    {"another", {GOOD, {"Origin", "https://evil.example"}}, SO_GET, 403, NULL},
    {"one that only begins so", {GOOD, {"Origin", "https://shop.example.evil"}}, SO_GET, 403, NULL},
    {"null", {GOOD, {"Origin", "null"}}, SO_GET, 403, NULL},
    {"two", {GOOD, {"Origin", "https://shop.example"}, {"Origin", "https://evil.example"}}, SO_GET, 403, NULL},
    {"a protocol", {GOOD, {"Sec-WebSocket-Protocol", "v2.chat"}}, SO_GET, 0, "v2.chat"},
    {"the client's first choice", {GOOD, {"Sec-WebSocket-Protocol", "v3.chat, v2.chat,v1.chat"}}, SO_GET, 0, "v2.chat"},
    {"over two lines",
     {GOOD, {"Sec-WebSocket-Protocol", "v3.chat"}, {"Sec-WebSocket-Protocol", "v1.chat"}},
     SO_GET,
     0,
     "v1.chat"},
    {"unknown ones", {GOOD, {"Sec-WebSocket-Protocol", "V1.CHAT"}}, SO_GET, 0, NULL},
    {"no token", {GOOD, {"Sec-WebSocket-Protocol", "v1.chat/2"}}, SO_GET, 400, NULL},
    {"an empty one", {GOOD, {"Sec-WebSocket-Protocol", "v1.chat,,v2.chat"}}, SO_GET, 400, NULL},
    {"nothing", {GOOD, {"Sec-WebSocket-Protocol", ""}}, SO_GET, 400, NULL},
    {"one twice", {GOOD, {"Sec-WebSocket-Protocol", "v1.chat, v1.chat"}}, SO_GET, 400, NULL},
    {"33",
     {GOOD, {"Sec-WebSocket-Protocol", "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z,A,B,C,D,E,F,G"}},
     SO_GET,
     400,
     NULL},
    {"a malformed extension", {GOOD, {"Sec-WebSocket-Extensions", "permessage-deflate;"}}, SO_GET, 400, NULL},
};

static void requests_are_judged(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct so_ws_handshake h;
        struct so_err err = SO_ERR_INIT;
        int rc = read_lines(CASES[i].lines, CASES[i].method, &h, &err);
        if (err.status != CASES[i].status || (rc == SO_OK) != (CASES[i].status == 0))
            fail_msg("%s: %d %s", CASES[i].label, err.status, err.message);
        if (rc != SO_OK)
            continue;
        assert_string_equal(h.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="); /* RFC 6455 section 1.3 */
        if ((CASES[i].protocol == NULL) != (h.protocol.p == NULL))
            fail_msg("%s", CASES[i].label);
        if (CASES[i].protocol != NULL)
            assert_str(h.protocol, CASES[i].protocol);
    }
}

#define PMD "permessage-deflate"
static const struct {
    const char *value, *want; /* want NULL: malformed, "": none accepted */
} OFFERS[] = {
    {PMD, PMD},
    {"x, " PMD, PMD},
    {PMD " ; client_max_window_bits", PMD},
    {PMD ";client_max_window_bits=8", PMD "; client_max_window_bits=8"},
    {PMD ";client_max_window_bits = \"15\"", PMD "; client_max_window_bits=15"},
    {PMD "; server_max_window_bits=9; server_no_context_takeover",
     PMD "; server_no_context_takeover; server_max_window_bits=9"},
    {PMD "; client_no_context_takeover", PMD "; client_no_context_takeover"},
    {PMD "; server_max_window_bits=8", ""}, /* zlib cannot */
    {PMD "; server_max_window_bits=8, " PMD "; server_max_window_bits=10", PMD "; server_max_window_bits=10"},
    {PMD "; server_max_window_bits=16", ""},
    {PMD "; server_max_window_bits=010", ""},
    {PMD "; server_max_window_bits=a", ""},
    {PMD "; server_max_window_bits", ""},
    {PMD "; client_no_context_takeover=true", ""},
    {PMD "; client_no_context_takeover; client_no_context_takeover", ""},
    {PMD "; x=y", ""},
    {"x-" PMD, ""},
    {"a;b;c=d;e=\"f\" , g", ""},
    {"", NULL},
    {",", NULL},
    {PMD ",", NULL},
    {PMD ";", NULL},
    {PMD "; a=", NULL},
    {PMD "; a=\"\"", NULL},
    {PMD "; a=\"b", NULL},
    {PMD "; a=\"b c\"", NULL},
    {PMD "; a=\"b\\\"\"", NULL},
    {PMD "; =8", NULL},
    {PMD " client_max_window_bits", NULL},
    {"a/b", NULL},
};

static void extensions_are_read_and_chosen(void **state)
{
    (void)state;
    const struct so_ws_deflate_rules rules = {.is_on = true, .keeps_window = true};
    for (size_t i = 0; i < COUNT_OF(OFFERS); i++) {
        struct so_ws_deflate_terms terms = {.is_on = false};
        char answer[SO_WS_EXTENSIONS_SIZE] = "";
        bool is_well_formed = so_ws_extensions_read(so_str_c(OFFERS[i].value), &rules, &terms);
        if (terms.is_on)
            so_ws_extensions_write(answer, &terms);
        if (is_well_formed != (OFFERS[i].want != NULL) || (is_well_formed && strcmp(answer, OFFERS[i].want) != 0))
            fail_msg("%s: %s \"%s\"", OFFERS[i].value, is_well_formed ? "well formed" : "malformed", answer);
    }
}

static void without_windows_kept_both_sides_are_told(void **state)
{
    (void)state;
    const struct so_ws_deflate_rules rules = {.is_on = true, .keeps_window = false}, off = {.is_on = false};
    struct so_ws_deflate_terms terms = {.is_on = false};
    char answer[SO_WS_EXTENSIONS_SIZE];
    assert_true(so_ws_extensions_read(SO_STR(PMD), &off, &terms));
    assert_false(terms.is_on);
    assert_true(so_ws_extensions_read(SO_STR(PMD), &rules, &terms));
    so_ws_extensions_write(answer, &terms);
    assert_string_equal(answer, PMD "; server_no_context_takeover; client_no_context_takeover");
}

static void out_of_memory_is_an_error(void **state)
{
    (void)state;
    const struct line lines[LINES_MAX] = {GOOD, {"Sec-WebSocket-Protocol", "v1.chat"}, {"Sec-WebSocket-Extensions", PMD}};
    bool failed = true;
    for (long n = 0; failed; n++) {
        struct so_ws_handshake h = {.accept = "untouched"};
        struct so_err err = SO_ERR_INIT;
        so_mem_fail_at(n);
        int rc = read_lines(lines, SO_GET, &h, &err);
        failed = so_mem_failed();
        so_mem_fail_at(-1);
        assert_int_equal(rc, failed ? SO_ENOMEM : SO_OK);
        assert_true(failed == (strcmp(h.accept, "untouched") == 0));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_judged),
        cmocka_unit_test(extensions_are_read_and_chosen),
        cmocka_unit_test(without_windows_kept_both_sides_are_told),
        cmocka_unit_test(out_of_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
