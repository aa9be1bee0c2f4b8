/* rest_fuzz.c: the URL grammar, preferences, media types and bodies of the data API, without a database.
 *
 * The input is a request in a few lines: "METHOD path?query", then header lines, an empty line, the body. */
#include <stdlib.h>
#include <string.h>

#include "rest/request.h"
#include "rest/tsquery.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEADERS_MAX = 8 };

static void take_headers(struct so_str *rest, struct so_rest_header *headers, struct so_rest_in *in)
{
    struct so_str line, name;
    while (in->header_count < HEADERS_MAX && so_str_split(rest, '\n', &line) && line.n > 0) {
        so_str_split(&line, ':', &name);
        headers[in->header_count++] = (struct so_rest_header){name, so_str_trim(line)};
    }
    in->headers = headers;
}

/* What is refused has a code, a client's status and a sentence. */
static void check_refusal(int rc, const struct so_err *err)
{
    if (rc == SO_ENOMEM)
        return; /* the arena's limit */
    if (err->code != rc || err->id[0] == '\0' || err->message[0] == '\0' || err->status < 400 || err->status > 499)
        abort();
}

/* Every condition is reachable and its leaves have names; so the lists end. */
static size_t count_filters(const struct so_filter *f)
{
    size_t count = 0;
    for (; f != NULL; f = f->next)
        count += f->logic == SO_LOGIC_LEAF ? f->field.name.p != NULL : count_filters(f->sub);
    return count;
}

/* A text query is a tree whose operators have operands. */
static void check_tree(const struct so_ts *node)
{
    bool leaf = node->kind == SO_TS_WORDS;
    if (leaf ? node->text.n == 0 : node->sub == NULL)
        abort();
    for (const struct so_ts *sub = node->sub; !leaf && sub != NULL; sub = sub->next)
        check_tree(sub);
}

static void parse_text_queries(struct so_arena *arena, const struct so_filter *f)
{
    for (; f != NULL; f = f->next) {
        struct so_err err = SO_ERR_INIT;
        struct so_ts *tree = NULL;
        if (f->logic != SO_LOGIC_LEAF) {
            parse_text_queries(arena, f->sub);
        } else if (f->op >= SO_OP_FTS && f->op <= SO_OP_WFTS) {
            int rc = so_ts_parse(arena, f->op, f->language, f->value, &tree, &err);
            if (rc != SO_OK)
                check_refusal(rc, &err);
            else if (tree != NULL)
                check_tree(tree);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct so_rest_header headers[HEADERS_MAX];
    struct so_rest_in in = {.header_count = 0};
    struct so_str rest = {(const char *)data, size}, line = {NULL, 0};
    struct so_request request;
    struct so_err err = SO_ERR_INIT;
    struct so_arena arena;

    so_arena_init(&arena, 1 << 20);
    so_str_split(&rest, '\n', &line);
    so_str_split(&line, ' ', &in.method);
    so_str_split(&line, '?', &in.path);
    in.query = line;
    take_headers(&rest, headers, &in);
    in.body = rest.p == NULL ? SO_STR("") : rest;
    int rc = so_request_parse(&in, &arena, &request, &err);
    if (rc != SO_OK)
        check_refusal(rc, &err);
    else if (count_filters(request.top.filters) > SO_REST_ITEMS_MAX * (size_t)SO_REST_ITEMS_MAX || request.top.limit < -1 ||
             request.top.offset < 0)
        abort();
    else
        parse_text_queries(&arena, request.top.filters);
    so_arena_deinit(&arena);
    return 0;
}
