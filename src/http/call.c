/* call.c: calls are reused, so that a request allocates nothing. */
#include "core/mem.h"
#include "http/connection.h"

/* Room for the reply headers of one request: far more than any program sets. */
enum { LINES_MAX = 64 * 1024 };

static struct so_http_call *new_call(struct so_http_server *s)
{
    struct so_http_call *call = so_calloc(1, sizeof(*call));
    if (call == NULL)
        return NULL;
    const struct so_http_limits *limits = &s->options.limits;
    so_arena_init(&call->arena, limits->request_memory_max);
    so_buf_init(&call->body_in, limits->body_max);
    so_buf_init(&call->body_out, limits->reply_max);
    so_buf_init(&call->lines, LINES_MAX);
    call->x.arena = &call->arena;
    call->x.loop = s->loop;
    call->x.loop_data = s->options.loop_data;
    return call;
}

struct so_http_call *so_call_take(struct so_http_conn *c)
{
    struct so_http_server *s = c->server;
    struct so_http_call *call = s->spare;
    if (call != NULL) {
        s->spare = call->next;
        s->spare_count--;
    } else {
        call = new_call(s);
    }
    if (call != NULL)
        call->conn = c;
    return call;
}

static void free_call(struct so_http_call *call)
{
    so_arena_deinit(&call->arena);
    so_buf_deinit(&call->body_in);
    so_buf_deinit(&call->body_out);
    so_buf_deinit(&call->lines);
    so_free(call);
}

static void reset_buffer(struct so_buf *b)
{
    if (b->cap > CALL_BUFFER_KEEP)
        so_buf_deinit(b);
    else
        so_buf_reset(b);
}

void so_call_put_back(struct so_http_server *s, struct so_http_call *call)
{
    if (s->spare_count >= CALLS_SPARE_MAX) {
        free_call(call);
        return;
    }
    so_arena_reset(&call->arena);
    reset_buffer(&call->body_in);
    reset_buffer(&call->body_out);
    so_buf_reset(&call->lines);
    call->conn = NULL;
    call->closes = call->is_chunked = call->is_old = false;
    call->x.req = (struct so_http_request){0};
    call->next = s->spare;
    s->spare = call;
    s->spare_count++;
}

void so_call_free_spare(struct so_http_server *s)
{
    while (s->spare != NULL) {
        struct so_http_call *call = s->spare;
        s->spare = call->next;
        free_call(call);
    }
    s->spare_count = 0;
}
