/* schema_explain.c: socle schema explain: what a table's schema file means: columns, keys, checks, policies. */
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/schema_files.h"
#include "model/model.h"
#include "json/write.h"

enum { MEMORY_MAX = 1 << 20 };

/* Keywords that say what the column is, and so are no checks of its values. */
static bool is_about_the_column(struct so_str keyword)
{
    static const char *const NAMES[] = {"type",     "title",     "description", "default",
                                        "readOnly", "writeOnly", "examples",    "$comment"};
    for (size_t i = 0; i < COUNT_OF(NAMES); i++)
        if (so_str_eq_c(keyword, NAMES[i]))
            return true;
    return so_str_starts(keyword, SO_STR("x-"));
}

static void put_checks(const struct so_json *schema, struct so_buf *out)
{
    for (uint32_t i = 0; schema != NULL && schema->type == SO_JSON_OBJECT && i < schema->len; i++) {
        const struct so_json_member *m = &schema->u.members[i];
        if (is_about_the_column(so_json_key(m)))
            continue;
        so_buf_printf(out, "  %.*s ", SO_STR_ARG(so_json_key(m)));
        so_json_put(out, &m->value);
    }
}

static void put_column(const struct so_field_rule *f, struct so_buf *out)
{
    so_buf_printf(out, "  %-16.*s %-12s %s", SO_STR_ARG(f->name), so_type_info(f->type)->name,
                  f->required ? "not null" : "nullable");
    if (f->default_sql.p != NULL)
        so_buf_printf(out, "  default %.*s", SO_STR_ARG(f->default_sql));
    if (f->references_table.n > 0)
        so_buf_printf(out, "  references %.*s.%.*s", SO_STR_ARG(f->references_table), SO_STR_ARG(f->references_column));
    static const struct {
        size_t at;
        const char *word;
    } FLAGS[] = {{offsetof(struct so_field_rule, unique), "  unique"},
                 {offsetof(struct so_field_rule, read_only), "  read-only"},
                 {offsetof(struct so_field_rule, write_only), "  write-only"},
                 {offsetof(struct so_field_rule, search), "  full text"}};
    for (size_t i = 0; i < COUNT_OF(FLAGS); i++)
        if (*(const bool *)((const char *)f + FLAGS[i].at))
            so_buf_puts(out, FLAGS[i].word);
    put_checks(f->schema, out);
    so_buf_putc(out, '\n');
}

static void put_names(const char *what, const struct so_str *names, size_t count, struct so_buf *out)
{
    so_buf_printf(out, "%s", what);
    for (size_t i = 0; i < count && names[i].p != NULL; i++)
        so_buf_printf(out, "%s%.*s", i > 0 ? ", " : " ", SO_STR_ARG(names[i]));
    so_buf_putc(out, '\n');
}

static void put_policies(const struct so_table *t, struct so_buf *out)
{
    static const char *const COMMANDS[SO_CMD_COUNT] = {"select", "insert", "update", "delete"};
    if (!t->has_policies)
        so_buf_lit(out, "no policies: closed to all but the service key\n");
    for (size_t i = 0; t->has_policies && i < SO_CMD_COUNT; i++) {
        const struct so_policy *p = &t->policies[i];
        so_buf_printf(out, "%s: %.*s\n", COMMANDS[i], SO_STR_ARG(p->kind == SO_POLICY_DENY ? SO_STR("nobody") : p->source));
    }
}

static void put_table(const struct so_table *t, struct so_buf *out)
{
    so_buf_printf(out, "table %.*s", SO_STR_ARG(t->name));
    if (t->title.n > 0)
        so_buf_printf(out, ": %.*s", SO_STR_ARG(t->title));
    so_buf_putc(out, '\n');
    for (size_t i = 0; i < t->field_count; i++)
        put_column(&t->fields[i], out);
    put_names("primary key:", t->primary_key, t->primary_key_count, out);
    for (size_t i = 0; i < t->unique_count; i++)
        put_names("unique:", t->uniques[i], SIZE_MAX, out);
    for (size_t i = 0; i < t->index_count; i++)
        put_names("index:", t->indexes[i], SIZE_MAX, out);
    put_policies(t, out);
}

/* FILE is DIR/schemas/NAME.json: the other files of DIR are read too, since references lead to them. */
static int explain(const char *path, struct so_buf *out, struct so_err *err)
{
    char full[PATH_MAX], copy[PATH_MAX];
    if (realpath(path, full) == NULL)
        return so_fail(err, SO_ENOTFOUND, "cannot open %s", path);
    memcpy(copy, full, sizeof(copy));
    struct so_str name = so_str_c(basename(copy));
    char *folder = dirname(full);
    if (!so_str_ends(so_str_c(folder), SO_STR("/schemas")) || !so_str_ends(name, SO_STR(".json"))) {
        so_fail(err, SO_EINVAL, "%s is no table's schema file", path);
        so_err_hint(err, "table schemas are files DIR/schemas/NAME.json of an app");
        return SO_EINVAL;
    }
    struct so_model *model = NULL;
    int rc = so_model_load(dirname(folder), &model, err);
    if (rc != SO_OK)
        return rc;
    const struct so_table *table = so_model_find(model, so_str_slice(name, 0, name.n - 5));
    if (table != NULL)
        put_table(table, out);
    else
        rc = so_fail(err, SO_ENOTFOUND, "there is no table in %s", path);
    so_model_unref(model);
    return rc;
}

int schema_explain(const char *const *paths, int count)
{
    int code = CLI_OK;
    for (int i = 0; i < count; i++) {
        struct so_err err = SO_ERR_INIT;
        struct so_buf out;
        so_buf_init(&out, MEMORY_MAX);
        if (explain(paths[i], &out, &err) == SO_OK) {
            fwrite(out.p, 1, out.len, stdout);
        } else {
            cli_fail(&err);
            code = CLI_USAGE;
        }
        so_buf_deinit(&out);
    }
    return code;
}
