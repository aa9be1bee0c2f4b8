/* cmd_init.c: socle init: a folder that `socle dev` can serve at once. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "app/app.h"
#include "cli/cli.h"
#include "cli/env_file.h"
#include "core/fs.h"

static const char HELP[] = "socle init [DIR] [--template NAME]\n\n"
                           "Makes a new app in DIR: schemas/, .env with keys, the database and its signing key in data/.\n"
                           "Templates: notes (the default: one table that each user sees their own rows of) and empty.\n"
                           "Files that are there already are left as they are.\n";

static const char NOTES[] =
    "{\n"
    "  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
    "  \"title\": \"Note\",\n"
    "  \"type\": \"object\",\n"
    "  \"properties\": {\n"
    "    \"id\": {\"type\": \"integer\", \"readOnly\": true},\n"
    "    \"text\": {\"type\": \"string\", \"minLength\": 1, \"maxLength\": 2000},\n"
    "    \"done\": {\"type\": \"boolean\", \"default\": false},\n"
    "    \"owner_id\": {\"type\": \"string\", \"format\": \"uuid\", \"x-default\": \"auth.uid()\", \"readOnly\": true},\n"
    "    \"created_at\": {\"type\": \"string\", \"format\": \"date-time\", \"x-default\": \"now()\", \"readOnly\": true}\n"
    "  },\n"
    "  \"required\": [\"text\"],\n"
    "  \"additionalProperties\": false,\n"
    "  \"x-primary-key\": [\"id\"],\n"
    "  \"x-indexes\": [[\"owner_id\"]],\n"
    "  \"x-policies\": {\n"
    "    \"select\": \"owner_id = auth.uid()\",\n"
    "    \"insert\": \"auth.role() = 'authenticated'\",\n"
    "    \"update\": \"owner_id = auth.uid()\",\n"
    "    \"delete\": \"owner_id = auth.uid()\"\n"
    "  }\n"
    "}\n";

static const struct file {
    const char *template_name; /* NULL: of every template */
    const char *path;
    const char *text;
} FILES[] = {
    {NULL, ".gitignore", ".env\ndata/\n"},
    {"notes", "schemas/notes.json", NOTES},
};

static bool is_template(const char *name) { return strcmp(name, "notes") == 0 || strcmp(name, "empty") == 0; }

static int make_files(const char *dir, const char *template_name, struct so_err *err)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/schemas", dir);
    int rc = so_fs_make_directories(path, 0755, err);
    for (size_t i = 0; rc == SO_OK && i < COUNT_OF(FILES); i++) {
        if (FILES[i].template_name != NULL && strcmp(FILES[i].template_name, template_name) != 0)
            continue;
        if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, FILES[i].path) >= sizeof(path))
            return so_fail(err, SO_EINVAL, "the path is too long: %s", dir);
        if (!so_fs_exists(path))
            rc = so_fs_write(path, so_str_c(FILES[i].text), 0644, false, err);
    }
    return rc;
}

int cmd_init(int argc, char **argv)
{
    const char *template_name = "notes";
    bool help, made = false;
    const struct cli_option options[] = {{"--template", &template_name, NULL}};
    int plain = cli_parse(argc, argv, options, COUNT_OF(options), HELP, &help);
    if (help)
        return CLI_OK;
    if (plain < 0 || plain > 1)
        return plain < 0 ? CLI_USAGE : cli_usage("init takes one folder at most");
    if (!is_template(template_name))
        return cli_usage("there is no template \"%s\": notes and empty are there", template_name);

    const char *dir = plain == 1 ? argv[1] : ".";
    struct so_err err = SO_ERR_INIT;
    struct so_config config = {0};
    struct so_app *app = NULL;
    int rc = make_files(dir, template_name, &err);
    if (rc == SO_OK)
        rc = cli_make_env(dir, &made, &err);
    if (rc == SO_OK)
        rc = so_config_load(dir, &config, &err);
    if (rc == SO_OK)
        rc = so_app_open(&config, SO_MIGRATE_SAFE, &app, &err); /* makes the database and the signing key */
    so_app_close(app);
    so_config_deinit(&config);
    if (rc != SO_OK)
        return cli_fail(&err);
    fprintf(stderr, "%s is ready: tables are in %s/schemas, %s in %s/.env\nserve it with: socle dev %s\n", dir, dir,
            made ? "new keys" : "the keys", dir, dir);
    return CLI_OK;
}
