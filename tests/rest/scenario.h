/* scenario.h: whole requests on the bookstore as a table: (who, request) -> status, headers, body. */
#ifndef SO_TESTS_REST_SCENARIO_H
#define SO_TESTS_REST_SCENARIO_H

#include "bookstore.h"

#include "core/mem.h"

static struct store store;

struct scenario {
    const char *label, *who, *request; /* "GET books?select=isbn" */
    const char *headers;               /* "Prefer: count=exact|Range: 0-1"; NULL: none */
    const char *body;
    int status;
    const char *want_headers; /* each "Name: value", separated by '|'; NULL: not looked at */
    const char *want;         /* the whole body; one that begins with "~" need only be contained */
    const char *after;        /* SQL whose one cell, after the request, is `cell` */
    const char *cell;
};

struct call {
    const struct scenario *s;
    struct so_arena arena;
    struct so_rest_header headers[8];
    struct so_rest_in in;
    struct so_identity who;
    struct so_rest_op *op;
    struct so_rest_out out;
    struct so_buf body;
    char cell[256];
};

static void parse_headers(struct call *c)
{
    struct so_str rest = so_str_c(c->s->headers), line, name;
    while (c->s->headers != NULL && so_str_split(&rest, '|', &line)) {
        so_str_split(&line, ':', &name);
        c->headers[c->in.header_count++] = (struct so_rest_header){name, so_str_trim(line)};
    }
    c->in.headers = c->headers;
}

static void parse_call(struct call *c)
{
    struct so_str target = so_str_c(c->s->request), path;
    so_str_split(&target, ' ', &c->in.method);
    so_str_split(&target, '?', &path);
    c->in.path = path;
    c->in.query = target;
    c->in.body = so_str_c(c->s->body);
    c->who = who(c->s->who);
    c->in.who = &c->who;
    parse_headers(c);
}

static void read_cell(struct call *c, struct so_conn *conn)
{
    struct so_err err = SO_ERR_INIT;
    struct so_stmt *st;
    bool row;
    if (c->s->after == NULL)
        return;
    must(so_conn_prepare(conn, so_str_c(c->s->after), &st, &err), &err);
    must(so_stmt_step(st, &row, &err), &err);
    snprintf(c->cell, sizeof(c->cell), "%.*s", SO_STR_ARG(row ? so_stmt_text(st, 0) : SO_STR("")));
    so_stmt_done(st);
}

/* As a job of the writer, and always undone, so that no scenario sees another's rows. */
static int run_undone(void *arg, struct so_conn *conn, struct so_err *err)
{
    struct call *c = arg;
    struct so_err own = SO_ERR_INIT;
    int rc = so_rest_run(c->op, conn, &c->out, &c->body, &own);
    if (rc != SO_OK)
        so_rest_error(c->op, &c->who, &own, &c->out, &c->body);
    else
        read_cell(c, conn);
    return so_fail(err, SO_EINVAL, "undone");
}

static void call(struct call *c)
{
    struct so_err err = SO_ERR_INIT;
    int rc = so_rest_prepare(&c->in, store.snapshot, &store.settings, &c->arena, &c->op, &err);
    if (rc == SO_OK && so_rest_writes(c->op)) {
        if (so_db_write(store.db, run_undone, c, &err) != SO_EINVAL)
            fail_msg("%s: %s", c->s->label, err.message);
        return;
    }
    if (rc == SO_OK)
        rc = so_rest_run(c->op, store.reader, &c->out, &c->body, &err);
    if (rc != SO_OK)
        so_rest_error(c->op, &c->who, &err, &c->out, &c->body);
}

static bool has_header(const struct so_rest_out *out, struct so_str want)
{
    struct so_str name;
    so_str_split(&want, ':', &name);
    want = so_str_trim(want);
    for (size_t i = 0; i < out->header_count; i++)
        if (so_str_eq_nocase(out->headers[i].name, name))
            return so_str_eq(out->headers[i].value, want);
    return want.n == 0; /* "Location:" means that there is none */
}

static bool run_scenario(const struct scenario *s)
{
    struct call c = {.s = s};
    so_arena_init(&c.arena, 8 << 20);
    so_buf_init(&c.body, 1 << 20);
    parse_call(&c);
    call(&c);
    struct so_str body = so_buf_str(&c.body);
    bool ok = c.out.status == s->status;
    if (s->want != NULL)
        ok &= s->want[0] == '~' ? so_str_find(body, so_str_c(s->want + 1)) != SO_STR_NONE : so_str_eq_c(body, s->want);
    struct so_str rest = so_str_c(s->want_headers), line;
    while (s->want_headers != NULL && so_str_split(&rest, '|', &line))
        ok &= has_header(&c.out, line);
    if (s->after != NULL)
        ok &= strcmp(c.cell, s->cell) == 0;
    if (!ok) {
        print_error("%s\n%s %s\n  status %d, want %d\n  body %.*s\n  want %s\n", s->label, s->who, s->request, c.out.status,
                    s->status, SO_STR_ARG(body), s->want == NULL ? "(anything)" : s->want);
        for (size_t i = 0; i < c.out.header_count; i++)
            print_error("  %.*s: %.*s\n", SO_STR_ARG(c.out.headers[i].name), SO_STR_ARG(c.out.headers[i].value));
        print_error("  want %s; cell %s\n", s->want_headers == NULL ? "" : s->want_headers, c.cell);
    }
    so_buf_deinit(&c.body);
    so_arena_deinit(&c.arena);
    return ok;
}

#define RUN(table)                                                                                                          \
    do {                                                                                                                    \
        (void)state;                                                                                                        \
        size_t failed = 0;                                                                                                  \
        for (size_t i = 0; i < COUNT_OF(table); i++)                                                                        \
            failed += !run_scenario(&(table)[i]);                                                                           \
        assert_int_equal(failed, 0);                                                                                        \
    } while (0)

#define ADA "aaaaaaaa-0000-4000-8000-000000000001"
#define BEN "aaaaaaaa-0000-4000-8000-000000000002"

static int open_store(void **state)
{
    (void)state;
    store_open(&store);
    return 0;
}

static int close_store(void **state)
{
    (void)state;
    store_close(&store);
    return 0;
}

#endif
