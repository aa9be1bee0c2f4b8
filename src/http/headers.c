/* headers.c: looking up headers of a request. */
#include "http/headers.h"

#include "http/http.h"

bool so_http_header_next(const struct so_http_request *req, struct so_str name, size_t *i, struct so_str *out_value)
{
    while (*i < req->header_count) {
        const struct so_header *h = &req->headers[(*i)++];
        if (h->name.n == name.n && so_str_eq_nocase(h->name, name)) {
            *out_value = h->value;
            return true;
        }
    }
    return false;
}

struct so_str so_http_header(const struct so_http_request *req, struct so_str name)
{
    size_t i = 0;
    struct so_str value = {NULL, 0};
    (void)so_http_header_next(req, name, &i, &value);
    return value;
}

bool so_http_list_has(struct so_str value, struct so_str word)
{
    for (struct so_str part; so_str_split(&value, ',', &part);)
        if (so_str_eq_nocase(so_str_trim(part), word))
            return true;
    return false;
}
