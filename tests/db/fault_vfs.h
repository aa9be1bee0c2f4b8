/* fault_vfs.h: SQLite's own file layer with a saboteur in it: the n-th write, sync or read fails, once or from then on. */
#ifndef SO_TESTS_DB_FAULT_VFS_H
#define SO_TESTS_DB_FAULT_VFS_H

#include "../testing.h"

#include <sqlite3.h>
#include <stdatomic.h>

#include "db/sqlite_int.h"

enum fault_kind { FAULT_WRITE, FAULT_SYNC, FAULT_READ, FAULT_KINDS };

static atomic_long fault_left[FAULT_KINDS] = {-1, -1, -1}; /* calls until it fails; negative: never */
static atomic_int fault_count;                             /* calls that failed */
static atomic_bool fault_stays;

static inline void fault_order(enum fault_kind kind, long n, bool stays)
{
    for (int k = 0; k < FAULT_KINDS; k++)
        atomic_store(&fault_left[k], -1);
    atomic_store(&fault_count, 0);
    atomic_store(&fault_stays, stays);
    atomic_store(&fault_left[kind], n);
}

static bool fault_now(enum fault_kind kind)
{
    long left = atomic_load(&fault_left[kind]);
    if (left < 0)
        return false;
    if (left > 0) {
        atomic_fetch_sub(&fault_left[kind], 1);
        return false;
    }
    if (!atomic_load(&fault_stays))
        atomic_store(&fault_left[kind], -1);
    atomic_fetch_add(&fault_count, 1);
    return true;
}

struct fault_file {
    sqlite3_file base;
    sqlite3_file *real;
};

#define REAL(file)      (((struct fault_file *)(file))->real)
#define PASS(name, ...) REAL(file)->pMethods->name(REAL(file), __VA_ARGS__)

static int fault_close(sqlite3_file *file)
{
    int rc = REAL(file)->pMethods->xClose(REAL(file));
    sqlite3_free(REAL(file));
    return rc;
}
static int fault_read(sqlite3_file *file, void *to, int n, sqlite3_int64 at)
{
    return fault_now(FAULT_READ) ? SQLITE_IOERR_READ : PASS(xRead, to, n, at);
}
static int fault_write(sqlite3_file *file, const void *from, int n, sqlite3_int64 at)
{
    if (!fault_now(FAULT_WRITE))
        return PASS(xWrite, from, n, at);
    (void)!PASS(xWrite, from, n / 2, at); /* a torn write */
    return SQLITE_FULL;
}
static int fault_truncate(sqlite3_file *file, sqlite3_int64 size) { return PASS(xTruncate, size); }
static int fault_sync(sqlite3_file *file, int flags)
{
    return fault_now(FAULT_SYNC) ? SQLITE_IOERR_FSYNC : PASS(xSync, flags);
}
static int fault_size(sqlite3_file *file, sqlite3_int64 *out) { return PASS(xFileSize, out); }
static int fault_lock(sqlite3_file *file, int level) { return PASS(xLock, level); }
static int fault_unlock(sqlite3_file *file, int level) { return PASS(xUnlock, level); }
static int fault_check_lock(sqlite3_file *file, int *out) { return PASS(xCheckReservedLock, out); }
static int fault_control(sqlite3_file *file, int op, void *arg) { return PASS(xFileControl, op, arg); }
static int fault_sector(sqlite3_file *file) { return REAL(file)->pMethods->xSectorSize(REAL(file)); }
static int fault_traits(sqlite3_file *file) { return REAL(file)->pMethods->xDeviceCharacteristics(REAL(file)); }
static int fault_shm_map(sqlite3_file *file, int i, int n, int extend, void volatile **out)
{
    return PASS(xShmMap, i, n, extend, out);
}
static int fault_shm_lock(sqlite3_file *file, int at, int n, int flags) { return PASS(xShmLock, at, n, flags); }
static void fault_shm_barrier(sqlite3_file *file) { REAL(file)->pMethods->xShmBarrier(REAL(file)); }
static int fault_shm_unmap(sqlite3_file *file, int drop) { return PASS(xShmUnmap, drop); }

static int fault_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
    static const sqlite3_io_methods METHODS = {
        2,
        fault_close,
        fault_read,
        fault_write,
        fault_truncate,
        fault_sync,
        fault_size,
        fault_lock,
        fault_unlock,
        fault_check_lock,
        fault_control,
        fault_sector,
        fault_traits,
        fault_shm_map,
        fault_shm_lock,
        fault_shm_barrier,
        fault_shm_unmap,
        NULL,
        NULL,
    };
    sqlite3_vfs *real_vfs = vfs->pAppData;
    struct fault_file *f = (struct fault_file *)file;
    f->base.pMethods = NULL;
    f->real = sqlite3_malloc(real_vfs->szOsFile);
    if (f->real == NULL)
        return SQLITE_NOMEM;
    int rc = real_vfs->xOpen(real_vfs, name, f->real, flags, out_flags);
    if (rc != SQLITE_OK) {
        sqlite3_free(f->real);
        return rc;
    }
    f->base.pMethods = &METHODS;
    return SQLITE_OK;
}

/* From here on every connection goes through it. */
static inline void fault_install(void)
{
    static sqlite3_vfs vfs;
    if (vfs.zName != NULL)
        return;
    assert_int_equal(so_sqlite_init(NULL), SO_OK);
    sqlite3_vfs *real = sqlite3_vfs_find(NULL);
    vfs = *real; /* all but opening stays as it is; its functions ignore whose table they are called from */
    vfs.zName = "fault";
    vfs.szOsFile = (int)sizeof(struct fault_file);
    vfs.pAppData = real;
    vfs.pNext = NULL;
    vfs.xOpen = fault_open;
    assert_int_equal(sqlite3_vfs_register(&vfs, 1), SQLITE_OK);
}

#endif
