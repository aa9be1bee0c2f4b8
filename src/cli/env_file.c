/* env_file.c: make the keys of a new app. */
#include "cli/env_file.h"

#include <limits.h>
#include <stdio.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/random.h"

enum { KEY_CHARACTERS = 32 }; /* of 62: 190 bits */

static void put_key(struct so_buf *out, const char *prefix)
{
    static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    so_buf_puts(out, prefix);
    for (int i = 0; i < KEY_CHARACTERS; i++)
        so_buf_putc(out, ALPHABET[so_random_below(sizeof(ALPHABET) - 1)]);
}

int cli_make_env(const char *dir, bool *out_made, struct so_err *err)
{
    char path[PATH_MAX];
    if ((size_t)snprintf(path, sizeof(path), "%s/.env", dir) >= sizeof(path))
        return so_fail(err, SO_EINVAL, "the path is too long: %s", dir);
    *out_made = false;
    if (so_fs_exists(path))
        return SO_OK;
    struct so_buf text;
    so_buf_init(&text, 4096);
    so_buf_puts(&text,
                "# Settings for development; `socle config` lists all.  The real environment comes before this file.\n"
                "# The publishable key may stand in a web page; the service key is above every policy: keep it on servers.\n"
                "SOCLE_ANON_KEY=");
    put_key(&text, "sb_publishable_");
    so_buf_puts(&text, "\nSOCLE_SERVICE_KEY=");
    put_key(&text, "sb_secret_");
    so_buf_putc(&text, '\n');
    int rc = so_buf_check(&text, ".env", err);
    if (rc == SO_OK)
        rc = so_fs_write(path, so_buf_str(&text), 0600, false, err);
    so_buf_deinit(&text);
    *out_made = rc == SO_OK;
    return rc;
}
