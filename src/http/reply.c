/* reply.c: status line, headers and body (RFC 9112 section 4, RFC 9110 sections 6.4.1, 6.6.1 and 8.6). */
#include <assert.h>
#include <time.h>

#include "core/clock.h"
#include "http/connection.h"

static const struct {
    int status;
    const char *reason;
} REASONS[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {207, "Multi-Status"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {424, "Failed Dependency"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

const char *so_http_reason(int status)
{
    for (size_t i = 0; i < COUNT_OF(REASONS); i++)
        if (REASONS[i].status == status)
            return REASONS[i].reason;
    return "Unknown"; /* RFC 9112 section 4: nobody reads it */
}

static struct so_http_call *call_of(struct so_http_exchange *x) { return SO_CONTAINER_OF(x, struct so_http_call, x); }

/* ---- what the handler adds ---- */

/* Sent by the server itself, once each. */
static bool is_servers_own(struct so_str name)
{
    static const struct so_str OWN[] = {SO_STR_INIT("Date"), SO_STR_INIT("Connection"), SO_STR_INIT("Content-Length"),
                                        SO_STR_INIT("Transfer-Encoding")};
    for (size_t i = 0; i < COUNT_OF(OWN); i++)
        if (name.n == OWN[i].n && so_str_eq_nocase(name, OWN[i]))
            return true;
    return false;
}

static bool is_clean(struct so_str value)
{
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] == '\r' || value.p[i] == '\n' || value.p[i] == '\0')
            return false;
    return true;
}

void so_http_reply_header(struct so_http_exchange *x, struct so_str name, struct so_str value)
{
    if (!so_http_is_token(name) || !is_clean(value) || is_servers_own(name))
        return;
    struct so_buf *lines = &call_of(x)->lines;
    so_buf_put_str(lines, name);
    so_buf_lit(lines, ": ");
    so_buf_put_str(lines, value);
    so_buf_lit(lines, "\r\n");
}

struct so_buf *so_http_reply_body(struct so_http_exchange *x) { return &call_of(x)->body_out; }

void so_http_reply_close(struct so_http_exchange *x) { call_of(x)->closes = true; }

/* ---- heads ---- */

/* IMF-fixdate (RFC 9110 section 5.6.7), rendered once a second. */
static void put_date(struct so_http_server *s, struct so_buf *out)
{
    static const char DAYS[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char MONTHS[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int64_t now = so_clock_now();
    if (now != s->date_at || s->date[0] == '\0') {
        struct tm tm = {0};
        const time_t seconds = (time_t)now;
        gmtime_r(&seconds, &tm);
        struct so_buf line = {.p = s->date, .cap = sizeof(s->date), .max = sizeof(s->date)};
        so_buf_printf(&line, "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n", DAYS[tm.tm_wday], tm.tm_mday,
                      MONTHS[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
        s->date_at = now;
    }
    so_buf_puts(out, s->date);
}

static void put_status_line(struct so_buf *out, int status)
{
    if (SO_LIKELY(status == 200)) {
        so_buf_lit(out, "HTTP/1.1 200 OK\r\n");
        return;
    }
    so_buf_lit(out, "HTTP/1.1 ");
    so_buf_put_u64(out, (uint64_t)status);
    so_buf_putc(out, ' ');
    so_buf_puts(out, so_http_reason(status));
    so_buf_lit(out, "\r\n");
}

static void put_length(struct so_buf *out, size_t n)
{
    so_buf_lit(out, "Content-Length: ");
    so_buf_put_u64(out, n);
    so_buf_lit(out, "\r\n");
}

/* ---- replies ---- */

void so_reply_refuse(struct so_http_conn *c, int status, const char *why)
{
    c->closes = true;
    struct so_buf *out = so_out_open(c);
    put_status_line(out, status);
    put_date(c->server, out);
    so_buf_lit(out, "Content-Type: application/json\r\nConnection: close\r\n");
    if (status == 503)
        so_buf_lit(out, "Retry-After: 1\r\n");
    put_length(out, strlen(why) + sizeof("{\"message\":\"\"}") - 1);
    so_buf_lit(out, "\r\n{\"message\":\"");
    so_buf_puts(out, why); /* our own sentences: nothing in them needs escaping */
    so_buf_lit(out, "\"}");
}

void so_reply_continue(struct so_http_conn *c) { so_buf_lit(so_out_open(c), "HTTP/1.1 100 Continue\r\n\r\n"); }

void so_reply_switching(struct so_http_call *call)
{
    struct so_buf *out = so_out_open(call->conn);
    put_status_line(out, 101);
    put_date(call->conn->server, out);
    so_buf_lit(out, "Connection: Upgrade\r\n");
    so_buf_put_str(out, so_buf_str(&call->lines));
    so_buf_lit(out, "\r\n");
}

/* A reply that could not be built is replaced by a short one. */
static int check_reply(struct so_http_call *call, int status)
{
    if (status >= 200 && status <= 599 && call->body_out.rc == SO_OK && call->lines.rc == SO_OK)
        return status;
    bool is_oom = call->body_out.rc == SO_ENOMEM || call->lines.rc == SO_ENOMEM;
    so_buf_deinit(&call->body_out);
    so_buf_reset(&call->lines);
    so_http_reply_header(&call->x, SO_STR("Content-Type"), SO_STR("application/json"));
    so_buf_puts(&call->body_out, is_oom ? "{\"message\":\"out of memory\"}" : "{\"message\":\"the reply is too large\"}");
    return 500;
}

void so_http_reply_send(struct so_http_exchange *x, int status)
{
    struct so_http_call *call = call_of(x);
    struct so_http_conn *c = call->conn;
    assert(c != NULL && c->call == call); /* a second reply to one request */
    if (c->state == CONN_CLOSED) {
        so_http_conn_end_call(c); /* the client has gone */
        return;
    }
    status = check_reply(call, status);
    c->closes = c->closes || call->closes || c->server->is_stopping;
    bool has_length = status != 204 && status != 304;
    struct so_str body = so_buf_str(&call->body_out);

    struct so_buf *out = so_out_open(c);
    put_status_line(out, status);
    put_date(c->server, out);
    if (has_length)
        put_length(out, body.n);
    if (c->closes)
        so_buf_lit(out, "Connection: close\r\n");
    else if (call->is_old)
        so_buf_lit(out, "Connection: keep-alive\r\n");
    so_buf_put_str(out, so_buf_str(&call->lines));
    so_buf_lit(out, "\r\n");
    if (has_length && x->req.method != SO_HEAD) {
        if (body.n <= BODY_COPY_MAX)
            so_buf_put_str(out, body);
        else
            so_out_flush_with(c, &call->body_out);
    }
    so_http_conn_end_call(c);
    so_http_conn_go_on(c);
}
