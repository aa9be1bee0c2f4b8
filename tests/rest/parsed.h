/* parsed.h: parse one request, and write down what was understood in a form that a table can hold. */
#ifndef SO_TESTS_REST_PARSED_H
#define SO_TESTS_REST_PARSED_H

#include "../testing.h"

#include "core/mem.h"
#include "rest/request.h"
#include "rest/text.h"

struct parsed {
    struct so_arena arena;
    struct so_rest_header headers[8];
    struct so_rest_in in;
    struct so_request request;
    struct so_err err;
    int rc;
};

/* request: "GET books?select=a"; headers: "Prefer: a|Range: 0-1" or NULL. */
static inline void parse(struct parsed *p, const char *request, const char *headers, const char *body)
{
    *p = (struct parsed){.err = SO_ERR_INIT};
    so_arena_init(&p->arena, 4 << 20);
    struct so_str target = so_str_c(request), path, rest = so_str_c(headers), line, name;
    so_str_split(&target, ' ', &p->in.method);
    so_str_split(&target, '?', &path);
    p->in.path = path;
    p->in.query = target;
    p->in.body = so_str_c(body);
    p->in.headers = p->headers;
    while (headers != NULL && so_str_split(&rest, '|', &line)) {
        so_str_split(&line, ':', &name);
        p->headers[p->in.header_count++] = (struct so_rest_header){name, so_str_trim(line)};
    }
    p->rc = so_request_parse(&p->in, &p->arena, &p->request, &p->err);
}

static inline void done(struct parsed *p) { so_arena_deinit(&p->arena); }

static inline void show_field(struct so_text *t, const struct so_field_name *f)
{
    so_text_str(t, f->name);
    for (const struct so_json_step *s = f->path; s != NULL; s = s->next) {
        so_text_c(t, s->as_text ? ">>" : ">");
        if (s->is_index) {
            so_text_c(t, s->index < 0 ? "#-" : "#");
            so_text_u64(t, (uint64_t)(s->index < 0 ? -s->index : s->index));
        } else {
            so_text_str(t, s->key);
        }
    }
}

static inline void show_names(struct so_text *t, const struct so_name *n)
{
    for (const char *before = ""; n != NULL; n = n->next, before = ",") {
        so_text_c(t, before);
        so_text_char(t, '<');
        so_text_str(t, n->name);
        so_text_char(t, '>');
    }
}

/* What failed, as "STATUS CODE message / details". */
static inline struct so_str show_error(struct parsed *p)
{
    return so_arena_printf(&p->arena, "%d %s %s / %s", p->err.status, p->err.id, p->err.message, p->err.details);
}

static inline bool same(const char *label, struct so_str got, const char *want)
{
    if (so_str_eq_c(got, want))
        return true;
    print_error("%s\n  got:  %.*s\n  want: %s\n", label, SO_STR_ARG(got), want);
    return false;
}

/* No allocation that fails may leave a mark other than SO_ENOMEM. */
static inline void survives_without_memory(const char *request, const char *headers, const char *body)
{
    for (long n = 0;; n++) {
        struct parsed p;
        so_mem_fail_at(n);
        parse(&p, request, headers, body);
        bool failed = so_mem_failed();
        so_mem_fail_at(-1);
        if (failed)
            assert_int_equal(p.rc, SO_ENOMEM);
        done(&p);
        if (!failed)
            return;
    }
}

#endif
