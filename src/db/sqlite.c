/* sqlite.c: how every SQLite connection of ours is set up.
 *
 * Connections have no mutex of their own (SQLITE_OPEN_NOMUTEX): one thread at a time uses each.  Sizes are small on purpose,
 * since there is a connection per event loop and per worker, and an idle process should hold a few MiB. */
#include "db/sqlite_int.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/fs.h"
#include "core/mem.h"

enum {
    PROGRESS_OPS = 1000,          /* virtual machine steps between two looks at the clock: some ten microseconds */
    SQL_BYTES_MAX = 16 << 20,     /* the longest text of a statement */
    SCRATCH_MAX = 64 << 20,       /* bytes that one call of a function of ours may take */
    SIZE_HEADER = sizeof(int64_t) /* before each block that SQLite gets: its size, which so_malloc() does not tell */
};

/* ---- the library ---- */

static void *memory_new(int size)
{
    int64_t *block = so_malloc((size_t)size + SIZE_HEADER);
    if (block == NULL)
        return NULL;
    block[0] = size;
    return block + 1;
}

static void memory_free(void *ptr)
{
    if (ptr != NULL)
        so_free((int64_t *)ptr - 1);
}

static void *memory_resize(void *ptr, int size)
{
    int64_t *block = so_realloc((int64_t *)ptr - 1, (size_t)size + SIZE_HEADER);
    if (block == NULL)
        return NULL;
    block[0] = size;
    return block + 1;
}

static int memory_size(void *ptr) { return ptr == NULL ? 0 : (int)((int64_t *)ptr)[-1]; }
static int memory_round_up(int size) { return (size + 7) & ~7; }
static int memory_init(void *unused)
{
    (void)unused;
    return SQLITE_OK;
}
static void memory_shutdown(void *unused) { (void)unused; }

static int library_rc;

static void configure_library(void)
{
    /* SQLite's heap is ours, so that tests can make its allocations fail, too. */
    static const sqlite3_mem_methods MEMORY = {memory_new,      memory_free, memory_resize,   memory_size,
                                               memory_round_up, memory_init, memory_shutdown, NULL};
    sqlite3_mem_methods memory = MEMORY;
    library_rc = sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
    if (library_rc == SQLITE_OK)
        library_rc = sqlite3_config(SQLITE_CONFIG_MALLOC, &memory);
    if (library_rc == SQLITE_OK)
        library_rc = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

int so_sqlite_init(struct so_err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, configure_library);
    if (library_rc != SQLITE_OK)
        return so_fail_http(err, SO_EDB, 0, "XX000", "SQLite was in use before the database was opened");
    /* Not under the once: after a failure for want of memory the next attempt may succeed. */
    if (sqlite3_initialize() != SQLITE_OK)
        return so_err_oom(err);
    return SO_OK;
}

/* ---- a connection ---- */

static const char READER_PRAGMAS[] = "PRAGMA foreign_keys=ON;"
                                     "PRAGMA trusted_schema=OFF;"
                                     "PRAGMA case_sensitive_like=ON;"
                                     "PRAGMA cache_size=-1024;"
                                     "PRAGMA mmap_size=268435456;"
                                     "PRAGMA wal_autocheckpoint=0;";

/* trusted_schema: a search index is a virtual table that triggers write, which SQLite refuses in a schema that is not
 * trusted. What a schema could call by it beyond that are functions of ours that change nothing; readers do not trust it.
 * secure_delete=FAST: what is deleted is overwritten where that costs no further page. */
static const char WRITER_PRAGMAS[] = "PRAGMA synchronous=FULL;"
                                     "PRAGMA foreign_keys=ON;"
                                     "PRAGMA trusted_schema=ON;"
                                     "PRAGMA case_sensitive_like=ON;"
                                     "PRAGMA cache_size=-2048;"
                                     "PRAGMA secure_delete=FAST;"
                                     "PRAGMA journal_size_limit=67108864;"
                                     "PRAGMA wal_autocheckpoint=0;";

/* Milliseconds to wait for another process (a backup, the sqlite3 shell); an event loop must not sleep long. */
static int busy_ms(enum so_conn_kind kind) { return kind == SO_CONN_WRITER ? 5000 : 100; }

static int past_deadline(void *arg)
{
    const struct so_sqlite *conn = arg;
    return conn->base.deadline != INT64_MAX && so_clock_mono_ns() > conn->base.deadline;
}

/* Jobs must not end the batch's transaction under the feet of the others, nor open other files.  Asked when a statement is
 * compiled, not when it runs. */
static int authorize(void *arg, int action, const char *a, const char *b, const char *schema, const char *trigger)
{
    const struct so_sqlite *conn = arg;
    (void)a, (void)schema, (void)trigger;
    bool is_job = conn->kind == SO_CONN_WRITER && !conn->ends_transactions;
    bool ends = action == SQLITE_TRANSACTION || (action == SQLITE_SAVEPOINT && sqlite3_stricmp(b, "so_job") == 0);
    return (ends && is_job) || action == SQLITE_ATTACH || action == SQLITE_DETACH ? SQLITE_DENY : SQLITE_OK;
}

static int note_wal_pages(void *arg, sqlite3 *sqlite, const char *schema, int pages)
{
    (void)sqlite, (void)schema;
    ((struct so_sqlite *)arg)->wal_pages = pages;
    return SQLITE_OK;
}

/* The pragma answers with the mode that it got. */
static int set_journal(struct so_sqlite *conn, struct so_err *err)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(conn->sqlite, "PRAGMA journal_mode=WAL", -1, &st, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(st);
    int code = SO_OK;
    if (rc != SQLITE_ROW)
        code = so_sqlite_fail(conn, rc, err);
    else if (sqlite3_stricmp((const char *)sqlite3_column_text(st, 0), "wal") != 0)
        code = so_fail_http(err, SO_EDB, 0, "58030", "the database's file system cannot hold a write-ahead log");
    sqlite3_finalize(st);
    return code;
}

static int configure(struct so_sqlite *conn, struct so_err *err)
{
    static const struct {
        int option, value;
    } SWITCHES[] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1}, /* no SQL can damage the file */
        {SQLITE_DBCONFIG_DQS_DML, 0},   /* "no_such_column" is an error, not a string */
        {SQLITE_DBCONFIG_DQS_DDL, 0},
    };
    sqlite3 *sqlite = conn->sqlite;
    int rc = SQLITE_OK;
    for (size_t i = 0; i < COUNT_OF(SWITCHES) && rc == SQLITE_OK; i++)
        rc = sqlite3_db_config(sqlite, SWITCHES[i].option, SWITCHES[i].value, NULL);
    if (rc == SQLITE_OK && conn->kind == SO_CONN_READER)
        rc = sqlite3_db_config(sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL); /* the writer's work alone (db.h) */
    if (rc == SQLITE_OK)
        rc = sqlite3_busy_timeout(sqlite, busy_ms(conn->kind));
    if (rc != SQLITE_OK)
        return so_sqlite_fail(conn, rc, err);
    sqlite3_limit(sqlite, SQLITE_LIMIT_SQL_LENGTH, SQL_BYTES_MAX);
    if (conn->kind == SO_CONN_WRITER) {
        int code = set_journal(conn, err);
        if (code != SO_OK)
            return code;
    }
    rc = sqlite3_exec(sqlite, conn->kind == SO_CONN_WRITER ? WRITER_PRAGMAS : READER_PRAGMAS, NULL, NULL, NULL);
    return rc == SQLITE_OK ? SO_OK : so_sqlite_fail(conn, rc, err);
}

static int attach_callbacks(struct so_sqlite *conn, struct so_err *err)
{
    sqlite3_progress_handler(conn->sqlite, PROGRESS_OPS, past_deadline, conn);
    if (conn->kind == SO_CONN_WRITER)
        sqlite3_wal_hook(conn->sqlite, note_wal_pages, conn);
    int rc = so_functions_register(conn);
    if (rc == SQLITE_OK)
        rc = so_match_register(conn);
    if (rc == SQLITE_OK)
        rc = so_shape_register(conn);
    if (rc == SQLITE_OK)
        rc = so_input_register(conn);
    if (rc == SQLITE_OK)
        rc = so_contains_register(conn);
    if (rc == SQLITE_OK)
        rc = sqlite3_set_authorizer(conn->sqlite, authorize, conn);
    return rc == SQLITE_OK ? SO_OK : so_sqlite_fail(conn, rc, err);
}

int so_sqlite_open(const char *path, enum so_conn_kind kind, struct so_sqlite **out, struct so_err *err)
{
    int rc = so_sqlite_init(err);
    if (rc != SO_OK)
        return rc;
    struct so_sqlite *conn = so_calloc(1, sizeof(*conn));
    if (conn == NULL)
        return so_err_oom(err);
    conn->base = (struct so_conn){.driver = &so_sqlite_driver, .deadline = INT64_MAX};
    conn->kind = kind;
    conn->raised = SO_ERR_INIT;
    so_arena_init(&conn->scratch, SCRATCH_MAX);
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    flags |= kind == SO_CONN_WRITER ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
    int sqlite_rc = sqlite3_open_v2(path, &conn->sqlite, flags, NULL);
    if (sqlite_rc != SQLITE_OK) {
        rc = so_sqlite_fail(conn, sqlite_rc, err);
        goto fail;
    }
    rc = configure(conn, err);
    if (rc == SO_OK)
        rc = attach_callbacks(conn, err);
    if (rc != SO_OK)
        goto fail;
    *out = conn;
    return SO_OK;
fail:
    so_conn_close(&conn->base);
    return rc;
}

/* ---- the driver ---- */

static int open_conn(const struct so_db_setup *setup, enum so_conn_kind kind, struct so_conn **out, struct so_err *err)
{
    struct so_sqlite *conn;
    int rc = so_sqlite_open(setup->url, kind, &conn, err);
    if (rc == SO_OK)
        *out = &conn->base;
    return rc;
}

static void close_conn(struct so_conn *base)
{
    struct so_sqlite *conn = so_sqlite_of(base);
    so_sqlite_cache_deinit(conn);
    sqlite3_close_v2(conn->sqlite);
    so_arena_deinit(&conn->scratch);
    so_free(conn);
}

static bool in_transaction(const struct so_conn *base)
{
    const struct so_sqlite *conn = (const struct so_sqlite *)base;
    return !sqlite3_get_autocommit(conn->sqlite);
}

static bool takes(struct so_str url)
{
    (void)url; /* whatever no other driver takes is the path of a file */
    return true;
}

/* A new file must not be readable by others, not even for a moment; the WAL's files inherit its mode.  Closing a descriptor
 * of a file drops the process's POSIX locks on it, SQLite's too, so this one is opened only where there was no file. */
static int check(const struct so_db_setup *setup, struct so_err *err)
{
    const char *path = setup->url;
    if (setup->options.read_only)
        return so_fs_exists(path) ? SO_OK : so_fail(err, SO_ENOTFOUND, "there is no database %s", path);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno != EEXIST)
        return so_fail_http(err, SO_EIO, 0, "58030", "cannot make the database %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return SO_OK;
}

const struct so_driver so_sqlite_driver = {
    .takes = takes,
    .check = check,
    .conn_open = open_conn,
    .conn_close = close_conn,
    .prepare = so_sqlite_prepare,
    .exec = so_sqlite_exec,
    .in_transaction = in_transaction,
    .writer_open = so_sqlite_writer_open,
    .writer_close = so_sqlite_writer_close,
};

/* ---- functions ---- */

int so_sqlite_add_functions(struct so_sqlite *conn, const struct so_sql_function *table, size_t count)
{
    int rc = SQLITE_OK;
    for (size_t i = 0; i < count && rc == SQLITE_OK; i++) {
        const struct so_sql_function *f = &table[i];
        rc = sqlite3_create_function_v2(conn->sqlite, f->name, f->args, SQLITE_UTF8 | f->flags, conn, f->call, f->step,
                                        f->final, NULL);
    }
    return rc;
}

void so_result_buf(sqlite3_context *context, struct so_buf *buf, const char *what)
{
    struct so_err err = SO_ERR_INIT;
    if (so_buf_check(buf, what, &err) != SO_OK) {
        so_buf_deinit(buf);
        so_sqlite_raise(context, &err);
        return;
    }
    size_t len;
    char *text = so_buf_take(buf, &len);
    sqlite3_result_text64(context, text, len, so_free, SQLITE_UTF8);
}
