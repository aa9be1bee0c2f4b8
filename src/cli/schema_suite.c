/* schema_suite.c: socle schema test: files in the format of the official JSON Schema test suite. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/schema_files.h"
#include "schema/metaschema.h"

enum { ARENA_MAX = 1 << 30 };

struct suite {
    struct schema_files files;
    enum so_draft draft; /* 0: by the path, else 2020-12 */
    unsigned passed, failed, skipped;
    bool unreadable;
};

/* What a file's place in the suite says about the options that its cases need. */
static const struct {
    const char *part;
    bool assert_format, assert_content;
} PLACES[] = {
    {"/optional/format/", true, false},
    {"/optional/ecmascript-regex.json", true, false},
    {"/optional/content.json", false, true},
};

/* Folders of the suite that are of drafts which are not supported. */
static bool is_other_draft(const char *path) { return strstr(path, "/draft3/") != NULL || strstr(path, "/v1/") != NULL; }

static enum so_draft draft_of(const struct suite *s, const char *path)
{
    if (s->draft != 0)
        return s->draft;
    struct so_str rest = so_str_c(path), part;
    enum so_draft found = SO_DRAFT_2020_12;
    while (so_str_split(&rest, '/', &part))
        if (so_str_starts(part, SO_STR("draft")) && so_draft_from_name(part) != 0)
            found = so_draft_from_name(part);
    return found;
}

static void report(struct suite *s, const char *path, const struct so_json *group, const struct so_json *test,
                   const char *what)
{
    struct so_str names[] = {so_json_get_str(group, SO_STR("description")), so_json_get_str(test, SO_STR("description"))};
    printf("%s: %.*s: %.*s: %s\n", path, SO_STR_ARG(names[0]), SO_STR_ARG(names[1]), what);
    s->failed++;
}

static void run_test(struct suite *s, const char *path, const struct so_json *group, const struct so_json *test,
                     const struct so_schema *schema)
{
    struct so_err err = SO_ERR_INIT;
    struct so_arena arena;
    const struct so_violation *violations = NULL;
    const struct so_json *data = so_json_get(test, SO_STR("data")), *want = so_json_get(test, SO_STR("valid"));
    bool valid = false;
    so_arena_init(&arena, ARENA_MAX);
    if (data == NULL || want == NULL)
        report(s, path, group, test, "has no \"data\" or no \"valid\"");
    else if (so_schema_check(schema, data, &valid, &err) != SO_OK ||
             so_schema_validate(schema, data, &arena, 0, &violations, &err) != SO_OK)
        report(s, path, group, test, err.message);
    else if (valid != (want->type == SO_JSON_TRUE))
        report(s, path, group, test, valid ? "expected invalid, but it is valid" : "expected valid, but it is invalid");
    else if (valid != (violations == NULL))
        report(s, path, group, test, "the check and the list of violations do not agree");
    else
        s->passed++;
    so_arena_deinit(&arena);
}

static void run_group(struct suite *s, const char *path, const struct so_json *group, struct so_schema_options *options)
{
    struct so_err err = SO_ERR_INIT;
    struct so_schema *schema = NULL;
    const struct so_json *source = so_json_get(group, SO_STR("schema")), *tests = so_json_get(group, SO_STR("tests"));
    if (source == NULL || tests == NULL || tests->type != SO_JSON_ARRAY) {
        report(s, path, group, NULL, "has no \"schema\" or no \"tests\"");
        return;
    }
    int rc = so_schema_compile(source, options, &schema, &err);
    for (uint32_t i = 0; i < tests->len; i++) {
        if (rc != SO_OK)
            report(s, path, group, &tests->u.items[i], err.message);
        else
            run_test(s, path, group, &tests->u.items[i], schema);
    }
    so_schema_free(schema);
}

static void count_skipped(struct suite *s, const struct so_json *groups)
{
    for (uint32_t i = 0; i < groups->len; i++) {
        const struct so_json *tests = so_json_get(&groups->u.items[i], SO_STR("tests"));
        s->skipped += tests == NULL ? 0 : tests->len;
    }
}

static void run_file(struct suite *s, const char *path)
{
    struct so_err err = SO_ERR_INIT;
    struct so_arena arena;
    struct so_json groups;
    so_arena_init(&arena, ARENA_MAX);
    struct so_schema_options options = {.draft = draft_of(s, path), .load = schema_files_load, .load_arg = &s->files};
    for (size_t i = 0; i < COUNT_OF(PLACES); i++)
        if (strstr(path, PLACES[i].part) != NULL) {
            options.assert_format = PLACES[i].assert_format;
            options.assert_content = PLACES[i].assert_content;
        }
    if (schema_files_read(path, &arena, &groups, &err) != SO_OK) {
        cli_fail(&err);
        s->unreadable = true;
    } else if (groups.type != SO_JSON_ARRAY) {
        cli_usage("%s is no test file: it must hold an array of groups", path);
        s->unreadable = true;
    } else if (is_other_draft(path)) {
        count_skipped(s, &groups);
    } else {
        for (uint32_t i = 0; i < groups.len; i++)
            run_group(s, path, &groups.u.items[i], &options);
    }
    so_arena_deinit(&arena);
}

static int is_visible(const struct dirent *entry) { return entry->d_name[0] != '.'; }

static void run_path(struct suite *s, const char *path)
{
    struct stat info;
    struct dirent **entries;
    if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode)) {
        run_file(s, path);
        return;
    }
    int count = scandir(path, &entries, is_visible, alphasort);
    for (int i = 0; i < count; i++) {
        char inner[4096];
        int n = snprintf(inner, sizeof(inner), "%s/%s", path, entries[i]->d_name);
        bool fits = n > 0 && (size_t)n < sizeof(inner) && stat(inner, &info) == 0;
        if (fits && (S_ISDIR(info.st_mode) || so_str_ends(so_str_c(inner), SO_STR(".json"))))
            run_path(s, inner);
        free(entries[i]); /* scandir()'s, so not so_free() */
    }
    if (count >= 0)
        free(entries);
}

int schema_suite_run(const char *const *paths, int count, const char *remotes, enum so_draft draft)
{
    struct suite s = {.files = {.remotes = remotes}, .draft = draft};
    for (int i = 0; i < count; i++)
        run_path(&s, paths[i]);
    printf("%u passed, %u failed, %u skipped\n", s.passed, s.failed, s.skipped);
    return s.unreadable ? CLI_USAGE : s.failed > 0 ? CLI_FAILED : CLI_OK;
}
