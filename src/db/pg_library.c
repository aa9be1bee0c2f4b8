/* pg_library.c: libpq by the name of its ABI, which has been 5 since 2006. */
#include "db/pg_library.h"

#include <pthread.h>

#include "core/library.h"

struct so_pq so_pq;

static const char *const NAMES[] = {"libpq.so.5", "libpq.5.dylib", "libpq.so"};

#define ROW(function) {"PQ" #function, offsetof(struct so_pq, function)},
static const struct so_library_function FUNCTIONS[] = {SO_PQ_FUNCTIONS(ROW)};
#undef ROW

static bool is_loaded;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void) { is_loaded = so_library_load(NAMES, COUNT_OF(NAMES), FUNCTIONS, COUNT_OF(FUNCTIONS), &so_pq); }

int so_pq_load(struct so_err *err)
{
    pthread_once(&once, load);
    if (is_loaded)
        return SO_OK;
    so_fail(err, SO_ENOTFOUND, "the database is PostgreSQL's, but libpq cannot be loaded");
    so_err_hint(err, "on Debian: apt-get install libpq5");
    return SO_ENOTFOUND;
}
