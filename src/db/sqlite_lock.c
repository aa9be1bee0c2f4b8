/* sqlite_lock.c: how processes share a database file.
 *
 *   PATH-lock   held by the one process that serves the file, as long as it is open: a second server, or a migration under a
 *               server's feet, is refused
 *   PATH-turn   held by whoever writes, for one batch and its checkpoint: commands (`socle user add`) take turns with it
 *
 * SQLite lets several processes write, but before 3.51.3 two that write or checkpoint at the same instant can corrupt a WAL
 * (sqlite.org/wal.html#walresetbug): with turns there is no such instant.  Both are flock(), which the kernel lets go of
 * however a process ends; and not on the file itself, since closing any descriptor of it would drop SQLite's own locks.
 * The lock files stay: removing them would race. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "db/sqlite_int.h"

static int fail_errno(const char *name, struct so_err *err) { return so_fail(err, SO_EIO, "%s: %s", name, strerror(errno)); }

/* Two names of one file are one file. */
static int open_beside(const char *path, const char *suffix, int *out_fd, struct so_err *err)
{
    char real[PATH_MAX], name[PATH_MAX];
    int n = snprintf(name, sizeof(name), "%s-%s", realpath(path, real) != NULL ? real : path, suffix);
    if (n >= PATH_MAX)
        return so_fail(err, SO_ELIMIT, "the path of the database is too long");
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_errno(name, err);
    *out_fd = fd;
    return SO_OK;
}

static int lock(int fd, int how)
{
    int rc;
    do
        rc = flock(fd, how);
    while (rc != 0 && errno == EINTR);
    return rc;
}

/* ---- serving ---- */

static int fail_served(int fd, const char *path, struct so_err *err)
{
    char pid[24] = "";
    ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);
    pid[n > 0 ? strcspn(pid, "\n") : 0] = '\0';
    so_fail_http(err, SO_EBUSY, 503, "55006", "another process (pid %s) serves the database %s", pid, path);
    so_err_hint(err, "stop it first: one process at a time may serve or migrate a database");
    return SO_EBUSY;
}

static int note_pid(int fd, const char *path, struct so_err *err)
{
    char pid[24];
    int n = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
    return ftruncate(fd, 0) == 0 && pwrite(fd, pid, (size_t)n, 0) == n ? SO_OK : fail_errno(path, err);
}

int so_sqlite_serve_lock(const char *path, int *out_fd, struct so_err *err)
{
    int fd, rc = open_beside(path, "lock", &fd, err);
    if (rc != SO_OK)
        return rc;
    if (lock(fd, LOCK_EX | LOCK_NB) != 0)
        rc = errno == EWOULDBLOCK ? fail_served(fd, path, err) : fail_errno(path, err);
    else
        rc = note_pid(fd, path, err);
    if (rc == SO_OK)
        *out_fd = fd;
    else
        close(fd);
    return rc;
}

/* ---- turns ---- */

int so_sqlite_turn_open(const char *path, int *out_fd, struct so_err *err) { return open_beside(path, "turn", out_fd, err); }

/* Without a lock (the file system has none) SQLite's own must do, as for every other program. */
void so_sqlite_turn_take(int fd) { (void)lock(fd, LOCK_EX); }
void so_sqlite_turn_give(int fd) { (void)lock(fd, LOCK_UN); }

void so_sqlite_lock_close(int fd)
{
    if (fd >= 0)
        close(fd);
}
