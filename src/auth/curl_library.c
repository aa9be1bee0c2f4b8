/* curl_library.c: libcurl by the name of its ABI, which has been 4 since 2006. */
#include "auth/curl_library.h"

#include <pthread.h>

#include "core/library.h"

struct so_curl so_curl;

static const char *const NAMES[] = {"libcurl.so.4", "libcurl.4.dylib", "libcurl.so"};

static const struct so_library_function FUNCTIONS[] = {
    {"curl_global_init", offsetof(struct so_curl, global_init)},
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

static void load(void)
{
    is_loaded = so_library_load(NAMES, COUNT_OF(NAMES), FUNCTIONS, COUNT_OF(FUNCTIONS), &so_curl) &&
                so_curl.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
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
