/* page.c: long answers in pages. */
#include "auth/page.h"

#include "auth/errors.h"
#include "auth/reply.h"
#include "auth/text.h"

enum { PER_PAGE = 50, PER_PAGE_MAX = 1000, PAGE_MAX = 1000000000 };

/* *value holds the default, and keeps it when the parameter is absent or empty. */
static int take_number(struct so_auth_call *call, const char *name, int64_t max, int64_t *value, struct so_err *err)
{
    struct so_str text = so_auth_query(call->in->query, name, call->arena);
    uint64_t given;
    if (text.n == 0)
        return SO_OK;
    if (!so_str_to_u64(text, &given) || given == 0)
        return so_auth_fail_with(err, SO_AUTH_VALIDATION, "Bad Pagination Parameters: %s must be a number above 0", name);
    *value = given > (uint64_t)max ? max : (int64_t)given;
    return SO_OK;
}

int so_auth_page_take(struct so_auth_call *call, struct so_auth_page *out, struct so_err *err)
{
    struct so_auth_page page = {1, PER_PAGE};
    int rc = take_number(call, "page", PAGE_MAX, &page.page, err);
    if (rc == SO_OK)
        rc = take_number(call, "per_page", PER_PAGE_MAX, &page.per_page, err);
    if (rc == SO_OK)
        *out = page;
    return rc;
}

void so_auth_page_put(struct so_auth_call *call, const struct so_auth_page *page, const char *path, int64_t total)
{
    long long last = total == 0 ? 1 : (total + page->per_page - 1) / page->per_page, size = page->per_page;
    struct so_str next = SO_STR("");
    if (page->page < last)
        next = so_arena_printf(call->arena, "<%s?page=%lld&per_page=%lld>; rel=\"next\", ", path, (long long)page->page + 1,
                               size);
    so_reply_header(call->out, "X-Total-Count", so_arena_printf(call->arena, "%lld", (long long)total));
    so_reply_header(
        call->out, "Link",
        so_arena_printf(call->arena, "%.*s<%s?page=%lld&per_page=%lld>; rel=\"last\"", SO_STR_ARG(next), path, last, size));
}
