/* page.h: long answers in pages: ?page=&per_page=, and the headers that say what comes next. */
#ifndef SO_AUTH_PAGE_H
#define SO_AUTH_PAGE_H

#include "auth/auth_int.h"

struct so_auth_page {
    int64_t page, per_page; /* from 1 */
};

/* From the query; 1 and 50 when it does not say.  validation_failed. */
int so_auth_page_take(struct so_auth_call *call, struct so_auth_page *out, struct so_err *err) SO_MUST_CHECK;
/* X-Total-Count and Link, which the client reads (PROTOCOL.md section 3.8).  `path` is a literal. */
void so_auth_page_put(struct so_auth_call *call, const struct so_auth_page *page, const char *path, int64_t total);

#endif
