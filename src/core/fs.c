/* fs.c: read, write and list files. */
#include "core/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/arena.h"
#include "core/hash.h"

static int fail_errno(struct so_err *err, const char *verb, const char *path)
{
    int code = errno == ENOENT ? SO_ENOTFOUND : errno == EEXIST ? SO_EEXISTS : SO_EIO;
    return so_fail(err, code, "cannot %s %s: %s", verb, path, strerror(errno));
}

int so_fs_read_fd(int fd, const char *name, struct so_buf *out, struct so_err *err)
{
    enum { STEP = 64 * 1024 };
    for (;;) {
        char past_end; /* a full buffer is fine when the file ends there, too */
        size_t room = so_min_size(STEP, out->max - out->len);
        char *to = room > 0 ? so_buf_reserve(out, room) : &past_end;
        if (to == NULL || out->rc != SO_OK)
            return so_buf_check(out, name, err);
        ssize_t got = read(fd, to, room > 0 ? room : 1);
        if (got == 0)
            return SO_OK;
        if (got < 0 && errno != EINTR)
            return fail_errno(err, "read", name);
        if (got > 0 && room == 0)
            out->rc = SO_ELIMIT;
        else if (got > 0)
            out->len += (size_t)got;
    }
}

int so_fs_read(const char *path, struct so_buf *out, struct so_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(err, "open", path);
    int rc = so_fs_read_fd(fd, path, out, err);
    close(fd);
    return rc;
}

static int write_all(int fd, struct so_str bytes)
{
    for (size_t done = 0; done < bytes.n;) {
        ssize_t wrote = write(fd, bytes.p + done, bytes.n - done);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return -1;
        done += (size_t)wrote;
    }
    return 0;
}

static void sync_directory_of(const char *path)
{
    char copy[PATH_MAX];
    snprintf(copy, sizeof(copy), "%s", path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return; /* some file systems cannot; the file itself is synced */
    fsync(fd);
    close(fd);
}

int so_fs_write(const char *path, struct so_str bytes, unsigned mode, bool replace, struct so_err *err)
{
    char temporary[PATH_MAX];
    if ((size_t)snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path) >= sizeof(temporary))
        return so_fail(err, SO_EINVAL, "the path is too long: %s", path);
    int fd = mkstemp(temporary);
    if (fd < 0)
        return fail_errno(err, "create", path);
    int rc = SO_OK;
    if (write_all(fd, bytes) != 0 || fchmod(fd, (mode_t)mode) != 0 || fsync(fd) != 0)
        rc = fail_errno(err, "write", path);
    close(fd);
    /* link() refuses an existing name, which rename() would replace. */
    if (rc == SO_OK && (replace ? rename(temporary, path) : link(temporary, path)) != 0)
        rc = fail_errno(err, "create", path);
    if (rc != SO_OK || !replace)
        unlink(temporary);
    if (rc == SO_OK)
        sync_directory_of(path);
    return rc;
}

bool so_fs_exists(const char *path) { return access(path, F_OK) == 0; }

bool so_fs_is_directory(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

int so_fs_make_directories(const char *path, unsigned mode, struct so_err *err)
{
    char partial[PATH_MAX];
    size_t n = strlen(path);
    if (n >= sizeof(partial))
        return so_fail(err, SO_EINVAL, "the path is too long: %s", path);
    for (size_t i = 1; i <= n; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(partial, path, i);
        partial[i] = '\0';
        if (mkdir(partial, (mode_t)mode) != 0 && errno != EEXIST)
            return fail_errno(err, "create the folder", partial);
    }
    return so_fs_is_directory(path) ? SO_OK : so_fail(err, SO_EIO, "%s is there, but is no folder", path);
}

struct fingerprint {
    uint64_t value;
};

static int add_to_fingerprint(void *arg, const char *path, struct so_str name)
{
    struct fingerprint *f = arg;
    struct stat info;
    if (stat(path, &info) != 0)
        return SO_OK; /* gone meanwhile: the next look tells */
    const uint64_t parts[] = {so_hash(name, f->value), (uint64_t)info.st_size, (uint64_t)info.st_mtim.tv_sec,
                              (uint64_t)info.st_mtim.tv_nsec, (uint64_t)info.st_ino};
    f->value = so_hash(so_str((const char *)parts, sizeof(parts)), f->value);
    return SO_OK;
}

uint64_t so_fs_fingerprint(const char *dir, const char *suffix)
{
    struct fingerprint f = {1};
    return so_fs_each(dir, suffix, add_to_fingerprint, &f, NULL) == SO_OK ? f.value : 0;
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static int list_names(DIR *dir, const char *suffix, struct so_arena *arena, char ***out_names, size_t *out_count)
{
    size_t count = 0, cap = 0;
    char **names = NULL;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        struct so_str name = so_str_c(entry->d_name);
        if (!so_str_ends(name, so_str_c(suffix)) || name.p[0] == '.')
            continue;
        if (count == cap) {
            size_t bigger = cap == 0 ? 16 : cap * 2;
            char **copy = so_alloc_array(arena, bigger, sizeof(*copy));
            if (copy == NULL)
                return SO_ENOMEM;
            if (count > 0)
                memcpy(copy, names, count * sizeof(*copy));
            names = copy;
            cap = bigger;
        }
        struct so_str kept = so_arena_dup(arena, name);
        if (kept.p == NULL)
            return SO_ENOMEM;
        names[count++] = (char *)(uintptr_t)kept.p;
    }
    if (count > 1)
        qsort(names, count, sizeof(*names), by_name);
    *out_names = names;
    *out_count = count;
    return SO_OK;
}

int so_fs_each(const char *dir_path, const char *suffix, int (*fn)(void *arg, const char *path, struct so_str name),
               void *arg, struct so_err *err)
{
    DIR *dir = opendir(dir_path);
    if (dir == NULL)
        return errno == ENOENT ? SO_OK : fail_errno(err, "open", dir_path);
    struct so_arena arena;
    so_arena_init(&arena, 16 << 20);
    char **names = NULL;
    size_t count = 0;
    int rc = list_names(dir, suffix, &arena, &names, &count);
    closedir(dir);
    if (rc != SO_OK)
        so_err_oom(err);
    for (size_t i = 0; rc == SO_OK && i < count; i++) {
        struct stat info;
        struct so_str path = so_arena_printf(&arena, "%s/%s", dir_path, names[i]);
        if (path.p == NULL)
            rc = so_err_oom(err);
        else if (stat(path.p, &info) == 0 && S_ISREG(info.st_mode))
            rc = fn(arg, path.p, so_str_c(names[i]));
    }
    so_arena_deinit(&arena);
    return rc;
}
