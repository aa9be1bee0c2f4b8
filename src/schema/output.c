/* output.c: so_schema_output(): the formats of 2020-12 core, section 12.4.
 *   flag      {"valid": true}
 *   basic     the failed units without children (or, if all is well, the annotations) as one list
 *   detailed  the tree of failures (or annotations); a unit with a single child is left out for the child
 *   verbose   the whole tree */
#include "schema/walk.h"
#include "json/write.h"

struct writer {
    struct so_buf *out;
    struct so_arena *arena;
    bool valid; /* the whole: list annotations, not errors */
    bool no_memory;
};

static void put_member(struct writer *w, const char *key, struct so_str value)
{
    so_buf_printf(w->out, ",\"%s\":", key);
    so_json_put_str(w->out, value);
}

struct so_str so_unit_absolute(struct so_arena *arena, const struct so_unit *u)
{
    const struct so_resource *res = u->node->resource;
    if (res->uri.n == 0)
        return so_str("", 0);
    struct so_str pointer = so_str_slice(u->node->pointer, res->pointer.n, u->node->pointer.n);
    return so_arena_printf(arena, "%.*s#%.*s%s%s", SO_STR_ARG(res->uri), SO_STR_ARG(pointer), u->is_keyword ? "/" : "",
                           u->is_keyword ? u->keyword : "");
}

static void put_absolute(struct writer *w, const struct so_unit *u)
{
    struct so_str text = so_unit_absolute(w->arena, u);
    if (text.p == NULL)
        w->no_memory = true;
    else if (text.n > 0)
        put_member(w, "absoluteKeywordLocation", text);
}

/* The unit without its children and without the closing brace. */
static void put_head(struct writer *w, const struct so_unit *u)
{
    so_buf_puts(w->out, u->valid ? "{\"valid\":true" : "{\"valid\":false");
    put_member(w, "keywordLocation", u->keyword_location);
    put_absolute(w, u);
    put_member(w, "instanceLocation", u->instance_location);
    if (!u->valid && u->first == NULL) {
        struct so_str message = so_unit_message(w->arena, u);
        if (message.p == NULL)
            w->no_memory = true;
        else
            put_member(w, "error", message);
    }
    if (u->annotation != NULL) {
        so_buf_lit(w->out, ",\"annotation\":");
        so_json_put(w->out, u->annotation);
    }
}

static void put_flat(struct writer *w, const struct so_unit *u, bool *first)
{
    bool wanted = w->valid ? u->annotation != NULL : !u->valid && u->first == NULL;
    if (wanted) {
        so_buf_puts(w->out, *first ? "" : ",");
        *first = false;
        put_head(w, u);
        so_buf_putc(w->out, '}');
    }
    for (const struct so_unit *c = u->first; c != NULL; c = c->next)
        if (w->valid || !c->valid)
            put_flat(w, c, first);
}

/* Whether a detailed tree has something to say about it. */
static bool is_telling(const struct writer *w, const struct so_unit *u)
{
    if (!w->valid)
        return !u->valid;
    if (u->annotation != NULL)
        return true;
    for (const struct so_unit *c = u->first; c != NULL; c = c->next)
        if (is_telling(w, c))
            return true;
    return false;
}

static void put_tree(struct writer *w, const struct so_unit *u, bool all)
{
    const struct so_unit *only = NULL;
    unsigned telling = 0;
    for (const struct so_unit *c = u->first; c != NULL && !all; c = c->next)
        if (is_telling(w, c)) {
            telling++;
            only = c;
        }
    if (telling == 1 && u->annotation == NULL) {
        put_tree(w, only, all);
        return;
    }
    put_head(w, u);
    bool any = false;
    for (const struct so_unit *c = u->first; c != NULL; c = c->next) {
        if (!all && !is_telling(w, c))
            continue;
        so_buf_puts(w->out, any ? "," : u->valid ? ",\"annotations\":[" : ",\"errors\":[");
        any = true;
        put_tree(w, c, all);
    }
    so_buf_puts(w->out, any ? "]}" : "}");
}

static void put_output(struct writer *w, const struct so_unit *root, enum so_schema_output format)
{
    if (format == SO_OUTPUT_VERBOSE) {
        put_tree(w, root, true);
        return;
    }
    if (format == SO_OUTPUT_DETAILED && is_telling(w, root)) {
        put_tree(w, root, false);
        return;
    }
    bool first = true;
    so_buf_puts(w->out, w->valid ? "{\"valid\":true,\"annotations\":[" : "{\"valid\":false,\"errors\":[");
    put_flat(w, root, &first);
    so_buf_lit(w->out, "]}");
}

int so_schema_output(const struct so_schema *s, const struct so_json *instance, enum so_schema_output format,
                     struct so_arena *arena, struct so_buf *out, bool *out_valid, struct so_err *err)
{
    bool valid = false;
    if (format == SO_OUTPUT_FLAG) {
        int rc = so_schema_check(s, instance, &valid, err);
        if (rc != SO_OK)
            return rc;
        so_buf_puts(out, valid ? "{\"valid\":true}" : "{\"valid\":false}");
    } else {
        struct so_walk walk = {.run = so_run_init(s), .arena = arena, .keep_all = true};
        const struct so_unit *root = so_walk(&walk, instance);
        int rc = so_run_finish(&walk.run, err);
        if (rc != SO_OK)
            return rc;
        struct writer w = {.out = out, .arena = arena, .valid = root->valid};
        put_output(&w, root, format);
        valid = root->valid;
        if (w.no_memory)
            return so_err_oom(err);
    }
    int rc = so_buf_check(out, "the output", err);
    if (rc == SO_OK)
        *out_valid = valid;
    return rc;
}
