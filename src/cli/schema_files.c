/* schema_files.c: reads schema files, and finds referenced ones in a folder.  Nothing is ever fetched. */
#include "cli/schema_files.h"

#include <string.h>

#include "cli/cli.h"
#include "core/fs.h"

enum { FILE_MAX = 512 << 20 };

int schema_files_read(const char *path, struct so_arena *arena, struct so_json *out, struct so_err *err)
{
    struct so_buf text;
    so_buf_init(&text, FILE_MAX);
    int rc = cli_read(path, &text, err);
    if (rc == SO_OK) {
        struct so_str kept = so_arena_dup(arena, so_buf_str(&text));
        rc = kept.p == NULL ? so_err_oom(err) : so_json_parse(arena, kept, NULL, out, err);
        if (rc == SO_EINVAL || rc == SO_ELIMIT)
            so_err_hint(err, "in %s at byte %zu", path, err->at == SO_ERR_NOWHERE ? 0 : err->at);
    }
    so_buf_deinit(&text);
    return rc;
}

static bool is_inside(struct so_str path, const char *folder)
{
    size_t n = folder == NULL ? 0 : strlen(folder);
    return n > 0 && so_str_starts(path, so_str(folder, n)) && path.n > n && path.p[n] == '/' &&
           so_str_find(path, SO_STR("/../")) == SO_STR_NONE;
}

int schema_files_load(void *arg, struct so_str uri, struct so_arena *arena, struct so_json *out, struct so_err *err)
{
    const struct schema_files *files = arg;
    size_t at = so_str_find(uri, SO_STR("://"));
    if (at == SO_STR_NONE)
        return SO_ENOTFOUND;
    struct so_str name = so_str_slice(uri, at + 3, uri.n);
    if (so_str_starts(uri, SO_STR("file://"))) {
        name = so_arena_dup(arena, name);
        return is_inside(name, files->folder) && so_fs_exists(name.p) ? schema_files_read(name.p, arena, out, err)
                                                                      : SO_ENOTFOUND;
    }
    size_t slash = so_str_find_char(name, '/', 0);
    const struct so_str tries[] = {so_str_slice(name, slash == SO_STR_NONE ? name.n : slash + 1, name.n), name};
    for (size_t i = 0; files->remotes != NULL && i < COUNT_OF(tries); i++) {
        struct so_str path = so_arena_printf(arena, "%s/%.*s", files->remotes, SO_STR_ARG(tries[i]));
        if (path.p == NULL)
            return so_err_oom(err);
        if (tries[i].n > 0 && is_inside(path, files->remotes) && so_fs_exists(path.p))
            return schema_files_read(path.p, arena, out, err);
    }
    return SO_ENOTFOUND;
}
