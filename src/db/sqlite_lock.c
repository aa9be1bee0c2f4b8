/* sqlite_lock.c: one process writes a database file.
 *
 * SQLite lets several processes write, but before 3.51.3 two that write or checkpoint at the same instant can corrupt a WAL
 * (sqlite.org/wal.html#walresetbug), and two servers would not see each other's changes of policies and keys.  So the writer
 * holds flock() on PATH-lock while it is open; the kernel lets go of it however the process ends.  Not on the file itself:
 * closing any descriptor of it would drop SQLite's own locks.  The lock file stays: removing it would race. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "db/sqlite_int.h"

/* Two names of one file are one file. */
static int lock_name(const char *path, char out[PATH_MAX], struct so_err *err)
{
    char real[PATH_MAX];
    const char *name = realpath(path, real) != NULL ? real : path;
    int n = snprintf(out, PATH_MAX, "%s-lock", name);
    return n < PATH_MAX ? SO_OK : so_fail(err, SO_ELIMIT, "the path of the database is too long");
}

static int fail_taken(int fd, const char *path, struct so_err *err)
{
    char pid[24] = "";
    ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);
    pid[n > 0 ? strcspn(pid, "\n") : 0] = '\0';
    so_fail_http(err, SO_EBUSY, 503, "55006", "another process (pid %s) writes the database %s", pid, path);
    so_err_hint(err, "stop it first: one process at a time may open a database for writing");
    return SO_EBUSY;
}

int so_sqlite_lock(const char *path, int *out_fd, struct so_err *err)
{
    char name[PATH_MAX], pid[24];
    int rc = lock_name(path, name, err);
    if (rc != SO_OK)
        return rc;
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return so_fail(err, SO_EIO, "%s: %s", name, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        rc = errno == EWOULDBLOCK ? fail_taken(fd, path, err) : so_fail(err, SO_EIO, "%s: %s", name, strerror(errno));
        close(fd);
        return rc;
    }
    int n = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)n, 0) != n) {
        rc = so_fail(err, SO_EIO, "%s: %s", name, strerror(errno));
        close(fd);
        return rc;
    }
    *out_fd = fd;
    return SO_OK;
}

void so_sqlite_unlock(int fd)
{
    if (fd >= 0)
        close(fd);
}
