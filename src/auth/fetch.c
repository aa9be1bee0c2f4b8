/* fetch.c: HTTP through libcurl (curl_library.h): TLS only, no redirects, no proxies, bounded in size and time, and no way
 * to the inside of our own network (USERS.md: server-side request forgery). */
#include "auth/fetch.h"

#include <stdatomic.h>
#include <unistd.h>

#include "auth/address.h"
#include "auth/curl_library.h"
#include "core/buf.h"
#include "core/mem.h"
#include "json/json.h"

enum { CONNECT_MS = 5000, TOTAL_MS = 10000, URL_MAX = 8 * 1024, DEPTH_MAX = 32 };

struct fetcher {
    struct so_fetcher fetcher;
    bool private_allowed;
    char *ca_file;
    int concurrent_max;
    atomic_int concurrent;
};

/* One call. */
struct transfer {
    const struct fetcher *fetcher;
    bool is_plain; /* http:// */
    bool was_refused;
    struct so_buf body;
};

/* ---- what libcurl calls back ---- */

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct transfer *transfer = arg;
    bool is_public = so_address_is_public(&address->addr);
    (void)purpose;
    /* Without TLS only where nobody between could listen or lie. */
    if (is_public ? transfer->is_plain : !transfer->fetcher->private_allowed) {
        transfer->was_refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t take_bytes(char *bytes, size_t size, size_t count, void *arg)
{
    struct transfer *transfer = arg;
    so_buf_put(&transfer->body, bytes, size * count);
    return transfer->body.rc == SO_OK ? size * count : 0;
}

/* ---- one call ---- */

static struct curl_slist *make_headers(const struct so_fetch *what, struct so_arena *arena)
{
    struct so_str line = {NULL, 0};
    struct curl_slist *first = so_curl.slist_append(NULL, "Accept: application/json"), *list = first;
    if (what->authorization.p != NULL) {
        line = so_arena_printf(arena, "Authorization: %.*s", SO_STR_ARG(what->authorization));
        list = line.p == NULL || first == NULL ? NULL : so_curl.slist_append(first, line.p);
    }
    if (list == NULL)
        so_curl.slist_free_all(first);
    return list;
}

static int set_options(CURL *curl, const struct so_fetch *what, const char *url, struct curl_slist *headers,
                       struct transfer *transfer)
{
    const struct fetcher *fetcher = transfer->fetcher;
    const struct {
        CURLoption option;
        const char *text;
    } TEXTS[] = {
        {CURLOPT_URL, url},
        {CURLOPT_PROTOCOLS_STR, fetcher->private_allowed ? "https,http" : "https"},
        {CURLOPT_PROXY, ""},
        {CURLOPT_USERAGENT, "socle/" SOCLE_VERSION},
        {CURLOPT_CAINFO, fetcher->ca_file},
    };
    CURLcode rc = CURLE_OK;
    for (size_t i = 0; rc == CURLE_OK && i < COUNT_OF(TEXTS); i++)
        if (TEXTS[i].text != NULL)
            rc = so_curl.easy_setopt(curl, TEXTS[i].option, TEXTS[i].text);
    if (what->form.p != NULL) {
        so_curl.easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)what->form.n);
        so_curl.easy_setopt(curl, CURLOPT_POSTFIELDS, what->form.p);
    }
    so_curl.easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    so_curl.easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    so_curl.easy_setopt(curl, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    so_curl.easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    so_curl.easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    so_curl.easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)TOTAL_MS);
    so_curl.easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    so_curl.easy_setopt(curl, CURLOPT_OPENSOCKETDATA, transfer);
    so_curl.easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes);
    so_curl.easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
    return rc == CURLE_OK ? SO_OK : SO_ENOMEM;
}

/* `where` is scheme and host: the rest of a URL may hold what is nobody's business. */
static int explain(CURLcode code, const struct transfer *transfer, struct so_str where, struct so_err *err)
{
    if (transfer->was_refused) {
        so_fail(err, SO_EDENIED, "%.*s is on this machine or a private network, or is public and without TLS",
                SO_STR_ARG(where));
        so_err_hint(err, "SOCLE_OUTBOUND_PRIVATE=true allows servers of your own network");
        return SO_EDENIED;
    }
    if (transfer->body.rc == SO_ELIMIT)
        return so_fail(err, SO_ELIMIT, "%.*s answered with more than %d bytes", SO_STR_ARG(where), SO_FETCH_MAX);
    if (code == CURLE_OUT_OF_MEMORY || transfer->body.rc == SO_ENOMEM)
        return so_err_oom(err);
    if (code == CURLE_OPERATION_TIMEDOUT)
        return so_fail(err, SO_ETIMEOUT, "%.*s did not answer in time", SO_STR_ARG(where));
    if (code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT || code == CURLE_LOGIN_DENIED)
        return so_fail(err, SO_EDENIED, "%.*s may not be called: %s", SO_STR_ARG(where), so_curl.easy_strerror(code));
    return so_fail(err, SO_EIO, "%.*s could not be asked: %s", SO_STR_ARG(where), so_curl.easy_strerror(code));
}

static struct so_str host_of(struct so_str url)
{
    size_t host = so_str_find(url, SO_STR("://"));
    size_t path = host == SO_STR_NONE ? SO_STR_NONE : so_str_find_char(url, '/', host + 3);
    return so_str_slice(url, 0, so_min_size(path == SO_STR_NONE ? url.n : path, 200));
}

static int perform(CURL *curl, const struct so_fetch *what, struct transfer *transfer, struct so_arena *arena,
                   struct so_fetched *out, struct so_err *err)
{
    long status = 0;
    struct so_str url = so_arena_dup(arena, what->url);
    struct curl_slist *headers = make_headers(what, arena);
    if (url.p == NULL || headers == NULL || set_options(curl, what, url.p, headers, transfer) != SO_OK) {
        so_curl.slist_free_all(headers);
        return so_err_oom(err);
    }
    CURLcode code = so_curl.easy_perform(curl);
    so_curl.easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    so_curl.slist_free_all(headers);
    if (code != CURLE_OK)
        return explain(code, transfer, host_of(what->url), err);
    struct so_str body = so_arena_dup(arena, so_buf_str(&transfer->body));
    if (body.p == NULL)
        return so_err_oom(err);
    *out = (struct so_fetched){(int)status, body};
    return SO_OK;
}

static int fetch(struct so_fetcher *base, const struct so_fetch *what, struct so_arena *arena, struct so_fetched *out,
                 struct so_err *err)
{
    struct fetcher *fetcher = SO_CONTAINER_OF(base, struct fetcher, fetcher);
    struct transfer transfer = {.fetcher = fetcher, .is_plain = so_str_starts(what->url, SO_STR("http://"))};
    if (what->url.n > URL_MAX)
        return so_fail(err, SO_ELIMIT, "a URL has at most %d bytes", URL_MAX);
    if (atomic_fetch_add(&fetcher->concurrent, 1) >= fetcher->concurrent_max) {
        atomic_fetch_sub(&fetcher->concurrent, 1);
        return so_fail(err, SO_EBUSY, "too many calls to other servers are under way");
    }
    int rc = SO_ENOMEM;
    CURL *curl = so_curl.easy_init();
    so_buf_init(&transfer.body, SO_FETCH_MAX);
    if (curl == NULL)
        so_err_oom(err);
    else
        rc = perform(curl, what, &transfer, arena, out, err);
    so_curl.easy_cleanup(curl);
    so_buf_deinit(&transfer.body);
    atomic_fetch_sub(&fetcher->concurrent, 1);
    return rc;
}

/* ---- JSON ---- */

int so_fetch_json(struct so_fetcher *fetcher, const struct so_fetch *what, struct so_arena *arena, struct so_json *out,
                  struct so_err *err)
{
    const struct so_json_options options = {.depth_max = DEPTH_MAX};
    struct so_fetched fetched;
    struct so_err own = SO_ERR_INIT;
    struct so_str where = host_of(what->url);
    int rc = fetcher->fetch(fetcher, what, arena, &fetched, err);
    if (rc != SO_OK)
        return rc;
    if (fetched.status != 200)
        return so_fail(err, SO_EIO, "%.*s answered %d: %.*s", SO_STR_ARG(where), fetched.status,
                       SO_STR_ARG(so_str_slice(fetched.body, 0, 200)));
    rc = so_json_parse(arena, fetched.body, &options, out, &own);
    if (rc == SO_ENOMEM)
        return so_err_oom(err);
    if (rc != SO_OK)
        return so_fail(err, SO_EIO, "%.*s did not answer with JSON: %s", SO_STR_ARG(where), own.message);
    return SO_OK;
}

/* ---- open and close ---- */

int so_fetcher_open(const struct so_fetcher_settings *settings, struct so_fetcher **out, struct so_err *err)
{
    int rc = so_curl_load(err);
    if (rc != SO_OK)
        return rc;
    if (settings->ca_file != NULL && access(settings->ca_file, R_OK) != 0)
        return so_fail(err, SO_ENOTFOUND, "SOCLE_CA_FILE names %s, which cannot be read", settings->ca_file);
    struct fetcher *fetcher = so_calloc(1, sizeof(*fetcher));
    if (fetcher == NULL)
        return so_err_oom(err);
    fetcher->fetcher.fetch = fetch;
    fetcher->private_allowed = settings->private_allowed;
    fetcher->concurrent_max = settings->concurrent_max == 0 ? 1 : (int)settings->concurrent_max;
    if (settings->ca_file != NULL) {
        fetcher->ca_file = so_strndup(settings->ca_file, strlen(settings->ca_file));
        if (fetcher->ca_file == NULL) {
            so_free(fetcher);
            return so_err_oom(err);
        }
    }
    *out = &fetcher->fetcher;
    return SO_OK;
}

void so_fetcher_close(struct so_fetcher *base)
{
    if (base == NULL)
        return;
    struct fetcher *fetcher = SO_CONTAINER_OF(base, struct fetcher, fetcher);
    so_free(fetcher->ca_file);
    so_free(fetcher);
}
