/* curl_library.c: dlopen() of libcurl by the name of its ABI, which has been 4 since 2006. */
#include "auth/curl_library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

struct so_curl so_curl;

static const char *const NAMES[] = {"libcurl.so.4", "libcurl.4.dylib", "libcurl.so"};

static const struct {
    const char *name;
    size_t at; /* offset of the pointer in struct so_curl */
} FUNCTIONS[] = {
    {"curl_easy_init", offsetof(struct so_curl, easy_init)},
    {"curl_easy_reset", offsetof(struct so_curl, easy_reset)},
    {"curl_easy_setopt", offsetof(struct so_curl, easy_setopt)},
    {"curl_easy_perform", offsetof(struct so_curl, easy_perform)},
    {"curl_easy_getinfo", offsetof(struct so_curl, easy_getinfo)},
    {"curl_easy_cleanup", offsetof(struct so_curl, easy_cleanup)},
    {"curl_easy_strerror", offsetof(struct so_curl, easy_strerror)},
    {"curl_slist_append", offsetof(struct so_curl, slist_append)},
    {"curl_slist_free_all", offsetof(struct so_curl, slist_free_all)},
};
_Static_assert(COUNT_OF(FUNCTIONS) * sizeof(void *) == sizeof(struct so_curl), "every function is looked up");

static bool is_loaded;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* POSIX lets a pointer that dlsym() gives be a function's; ISO C has no cast for it, so the bytes are copied. */
static bool find(void *library, const char *name, void *out)
{
    void *symbol = dlsym(library, name);
    memcpy(out, &symbol, sizeof(symbol));
    return symbol != NULL;
}

/* The library stays loaded: threads of its resolver may outlive whoever used it. */
static void load(void)
{
    void *library = NULL;
    for (size_t i = 0; library == NULL && i < COUNT_OF(NAMES); i++)
        library = dlopen(NAMES[i], RTLD_NOW | RTLD_LOCAL);
    CURLcode (*global_init)(long flags);
    if (library == NULL || !find(library, "curl_global_init", &global_init))
        return;
    for (size_t i = 0; i < COUNT_OF(FUNCTIONS); i++)
        if (!find(library, FUNCTIONS[i].name, (char *)&so_curl + FUNCTIONS[i].at))
            return;
    is_loaded = global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

int so_curl_load(struct so_err *err)
{
    pthread_once(&once, load);
    if (is_loaded)
        return SO_OK;
    so_fail(err, SO_ENOTFOUND, "the settings ask for mail or for calls to other servers, but libcurl cannot be loaded");
    so_err_hint(err, "on Debian: apt-get install libcurl4");
    return SO_ENOTFOUND;
}
