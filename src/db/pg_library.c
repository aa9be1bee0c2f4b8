/* pg_library.c: dlopen() of libpq by the name of its ABI, which has been 5 since 2006. */
#include "db/pg_library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

struct so_pq so_pq;

static const char *const NAMES[] = {"libpq.so.5", "libpq.5.dylib", "libpq.so"};

#define ROW(function) {"PQ" #function, offsetof(struct so_pq, function)},
static const struct {
    const char *name;
    size_t at; /* offset of the pointer in struct so_pq */
} FUNCTIONS[] = {SO_PQ_FUNCTIONS(ROW)};
#undef ROW

static bool is_loaded;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* POSIX lets a pointer that dlsym() gives be a function's; ISO C has no cast for it, so the bytes are copied. */
static bool find(void *library, const char *name, void *out)
{
    void *symbol = dlsym(library, name);
    memcpy(out, &symbol, sizeof(symbol));
    return symbol != NULL;
}

/* The library stays loaded, as one that was linked would. */
static void load(void)
{
    void *library = NULL;
    for (size_t i = 0; library == NULL && i < COUNT_OF(NAMES); i++)
        library = dlopen(NAMES[i], RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
        return;
    for (size_t i = 0; i < COUNT_OF(FUNCTIONS); i++)
        if (!find(library, FUNCTIONS[i].name, (char *)&so_pq + FUNCTIONS[i].at))
            return;
    is_loaded = true;
}

int so_pq_load(struct so_err *err)
{
    pthread_once(&once, load);
    if (is_loaded)
        return SO_OK;
    so_fail(err, SO_ENOTFOUND, "the database is PostgreSQL's, but libpq cannot be loaded");
    so_err_hint(err, "on Debian: apt-get install libpq5");
    return SO_ENOTFOUND;
}
