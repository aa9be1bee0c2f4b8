/* route_static.c: files of DIR/public, read on a worker.
 * The decoded path is refused when a segment is "..", begins with '.', or holds a NUL or backslash, so nothing outside is
 * named; O_NOFOLLOW on the last segment and a check that the file is a regular one keep links and devices out. */
#include "app/internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http/url.h"

enum { STATIC_PATH_MAX = 4096 };

struct call {
    struct so_app_loop *on;
    struct so_http_exchange *x;
    struct so_work work;
    const char *file;
    struct so_str etag;
    int status;
};

static struct so_str type_of(struct so_str path)
{
    static const struct {
        struct so_str suffix, type;
    } TYPES[] = {
        {SO_STR_INIT(".html"), SO_STR_INIT("text/html; charset=utf-8")},
        {SO_STR_INIT(".js"), SO_STR_INIT("text/javascript; charset=utf-8")},
        {SO_STR_INIT(".mjs"), SO_STR_INIT("text/javascript; charset=utf-8")},
        {SO_STR_INIT(".css"), SO_STR_INIT("text/css; charset=utf-8")},
        {SO_STR_INIT(".json"), SO_STR_INIT("application/json")},
        {SO_STR_INIT(".svg"), SO_STR_INIT("image/svg+xml")},
        {SO_STR_INIT(".png"), SO_STR_INIT("image/png")},
        {SO_STR_INIT(".jpg"), SO_STR_INIT("image/jpeg")},
        {SO_STR_INIT(".webp"), SO_STR_INIT("image/webp")},
        {SO_STR_INIT(".ico"), SO_STR_INIT("image/x-icon")},
        {SO_STR_INIT(".woff2"), SO_STR_INIT("font/woff2")},
        {SO_STR_INIT(".wasm"), SO_STR_INIT("application/wasm")},
        {SO_STR_INIT(".txt"), SO_STR_INIT("text/plain; charset=utf-8")},
    };
    for (size_t i = 0; i < COUNT_OF(TYPES); i++)
        if (so_str_ends(path, TYPES[i].suffix))
            return TYPES[i].type;
    return SO_STR("application/octet-stream");
}

static bool is_safe(struct so_str path)
{
    struct so_str rest = so_str_slice(path, 1, path.n), segment;
    while (so_str_split(&rest, '/', &segment)) {
        if (segment.n > 0 && segment.p[0] == '.')
            return false;
        for (size_t i = 0; i < segment.n; i++)
            if (segment.p[i] == '\0' || segment.p[i] == '\\')
                return false;
    }
    return path.n < STATIC_PATH_MAX;
}

static int read_into(int fd, size_t size, struct so_buf *body)
{
    for (size_t done = 0; done < size;) {
        char *to = so_buf_reserve(body, size - done);
        ssize_t got = to == NULL ? -1 : read(fd, to, size - done);
        if (got <= 0)
            return 500; /* cut short while we read it, or larger than SOCLE_REPLY_MAX */
        body->len += (size_t)got;
        done += (size_t)got;
    }
    return 200;
}

static void work(struct so_work *w)
{
    struct call *c = SO_CONTAINER_OF(w, struct call, work);
    c->status = 404;
    int fd = open(c->file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return;
    struct stat info;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) {
        c->etag = so_arena_printf(c->x->arena, "\"%llx-%llx%09lx\"", (unsigned long long)info.st_size,
                                  (unsigned long long)info.st_mtim.tv_sec, (unsigned long)info.st_mtim.tv_nsec);
        bool same = c->etag.p != NULL && so_str_eq(so_http_header(&c->x->req, SO_STR("If-None-Match")), c->etag);
        c->status = same ? 304 : read_into(fd, (size_t)info.st_size, so_http_reply_body(c->x));
    }
    close(fd);
}

static const char *where_the_doors_are(const struct so_app_loop *on, const struct so_http_exchange *x)
{
    return so_arena_printf(x->arena, "the data API is at %s/, accounts at /auth/v1/", on->app->config->rest_path).p;
}

static void work_done(struct so_work *w)
{
    struct call *c = SO_CONTAINER_OF(w, struct call, work);
    if (c->status >= 400) {
        so_buf_reset(so_http_reply_body(c->x));
        so_app_reply_error(c->x, c->status, c->status == 404 ? "not_found" : "unexpected_failure",
                           c->status == 404 ? "there is nothing at this path" : "the file could not be read",
                           c->status == 404 ? where_the_doors_are(c->on, c->x) : NULL);
        return;
    }
    so_http_reply_header(c->x, SO_STR("Content-Type"), type_of(so_str_c(c->file)));
    so_http_reply_header(c->x, SO_STR("X-Content-Type-Options"), SO_STR("nosniff"));
    so_http_reply_header(c->x, SO_STR("Cache-Control"),
                         SO_STR("no-cache")); /* may keep it, must ask again: the ETag answers */
    if (c->etag.p != NULL)
        so_http_reply_header(c->x, SO_STR("ETag"), c->etag);
    so_http_reply_send(c->x, c->status);
}

void so_app_static(struct so_app_loop *on, struct so_http_exchange *x)
{
    struct so_str path;
    if (x->req.method != SO_GET && x->req.method != SO_HEAD) {
        so_app_reply_error(x, 404, "not_found", "there is nothing at this path", where_the_doors_are(on, x));
        return;
    }
    struct call *c = so_alloc_zero(x->arena, sizeof(*c));
    if (c == NULL || so_http_decode(x->arena, x->req.path, false, &path) != SO_OK || path.n == 0 || !is_safe(path)) {
        so_app_reply_error(x, 400, "bad_path", "the path cannot be a file's", NULL);
        return;
    }
    struct so_str file = so_arena_printf(x->arena, "%s/public%.*s%s", on->app->config->dir, SO_STR_ARG(path),
                                         path.p[path.n - 1] == '/' ? "index.html" : "");
    struct so_err err = SO_ERR_INIT;
    *c = (struct call){.on = on, .x = x, .file = file.p, .work = {.work = work, .done = work_done}};
    if (file.p == NULL)
        so_app_reply_error(x, 503, "53200", "out of memory", NULL);
    else if (so_loop_work(on->loop, &c->work, &err) != SO_OK)
        so_app_reply_err(x, &err);
}
