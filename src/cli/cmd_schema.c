/* cmd_schema.c: socle schema validate, test, bench and explain. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/schema_files.h"
#include "core/clock.h"
#include "schema/metaschema.h"

static const char HELP[] =
    "socle schema validate [--draft D] [--remotes DIR] [--formats] [--output flag|basic|detailed|verbose]\n"
    "                      SCHEMA INSTANCE...\n"
    "    Checks each instance (- is stdin).  Prints \"FILE: valid\", or \"FILE: invalid\" and every violation;\n"
    "    with --output the specification's JSON, a line per instance.  --formats makes \"format\" assert.\n"
    "    Exit 0 when all are valid, 1 when some are not, 2 when the schema is wrong or a file is not JSON.\n"
    "socle schema test [--draft D] [--remotes DIR] FILE_OR_DIR...\n"
    "    Runs files in the format of the official JSON Schema test suite, prints each failure, and closes with\n"
    "    \"N passed, N failed, N skipped\".  The draft is taken from folders named like \"draft7\".\n"
    "    Exit 0 when none failed, 1 when some did, 2 when a file is not a test file.\n"
    "socle schema bench SCHEMA INSTANCES.jsonl\n"
    "    Prints \"compile_ns N warm_ns_per_instance N instances N invalid N\".\n\n"
    "Drafts are 4, 6, 7, 2019-09 and 2020-12 (for schemas without \"$schema\"; the last is the default).\n"
    "References to http://HOST/PATH are looked up as DIR/PATH or DIR/HOST/PATH of --remotes; nothing is fetched.\n"
    "socle schema explain FILE...\n"
    "    FILE is DIR/schemas/NAME.json of an app: prints the table, its columns, checks and policies.\n";

enum { ARENA_MAX = INT_MAX };

struct settings {
    const char *draft_name, *remotes, *output_name;
    bool formats;
    enum so_draft draft;
    int output; /* enum so_schema_output, or -1 for people's text */
};

static const char *const OUTPUTS[] = {"flag", "basic", "detailed", "verbose"};

/* False after saying what is wrong with the options' values. */
static bool read_settings(struct settings *s)
{
    s->output = -1;
    if (s->draft_name != NULL && (s->draft = so_draft_from_name(so_str_c(s->draft_name))) == 0) {
        cli_usage("no draft \"%s\": they are 4, 6, 7, 2019-09 and 2020-12", s->draft_name);
        return false;
    }
    for (size_t i = 0; s->output_name != NULL && i < COUNT_OF(OUTPUTS); i++)
        if (strcmp(s->output_name, OUTPUTS[i]) == 0)
            s->output = (int)i;
    if (s->output_name != NULL && s->output < 0)
        cli_usage("no output \"%s\": they are flag, basic, detailed and verbose", s->output_name);
    return s->output_name == NULL || s->output >= 0;
}

/* Compiles the file, whose own path is its base, so that it may refer to its neighbours. */
static int compile_file(const char *path, const struct settings *set, struct so_schema **out)
{
    struct so_err err = SO_ERR_INIT;
    struct so_arena arena;
    struct so_json root;
    char real[PATH_MAX] = "", base[PATH_MAX + 8] = "", folder[PATH_MAX];
    struct schema_files files = {.remotes = set->remotes, .folder = folder};
    so_arena_init(&arena, ARENA_MAX);
    if (strcmp(path, "-") != 0 && realpath(path, real) != NULL)
        snprintf(base, sizeof(base), "file://%s", real);
    memcpy(folder, real, sizeof(real));
    char *slash = strrchr(folder, '/');
    if (slash != NULL)
        *slash = '\0';
    const struct so_schema_options options = {.draft = set->draft,
                                              .assert_format = set->formats,
                                              .base_uri = so_str_c(base),
                                              .load = schema_files_load,
                                              .load_arg = &files,
                                              .memory_max = (size_t)1 << 30};
    int rc = schema_files_read(path, &arena, &root, &err);
    if (rc == SO_OK)
        rc = so_schema_compile(&root, &options, out, &err);
    so_arena_deinit(&arena);
    if (rc != SO_OK)
        cli_fail(&err);
    return rc;
}

static int print_output(const struct so_schema *schema, const struct so_json *v, int output, struct so_arena *arena,
                        bool *valid, struct so_err *err)
{
    struct so_buf text;
    so_buf_init(&text, ARENA_MAX);
    int rc = so_schema_output(schema, v, (enum so_schema_output)output, arena, &text, valid, err);
    if (rc == SO_OK)
        printf("%.*s\n", SO_STR_ARG(so_buf_str(&text)));
    so_buf_deinit(&text);
    return rc;
}

static int print_violations(const struct so_schema *schema, const struct so_json *v, const char *path,
                            struct so_arena *arena, bool *valid, struct so_err *err)
{
    const struct so_violation *violations = NULL;
    int rc = so_schema_validate(schema, v, arena, 0, &violations, err);
    if (rc != SO_OK)
        return rc;
    *valid = violations == NULL;
    printf("%s: %s\n", path, *valid ? "valid" : "invalid");
    for (const struct so_violation *i = violations; i != NULL; i = i->next)
        printf("  %.*s%s%.*s\n", SO_STR_ARG(i->instance_location), i->instance_location.n > 0 ? ": " : "",
               SO_STR_ARG(i->message));
    return SO_OK;
}

static int validate_file(const struct so_schema *schema, const char *path, const struct settings *set)
{
    struct so_err err = SO_ERR_INIT;
    struct so_arena arena;
    struct so_json instance;
    bool valid = false;
    so_arena_init(&arena, ARENA_MAX);
    int rc = schema_files_read(path, &arena, &instance, &err);
    if (rc == SO_OK && set->output >= 0)
        rc = print_output(schema, &instance, set->output, &arena, &valid, &err);
    else if (rc == SO_OK)
        rc = print_violations(schema, &instance, path, &arena, &valid, &err);
    so_arena_deinit(&arena);
    if (rc != SO_OK)
        cli_fail(&err);
    return rc != SO_OK ? CLI_USAGE : valid ? CLI_OK : CLI_FAILED;
}

static int validate(int count, char **paths, const struct settings *set)
{
    struct so_schema *schema;
    if (count < 2)
        return cli_usage("schema validate takes a schema and at least one instance (see socle schema --help)");
    if (compile_file(paths[0], set, &schema) != SO_OK)
        return CLI_USAGE;
    int worst = CLI_OK;
    for (int i = 1; i < count; i++) {
        int code = validate_file(schema, paths[i], set);
        worst = code > worst ? code : worst;
    }
    so_schema_free(schema);
    return worst;
}

/* ---- bench ---- */

enum { BENCH_NS = 300 * 1000 * 1000, COMPILE_NS = 100 * 1000 * 1000 };

/* The lines of the file as values; returns how many, or -1. */
static long read_lines(const char *path, struct so_arena *arena, struct so_json **out)
{
    struct so_err err = SO_ERR_INIT;
    struct so_buf text;
    so_buf_init(&text, ARENA_MAX);
    long count = -1;
    if (cli_read(path, &text, &err) == SO_OK) {
        struct so_str rest = so_arena_dup(arena, so_buf_str(&text)), line;
        size_t lines = 1;
        for (size_t i = 0; i < rest.n; i++)
            lines += rest.p[i] == '\n';
        *out = so_alloc_array(arena, lines, sizeof(**out));
        count = 0;
        while (*out != NULL && count >= 0 && so_str_split(&rest, '\n', &line))
            if (so_str_trim(line).n > 0)
                count = so_json_parse(arena, line, NULL, &(*out)[count], &err) == SO_OK ? count + 1 : -1;
    }
    if (count < 0)
        cli_fail(&err);
    so_buf_deinit(&text);
    return count;
}

static long long time_compile(const char *path, const struct settings *set)
{
    struct so_err err = SO_ERR_INIT;
    struct so_arena arena;
    struct so_json root;
    long long best = LLONG_MAX, start = so_clock_mono_ns();
    const struct so_schema_options options = {
        .draft = set->draft, .assert_format = set->formats, .memory_max = (size_t)1 << 30};
    so_arena_init(&arena, ARENA_MAX);
    if (schema_files_read(path, &arena, &root, &err) == SO_OK)
        do {
            struct so_schema *schema = NULL;
            long long before = so_clock_mono_ns();
            if (so_schema_compile(&root, &options, &schema, &err) != SO_OK)
                break;
            long long took = so_clock_mono_ns() - before;
            best = took < best ? took : best;
            so_schema_free(schema);
        } while (so_clock_mono_ns() - start < COMPILE_NS);
    so_arena_deinit(&arena);
    return best == LLONG_MAX ? 0 : best;
}

/* The fastest round over all instances, per instance. */
static double time_checks(const struct so_schema *schema, const struct so_json *values, long count, long *out_invalid)
{
    double best = 0;
    long long start = so_clock_mono_ns();
    int rounds = 0;
    do {
        long long before = so_clock_mono_ns();
        *out_invalid = 0;
        for (long i = 0; i < count; i++) {
            bool valid = false;
            if (so_schema_check(schema, &values[i], &valid, NULL) != SO_OK || !valid)
                ++*out_invalid;
        }
        double took = (double)(so_clock_mono_ns() - before) / (double)(count > 0 ? count : 1);
        if (rounds == 0 || took < best)
            best = took;
    } while (++rounds < 5 || so_clock_mono_ns() - start < BENCH_NS);
    return best;
}

static int bench(int count, char **paths, const struct settings *set)
{
    struct so_schema *schema;
    struct so_arena arena;
    struct so_json *values;
    long invalid = 0;
    if (count != 2)
        return cli_usage("schema bench takes a schema and a file with an instance per line (see socle schema --help)");
    if (compile_file(paths[0], set, &schema) != SO_OK)
        return CLI_USAGE;
    so_arena_init(&arena, (size_t)ARENA_MAX * 2);
    long instances = read_lines(paths[1], &arena, &values);
    if (instances >= 0) {
        double warm = time_checks(schema, values, instances, &invalid);
        printf("compile_ns %lld warm_ns_per_instance %.0f instances %ld invalid %ld\n", time_compile(paths[0], set), warm,
               instances, invalid);
    }
    so_arena_deinit(&arena);
    so_schema_free(schema);
    return instances < 0 ? CLI_USAGE : CLI_OK;
}

int cmd_schema(int argc, char **argv)
{
    struct settings set = {NULL, NULL, NULL, false, 0, -1};
    const struct cli_option options[] = {
        {"--draft", &set.draft_name, NULL},
        {"--remotes", &set.remotes, NULL},
        {"--output", &set.output_name, NULL},
        {"--formats", NULL, &set.formats},
    };
    bool help;
    int plain = cli_parse(argc, argv, options, COUNT_OF(options), HELP, &help);
    if (help)
        return CLI_OK;
    if (plain < 0 || !read_settings(&set))
        return CLI_USAGE;
    const char *verb = plain > 0 ? argv[1] : "";
    if (strcmp(verb, "validate") == 0)
        return validate(plain - 1, argv + 2, &set);
    if (strcmp(verb, "bench") == 0)
        return bench(plain - 1, argv + 2, &set);
    if (strcmp(verb, "test") == 0 && plain > 1)
        return schema_suite_run((const char *const *)(argv + 2), plain - 1, set.remotes, set.draft);
    if (strcmp(verb, "explain") == 0 && plain > 1)
        return schema_explain((const char *const *)(argv + 2), plain - 1);
    return cli_usage("schema takes validate, test, bench or explain and their files (see socle schema --help)");
}
