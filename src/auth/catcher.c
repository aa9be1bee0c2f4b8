/* catcher.c: development's mailbox: the last mails, in memory, for whoever sits at this machine. */
#include <pthread.h>

#include "auth/mail.h"
#include "auth/text.h"
#include "core/clock.h"
#include "core/mem.h"
#include "json/write.h"

enum { KEPT = 50, MAIL_MAX = 1 << 20 };

struct caught {
    char *bytes; /* owned: the four texts one after the other */
    struct so_mail mail;
    int64_t at_us;
};

struct catcher {
    struct so_mailer mailer;
    pthread_mutex_t lock;
    struct caught kept[KEPT]; /* a ring */
    size_t count;             /* ever caught; the newest is at (count - 1) % KEPT */
};

static struct catcher *catcher_of(struct so_mailer *mailer) { return SO_CONTAINER_OF(mailer, struct catcher, mailer); }

static int copy_mail(const struct so_mail *mail, struct caught *out, struct so_err *err)
{
    const struct so_str *const from[] = {&mail->to, &mail->subject, &mail->text, &mail->html};
    struct so_str *const to[] = {&out->mail.to, &out->mail.subject, &out->mail.text, &out->mail.html};
    size_t total = 1, at = 0;
    for (size_t i = 0; i < COUNT_OF(from); i++)
        total += from[i]->n;
    out->bytes = total > MAIL_MAX ? NULL : so_malloc(total);
    if (out->bytes == NULL)
        return so_err_oom(err);
    for (size_t i = 0; i < COUNT_OF(from); i++) {
        if (from[i]->n > 0)
            memcpy(out->bytes + at, from[i]->p, from[i]->n);
        *to[i] = so_str(out->bytes + at, from[i]->n);
        at += from[i]->n;
    }
    out->at_us = so_clock_now_us();
    return SO_OK;
}

static int catch_mail(struct so_mailer *mailer, const struct so_mail *mail, struct so_err *err)
{
    struct catcher *catcher = catcher_of(mailer);
    struct caught caught = {0};
    int rc = copy_mail(mail, &caught, err);
    if (rc != SO_OK)
        return rc;
    pthread_mutex_lock(&catcher->lock);
    struct caught *slot = &catcher->kept[catcher->count++ % KEPT];
    char *old = slot->bytes;
    *slot = caught;
    pthread_mutex_unlock(&catcher->lock);
    so_free(old);
    return SO_OK;
}

int so_catcher_open(struct so_mailer **out, struct so_err *err)
{
    struct catcher *catcher = so_calloc(1, sizeof(*catcher));
    if (catcher == NULL)
        return so_err_oom(err);
    catcher->mailer.post = catch_mail;
    pthread_mutex_init(&catcher->lock, NULL);
    *out = &catcher->mailer;
    return SO_OK;
}

void so_catcher_close(struct so_mailer *mailer)
{
    if (mailer == NULL)
        return;
    struct catcher *catcher = catcher_of(mailer);
    for (size_t i = 0; i < KEPT; i++)
        so_free(catcher->kept[i].bytes);
    pthread_mutex_destroy(&catcher->lock);
    so_free(catcher);
}

/* ---- showing ---- */

static void put_json(const struct caught *caught, void *arg)
{
    struct so_jw *w = arg;
    char at[SO_AUTH_TIME_SIZE];
    so_auth_time(caught->at_us, at);
    so_jw_object(w);
    so_jw_member_cstr(w, "at", at);
    so_jw_member_str(w, "to", caught->mail.to);
    so_jw_member_str(w, "subject", caught->mail.subject);
    so_jw_member_str(w, "text", caught->mail.text);
    so_jw_member_str(w, "html", caught->mail.html);
    so_jw_end_object(w);
}

/* The text with its links made links.  Our templates put each on a line of its own. */
static void put_text(struct so_buf *out, struct so_str text)
{
    for (struct so_str line; so_str_split(&text, '\n', &line);) {
        bool link = so_str_starts(line, SO_STR("http://")) || so_str_starts(line, SO_STR("https://"));
        if (link) {
            so_buf_lit(out, "<a href=\"");
            so_html_put(out, so_str_trim(line));
            so_buf_lit(out, "\">");
        }
        so_html_put(out, line);
        so_buf_puts(out, link ? "</a>\n" : "\n");
    }
}

static void put_html(const struct caught *caught, void *arg)
{
    struct so_buf *out = arg;
    char at[SO_AUTH_TIME_SIZE];
    so_auth_time(caught->at_us, at);
    so_buf_lit(out, "<article><h2>");
    so_html_put(out, caught->mail.subject);
    so_buf_lit(out, "</h2><p>to <b>");
    so_html_put(out, caught->mail.to);
    so_buf_printf(out, "</b>, %.19s UTC</p><pre>", at);
    put_text(out, caught->mail.text);
    so_buf_lit(out, "</pre></article>\n");
}

static void each(struct so_mailer *mailer, void (*put)(const struct caught *caught, void *arg), void *arg)
{
    struct catcher *catcher = catcher_of(mailer);
    pthread_mutex_lock(&catcher->lock);
    for (size_t i = 0; i < so_min_size(catcher->count, KEPT); i++)
        put(&catcher->kept[(catcher->count - 1 - i) % KEPT], arg);
    pthread_mutex_unlock(&catcher->lock);
}

void so_catcher_put_json(struct so_mailer *mailer, struct so_buf *out)
{
    struct so_jw w;
    so_jw_init(&w, out);
    so_jw_array(&w);
    each(mailer, put_json, &w);
    so_jw_end_array(&w);
}

void so_catcher_put_html(struct so_mailer *mailer, struct so_buf *out)
{
    so_buf_lit(out, "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Mail caught in development</title>"
                    "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}"
                    "article{border-top:1px solid #ccc}pre{white-space:pre-wrap;overflow-wrap:anywhere}</style>"
                    "<h1>Mail caught in development</h1><p>The newest first; nothing of this was sent.</p>\n");
    each(mailer, put_html, out);
}
