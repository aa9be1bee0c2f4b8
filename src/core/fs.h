/* fs.h: whole files.   Blocks: do not call it on an event loop. */
#ifndef SO_CORE_FS_H
#define SO_CORE_FS_H

#include "core/buf.h"
#include "core/err.h"

/* Appends the file's bytes to `out`.  SO_ENOTFOUND, SO_EIO, SO_ELIMIT or SO_ENOMEM; err names the path. */
int so_fs_read(const char *path, struct so_buf *out, struct so_err *err) SO_MUST_CHECK;
/* The same from an open descriptor, to its end; `name` is for messages. */
int so_fs_read_fd(int fd, const char *name, struct so_buf *out, struct so_err *err) SO_MUST_CHECK;
/* Makes `path` with `mode` and these bytes, whole or not at all (temporary file, fsync, rename, fsync of the directory).
 * An existing file is replaced when `replace`, else SO_EEXISTS. */
int so_fs_write(const char *path, struct so_str bytes, unsigned mode, bool replace, struct so_err *err) SO_MUST_CHECK;
bool so_fs_exists(const char *path);
bool so_fs_is_directory(const char *path);
/* Makes the folder and those above it that are missing, with `mode`.  One that is there already is fine. */
int so_fs_make_directories(const char *path, unsigned mode, struct so_err *err) SO_MUST_CHECK;
/* A number that changes when a file of `dir` with that suffix is added, removed or written: for watching by polling. */
uint64_t so_fs_fingerprint(const char *dir, const char *suffix);

/* Calls fn for every regular file in `dir` whose name ends in `suffix`, sorted by name.  A directory that is not there has
 * none.  Stops at the first fn that does not return SO_OK and returns that. */
int so_fs_each(const char *dir, const char *suffix, int (*fn)(void *arg, const char *path, struct so_str name), void *arg,
               struct so_err *err) SO_MUST_CHECK;

#endif
