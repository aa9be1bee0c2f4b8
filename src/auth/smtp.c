/* smtp.c: mail through libcurl (curl_library.h), on a thread of its own.
 *
 *   enqueue() --copy--> queue --> one thread --> SMTP server        two tries, each bounded in time
 *
 * The queue is in memory: a mail that a crash takes along is asked for again by whoever waits for it. */
#include <errno.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "auth/curl_library.h"
#include "auth/mail.h"
#include "core/clock.h"
#include "core/mem.h"

enum {
    QUEUE_MAX = 256, /* mails */
    MESSAGE_MAX = 1 << 20,
    CONNECT_MS = 5000,
    SEND_MS = 15000,
    TRIES = 2,
    AGAIN_AFTER_MS = 2000,
    CLOSE_MS = 5000 /* after close(): what waits is sent this long */
};

struct letter {
    struct letter *next;
    char *to;
    char *message; /* the whole of RFC 5322 */
    size_t length;
};

struct smtp {
    struct so_mailer mailer;
    struct so_smtp_settings settings; /* its texts are owned */
    bool plain_allowed;               /* the server is this machine */
    char *envelope_from;
    CURL *curl;
    pthread_t thread;
    bool started;

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t changed;
    struct letter *first, **last;
    size_t count;
    bool closing;
    int64_t give_up_ns; /* with closing */
};

static struct smtp *smtp_of(struct so_mailer *mailer) { return SO_CONTAINER_OF(mailer, struct smtp, mailer); }

static void free_letter(struct letter *letter)
{
    if (letter == NULL)
        return;
    if (letter->message != NULL)
        explicit_bzero(letter->message, letter->length); /* it holds a code */
    so_free(letter->message);
    so_free(letter->to);
    so_free(letter);
}

/* ---- queueing ---- */

static int make_letter(struct smtp *smtp, const struct so_mail *mail, struct letter **out, struct so_err *err)
{
    struct so_buf text;
    struct letter *letter = so_calloc(1, sizeof(*letter));
    if (letter == NULL)
        return so_err_oom(err);
    so_buf_init(&text, MESSAGE_MAX);
    int rc = so_mail_format(mail, so_str_c(smtp->settings.from), so_clock_now(), &text, err);
    if (rc == SO_OK)
        letter->message = so_buf_take(&text, &letter->length);
    so_buf_deinit(&text);
    letter->to = rc == SO_OK ? so_strndup(mail->to.p, mail->to.n) : NULL;
    if (rc == SO_OK && letter->to == NULL)
        rc = so_err_oom(err);
    if (rc != SO_OK)
        free_letter(letter);
    else
        *out = letter;
    return rc;
}

static int enqueue(struct so_mailer *mailer, const struct so_mail *mail, struct so_err *err)
{
    struct smtp *smtp = smtp_of(mailer);
    struct letter *letter = NULL;
    int rc = make_letter(smtp, mail, &letter, err);
    if (rc != SO_OK)
        return rc;
    pthread_mutex_lock(&smtp->lock);
    bool room = smtp->count < QUEUE_MAX && !smtp->closing;
    if (room) {
        *smtp->last = letter;
        smtp->last = &letter->next;
        smtp->count++;
        pthread_cond_signal(&smtp->changed);
    }
    pthread_mutex_unlock(&smtp->lock);
    if (room)
        return SO_OK;
    free_letter(letter);
    return so_fail(err, SO_EBUSY, "%d mails are waiting already", QUEUE_MAX);
}

/* ---- sending ---- */

struct source {
    const struct letter *letter;
    size_t at;
};

static size_t read_message(char *to, size_t size, size_t count, void *arg)
{
    struct source *source = arg;
    size_t n = so_min_size(size * count, source->letter->length - source->at);
    memcpy(to, source->letter->message + source->at, n);
    source->at += n;
    return n;
}

static int set_options(struct smtp *smtp, CURL *curl, struct curl_slist *to, struct source *source)
{
    const struct so_smtp_settings *s = &smtp->settings;
    so_curl.easy_reset(curl); /* keeps the connection */
    CURLcode rc = so_curl.easy_setopt(curl, CURLOPT_URL, s->url);
    if (rc == CURLE_OK)
        rc = so_curl.easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    if (rc == CURLE_OK && s->ca_file != NULL)
        rc = so_curl.easy_setopt(curl, CURLOPT_CAINFO, s->ca_file);
    if (rc == CURLE_OK && s->user != NULL)
        rc = so_curl.easy_setopt(curl, CURLOPT_USERNAME, s->user);
    if (rc == CURLE_OK && s->password != NULL)
        rc = so_curl.easy_setopt(curl, CURLOPT_PASSWORD, s->password);
    if (rc == CURLE_OK)
        rc = so_curl.easy_setopt(curl, CURLOPT_MAIL_FROM, smtp->envelope_from);
    if (rc == CURLE_OK)
        rc = so_curl.easy_setopt(curl, CURLOPT_USE_SSL, (long)(smtp->plain_allowed ? CURLUSESSL_TRY : CURLUSESSL_ALL));
    if (rc == CURLE_OK)
        rc = so_curl.easy_setopt(curl, CURLOPT_PROXY, "");
    so_curl.easy_setopt(curl, CURLOPT_MAIL_RCPT, to);
    so_curl.easy_setopt(curl, CURLOPT_READFUNCTION, read_message);
    so_curl.easy_setopt(curl, CURLOPT_READDATA, source);
    so_curl.easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    so_curl.easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    so_curl.easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    so_curl.easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)SEND_MS);
    return rc == CURLE_OK ? SO_OK : SO_ENOMEM;
}

static int transfer(struct smtp *smtp, const struct letter *letter, struct so_err *err)
{
    struct source source = {letter, 0};
    struct curl_slist *to = so_curl.slist_append(NULL, letter->to);
    if (to == NULL || set_options(smtp, smtp->curl, to, &source) != SO_OK) {
        so_curl.slist_free_all(to);
        return so_err_oom(err);
    }
    long answer = 0;
    CURLcode code = so_curl.easy_perform(smtp->curl);
    so_curl.easy_getinfo(smtp->curl, CURLINFO_RESPONSE_CODE, &answer);
    so_curl.easy_setopt(smtp->curl, CURLOPT_MAIL_RCPT, NULL);
    so_curl.slist_free_all(to);
    return code == CURLE_OK
               ? SO_OK
               : so_fail(err, SO_EIO, "a mail was not sent: %s (last answer %ld)", so_curl.easy_strerror(code), answer);
}

/* Waits for the next letter.  NULL: it is time to end. */
static struct letter *next_letter(struct smtp *smtp)
{
    pthread_mutex_lock(&smtp->lock);
    while (smtp->first == NULL && !smtp->closing)
        pthread_cond_wait(&smtp->changed, &smtp->lock);
    struct letter *letter = smtp->first;
    if (letter != NULL && smtp->closing && so_clock_mono_ns() > smtp->give_up_ns)
        letter = NULL;
    if (letter != NULL) {
        smtp->first = letter->next;
        smtp->last = smtp->first == NULL ? &smtp->first : smtp->last;
        smtp->count--;
    }
    pthread_mutex_unlock(&smtp->lock);
    return letter;
}

/* Less when the service closes meanwhile. */
static void pause_before_next_try(struct smtp *smtp)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += AGAIN_AFTER_MS / 1000;
    pthread_mutex_lock(&smtp->lock);
    while (!smtp->closing && pthread_cond_timedwait(&smtp->changed, &smtp->lock, &until) != ETIMEDOUT)
        continue;
    pthread_mutex_unlock(&smtp->lock);
}

static void *run(void *arg)
{
    struct smtp *smtp = arg;
    for (struct letter *letter; (letter = next_letter(smtp)) != NULL; free_letter(letter)) {
        struct so_err err = SO_ERR_INIT;
        int rc = transfer(smtp, letter, &err);
        for (int i = 1; rc != SO_OK && i < TRIES; i++) {
            pause_before_next_try(smtp);
            err = SO_ERR_INIT;
            rc = transfer(smtp, letter, &err);
        }
        if (rc != SO_OK && smtp->settings.failed != NULL)
            smtp->settings.failed(smtp->settings.arg, &err);
    }
    return NULL;
}

/* ---- open and close ---- */

static bool copy(const char **text)
{
    if (*text == NULL)
        return true;
    *text = so_strndup(*text, strlen(*text));
    return *text != NULL;
}

/* A mail and a password travel in clear text to a server on this machine only. */
static bool is_loopback(struct so_str url)
{
    static const char *const HOSTS[] = {"127.0.0.1", "localhost", "[::1]"};
    struct so_str host = so_str_slice(url, 7, url.n);
    for (size_t i = 0; i < COUNT_OF(HOSTS); i++) {
        struct so_str name = so_str_c(HOSTS[i]);
        if (so_str_starts(host, name) && (host.n == name.n || host.p[name.n] == ':' || host.p[name.n] == '/'))
            return true;
    }
    return false;
}

static int set_up(struct smtp *smtp, struct so_err *err)
{
    struct so_smtp_settings *s = &smtp->settings;
    struct so_str url = so_str_c(s->url), name, address;
    if (!so_str_starts(url, SO_STR("smtp://")) && !so_str_starts(url, SO_STR("smtps://")))
        return so_fail(err, SO_EINVAL, "SOCLE_SMTP_URL must begin with smtp:// or smtps://");
    if (!so_mail_sender(so_str_c(s->from), &name, &address))
        return so_fail(err, SO_EINVAL, "SOCLE_MAIL_FROM must be \"Name <address>\" or an address");
    if (s->ca_file != NULL && access(s->ca_file, R_OK) != 0)
        return so_fail(err, SO_ENOTFOUND, "SOCLE_CA_FILE names %s, which cannot be read", s->ca_file);
    smtp->plain_allowed = so_str_starts(url, SO_STR("smtp://")) && is_loopback(url);
    smtp->envelope_from = so_strndup(address.p, address.n);
    smtp->curl = so_curl.easy_init();
    if (smtp->envelope_from == NULL || smtp->curl == NULL)
        return so_err_oom(err);
    if (pthread_create(&smtp->thread, NULL, run, smtp) != 0)
        return so_fail(err, SO_EIO, "cannot start the thread that sends mail");
    smtp->started = true;
    return SO_OK;
}

int so_smtp_open(const struct so_smtp_settings *settings, struct so_mailer **out, struct so_err *err)
{
    int rc = so_curl_load(err);
    if (rc != SO_OK)
        return rc;
    struct smtp *smtp = so_calloc(1, sizeof(*smtp));
    if (smtp == NULL)
        return so_err_oom(err);
    smtp->mailer.post = enqueue;
    smtp->last = &smtp->first;
    pthread_mutex_init(&smtp->lock, NULL);
    pthread_cond_init(&smtp->changed, NULL);
    smtp->settings = (struct so_smtp_settings){.failed = settings->failed, .arg = settings->arg};
    const struct {
        const char **to, *from;
    } texts[] = {{&smtp->settings.url, settings->url},
                 {&smtp->settings.user, settings->user},
                 {&smtp->settings.password, settings->password},
                 {&smtp->settings.ca_file, settings->ca_file},
                 {&smtp->settings.from, settings->from == NULL ? "" : settings->from}};
    for (size_t i = 0; rc == SO_OK && i < COUNT_OF(texts); i++) {
        *texts[i].to = texts[i].from;
        if (!copy(texts[i].to))
            rc = so_err_oom(err);
    }
    if (rc == SO_OK)
        rc = set_up(smtp, err);
    if (rc != SO_OK)
        so_smtp_close(&smtp->mailer);
    else
        *out = &smtp->mailer;
    return rc;
}

void so_smtp_close(struct so_mailer *mailer)
{
    if (mailer == NULL)
        return;
    struct smtp *smtp = smtp_of(mailer);
    pthread_mutex_lock(&smtp->lock);
    smtp->closing = true;
    smtp->give_up_ns = so_clock_mono_ns() + (int64_t)CLOSE_MS * 1000000;
    pthread_cond_broadcast(&smtp->changed);
    pthread_mutex_unlock(&smtp->lock);
    if (smtp->started)
        pthread_join(smtp->thread, NULL);
    for (struct letter *letter = smtp->first, *next; letter != NULL; letter = next) {
        next = letter->next;
        free_letter(letter);
    }
    so_curl.easy_cleanup(smtp->curl);
    so_free((void *)(uintptr_t)smtp->settings.url);
    so_free((void *)(uintptr_t)smtp->settings.user);
    so_free((void *)(uintptr_t)smtp->settings.ca_file);
    if (smtp->settings.password != NULL)
        explicit_bzero((void *)(uintptr_t)smtp->settings.password, strlen(smtp->settings.password));
    so_free((void *)(uintptr_t)smtp->settings.password);
    so_free((void *)(uintptr_t)smtp->settings.from);
    so_free(smtp->envelope_from);
    pthread_cond_destroy(&smtp->changed);
    pthread_mutex_destroy(&smtp->lock);
    so_free(smtp);
}
