/* curl_library.h: libcurl, loaded when the settings ask for mail (auth/smtp.c) or for calls to other servers (auth/fetch.c),
 * and not before: with all that it brings along it takes about 4 MiB and a few milliseconds of a start, which other apps
 * should not pay. */
#ifndef SO_AUTH_CURL_LIBRARY_H
#define SO_AUTH_CURL_LIBRARY_H

#define CURL_DISABLE_TYPECHECK /* its macros would wrap functions that are pointers here */
#include <curl/curl.h>

#include "core/err.h"

/* The functions of the same names with "curl_" before them. */
struct so_curl {
    CURLcode (*global_init)(long flags);
    CURL *(*easy_init)(void);
    void (*easy_reset)(CURL *curl);
    CURLcode (*easy_setopt)(CURL *curl, CURLoption option, ...);
    CURLcode (*easy_perform)(CURL *curl);
    CURLcode (*easy_getinfo)(CURL *curl, CURLINFO info, ...);
    void (*easy_cleanup)(CURL *curl);
    const char *(*easy_strerror)(CURLcode code);
    struct curl_slist *(*slist_append)(struct curl_slist *list, const char *text);
    void (*slist_free_all)(struct curl_slist *list);
};
extern struct so_curl so_curl; /* filled by so_curl_load() */

/* Loads and initialises the library once per process.  SO_ENOTFOUND names what to install.  Threads: any. */
int so_curl_load(struct so_err *err) SO_MUST_CHECK;

#endif
