/* discovery.c: the document /.well-known/openid-configuration of an issuer. */
#include "auth/discovery.h"

#include "core/buf.h"
#include "core/mem.h"
#include "json/json.h"
#include "json/write.h"

enum { FRESH_S = 3600, RETRY_S = 30 };

void so_discovery_init(struct so_discovery *discovery)
{
    *discovery = (struct so_discovery){0};
    pthread_mutex_init(&discovery->lock, NULL);
}

void so_discovery_deinit(struct so_discovery *discovery)
{
    so_free(discovery->document);
    pthread_mutex_destroy(&discovery->lock);
}

/* ---- what it says ---- */

static bool has_method(const struct so_json *methods, const char *name)
{
    for (size_t i = 0; methods != NULL && methods->type == SO_JSON_ARRAY && i < methods->len; i++)
        if (methods->u.items[i].type == SO_JSON_STRING && so_str_eq_c(so_json_str(&methods->u.items[i]), name))
            return true;
    return false;
}

static int read_document(const struct so_json *doc, struct so_str issuer, struct so_discovered *out, struct so_err *err)
{
    const struct so_json *methods = so_json_get(doc, SO_STR("token_endpoint_auth_methods_supported"));
    struct so_str said = so_json_get_str(doc, SO_STR("issuer"));
    if (!so_str_eq(said, issuer)) {
        so_fail(err, SO_EDENIED, "the configuration of %.*s is that of the issuer \"%.*s\"", SO_STR_ARG(issuer),
                SO_STR_ARG(so_str_slice(so_str(said.p == NULL ? "" : said.p, said.n), 0, 200)));
        so_err_hint(err, "set the issuer exactly as the document has it, a slash at the end included");
        return SO_EDENIED;
    }
    *out = (struct so_discovered){
        .authorization = so_json_get_str(doc, SO_STR("authorization_endpoint")),
        .token = so_json_get_str(doc, SO_STR("token_endpoint")),
        .userinfo = so_json_get_str(doc, SO_STR("userinfo_endpoint")),
        .jwks = so_json_get_str(doc, SO_STR("jwks_uri")),
        .takes_basic = methods == NULL || has_method(methods, "client_secret_basic"), /* the default, section 3 */
        .takes_post = has_method(methods, "client_secret_post"),
    };
    if (out->jwks.n == 0)
        return so_fail(err, SO_EINVAL, "the configuration of %.*s names no jwks_uri", SO_STR_ARG(issuer));
    return SO_OK;
}

/* ---- keeping it ---- */

static int fetch(struct so_str issuer, struct so_fetcher *fetcher, struct so_arena *arena, struct so_json *out,
                 struct so_err *err)
{
    while (so_str_ends(issuer, SO_STR("/")))
        issuer.n--;
    struct so_str url = so_arena_printf(arena, "%.*s/.well-known/openid-configuration", SO_STR_ARG(issuer));
    return url.p == NULL ? so_err_oom(err) : so_fetch_json(fetcher, &(struct so_fetch){.url = url}, arena, out, err);
}

/* A copy of what is kept, in the arena; p == NULL when there is nothing, or when it is old and may be fetched again. */
static struct so_str take_kept(struct so_discovery *discovery, int64_t now, bool may_be_old, struct so_arena *arena)
{
    struct so_str copy = {NULL, 0};
    pthread_mutex_lock(&discovery->lock);
    bool is_fresh = now >= discovery->read_at && now - discovery->read_at < FRESH_S;
    bool was_tried = now >= discovery->tried_at && now - discovery->tried_at < RETRY_S;
    if (discovery->document != NULL && (is_fresh || was_tried || may_be_old))
        copy = so_arena_dup(arena, so_str(discovery->document, discovery->length));
    else
        discovery->tried_at = now;
    pthread_mutex_unlock(&discovery->lock);
    return copy;
}

static void keep(struct so_discovery *discovery, const struct so_json *doc, int64_t now)
{
    struct so_buf text;
    so_buf_init(&text, SO_FETCH_MAX);
    so_json_put(&text, doc);
    if (text.rc == SO_OK) { /* when memory runs out it is fetched again */
        pthread_mutex_lock(&discovery->lock);
        so_free(discovery->document);
        discovery->document = so_buf_take(&text, &discovery->length);
        discovery->read_at = now;
        pthread_mutex_unlock(&discovery->lock);
    }
    so_buf_deinit(&text);
}

int so_discovery_take(struct so_discovery *discovery, struct so_str issuer, struct so_fetcher *fetcher, int64_t now,
                      struct so_arena *arena, struct so_discovered *out, struct so_err *err)
{
    struct so_json *doc = so_alloc(arena, sizeof(*doc));
    struct so_err own = SO_ERR_INIT;
    struct so_str kept = take_kept(discovery, now, false, arena);
    if (doc == NULL)
        return so_err_oom(err);
    if (kept.p == NULL) {
        int rc = fetch(issuer, fetcher, arena, doc, &own);
        if (rc == SO_OK)
            rc = read_document(doc, issuer, out, &own);
        if (rc == SO_OK) {
            keep(discovery, doc, now);
            return SO_OK;
        }
        kept = take_kept(discovery, now, true, arena);
        if (kept.p == NULL) {
            if (err != NULL && err->code == SO_OK)
                *err = own;
            return rc;
        }
    }
    int rc = so_json_parse(arena, kept, NULL, doc, err);
    return rc == SO_OK ? read_document(doc, issuer, out, err) : rc;
}
