/* mail.c: the text of a message (RFC 5322, RFC 2045-2047). */
#include "auth/mail.h"

#include <time.h>

#include "auth/text.h"
#include "core/random.h"
#include "crypto/base64.h"

bool so_mail_sender(struct so_str text, struct so_str *out_name, struct so_str *out_address)
{
    struct so_str name = {"", 0}, address = so_str_trim(text), lower;
    struct so_arena arena;
    size_t open = so_str_find_char(address, '<', 0);
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < ' ' || text.p[i] == '"' || text.p[i] == '\\')
            return false;
    if (open != SO_STR_NONE) {
        if (!so_str_ends(address, SO_STR(">")))
            return false;
        name = so_str_trim(so_str_slice(address, 0, open));
        address = so_str_slice(address, open + 1, address.n - 1);
    }
    so_arena_init(&arena, 1 << 16);
    bool ok = so_auth_email(address, &arena, &lower);
    so_arena_deinit(&arena);
    if (ok) {
        *out_name = name;
        *out_address = address;
    }
    return ok;
}

static bool is_ascii(struct so_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x7F || (unsigned char)s.p[i] < ' ')
            return false;
    return true;
}

/* Unstructured text of a header: as it is, or in encoded words of whole characters (RFC 2047 section 2: 75 characters). */
static void put_words(struct so_buf *out, struct so_str s)
{
    enum { BYTES_PER_WORD = 45 };
    if (is_ascii(s)) {
        so_buf_put_str(out, s);
        return;
    }
    for (size_t from = 0; from < s.n;) {
        size_t to = so_min_size(from + BYTES_PER_WORD, s.n);
        while (to < s.n && to > from + 1 && ((unsigned char)s.p[to] & 0xC0) == 0x80)
            to--;
        so_buf_puts(out, from == 0 ? "=?UTF-8?B?" : "\r\n =?UTF-8?B?");
        so_base64_put(out, so_str_slice(s, from, to));
        so_buf_lit(out, "?=");
        from = to;
    }
}

static void put_part(struct so_buf *out, const char *boundary, const char *type, struct so_str text)
{
    enum { BYTES_PER_LINE = 57 }; /* 76 characters */
    so_buf_printf(out, "--%s\r\nContent-Type: %s; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n", boundary,
                  type);
    for (size_t from = 0; from < text.n; from += BYTES_PER_LINE) {
        so_base64_put(out, so_str_slice(text, from, from + BYTES_PER_LINE));
        so_buf_lit(out, "\r\n");
    }
}

static int put_date(struct so_buf *out, int64_t now, struct so_err *err)
{
    static const char *const DAYS[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const MONTHS[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)now;
    struct tm t;
    if (gmtime_r(&seconds, &t) == NULL)
        return so_fail(err, SO_EINVAL, "the clock is out of range");
    so_buf_printf(out, "Date: %s, %02d %s %d %02d:%02d:%02d +0000\r\n", DAYS[t.tm_wday], t.tm_mday, MONTHS[t.tm_mon],
                  t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
    return SO_OK;
}

int so_mail_format(const struct so_mail *mail, struct so_str from, int64_t now, struct so_buf *out, struct so_err *err)
{
    struct so_str name, address;
    char id[37], boundary[37];
    if (!so_mail_sender(from, &name, &address))
        return so_fail(err, SO_EINVAL, "the sender is neither \"Name <address>\" nor an address");
    for (size_t i = 0; i < mail->subject.n; i++)
        if (mail->subject.p[i] == '\r' || mail->subject.p[i] == '\n')
            return so_fail(err, SO_EINVAL, "a subject has one line");
    int rc = put_date(out, now, err);
    if (rc != SO_OK)
        return rc;
    so_random_uuid(id);
    so_random_uuid(boundary);
    so_buf_lit(out, "From: ");
    put_words(out, name);
    so_buf_printf(out, "%s<%.*s>\r\nTo: <%.*s>\r\nSubject: ", name.n > 0 ? " " : "", SO_STR_ARG(address),
                  SO_STR_ARG(mail->to));
    put_words(out, mail->subject);
    so_buf_printf(out, "\r\nMessage-ID: <%s%.*s>\r\n", id,
                  SO_STR_ARG(so_str_slice(address, so_str_find_char(address, '@', 0), address.n)));
    so_buf_printf(out,
                  "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
                  "Content-Type: multipart/alternative; boundary=\"%s\"\r\n\r\n",
                  boundary);
    put_part(out, boundary, "text/plain", mail->text);
    put_part(out, boundary, "text/html", mail->html);
    so_buf_printf(out, "--%s--\r\n", boundary);
    return so_buf_check(out, "the mail", err);
}

void so_html_put(struct so_buf *out, struct so_str s)
{
    for (size_t i = 0; i < s.n; i++)
        switch (s.p[i]) {
        case '&': so_buf_lit(out, "&amp;"); break;
        case '<': so_buf_lit(out, "&lt;"); break;
        case '>': so_buf_lit(out, "&gt;"); break;
        case '"': so_buf_lit(out, "&quot;"); break;
        case '\'': so_buf_lit(out, "&#39;"); break;
        default: so_buf_putc(out, s.p[i]);
        }
}
