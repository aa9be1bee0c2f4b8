/* parser.h: the head of a request: request line and header lines.  Spec: RFC 9112 sections 2, 3, 5 and 6.
 *
 *   bytes as they come --so_head_scan()--> a whole head --so_head_parse()--> struct so_head
 *
 * Strict on purpose: what two servers could read two ways is an error (RFC 9112 section 11), not a guess.
 * Borrows: the bytes of the head, for as long as the result is used.   Never: allocates, blocks, logs. */
#ifndef SO_HTTP_PARSER_H
#define SO_HTTP_PARSER_H

#include "http/http.h"

/* Finds the end of a head, however it is cut into pieces.  Zeroed to start. */
struct so_head_scan {
    size_t at;      /* bytes looked at already; 0 starts anew */
    size_t line_at; /* where the line under way starts */
    size_t skip;    /* bytes of an empty line before the request line (RFC 9112 section 2.2) */
    size_t first;   /* where the first header line starts; 0 within the request line */
    size_t lines;   /* header lines */
};

enum { SO_SCAN_MORE = 0, SO_SCAN_DONE = 1 };

/* p: all bytes of this head so far, the n of them that were given before unchanged.
 * Returns SO_SCAN_MORE, SO_SCAN_DONE (*out_len: bytes of the head, from p + scan->skip, its empty line included, without
 * the skipped ones), or the status to refuse with (400, 414, 431) and *out_why, a sentence for the client. */
int so_head_scan(struct so_head_scan *scan, const char *p, size_t n, const struct so_http_limits *limits, size_t *out_len,
                 const char **out_why);

struct so_head {
    enum so_method method;
    struct so_str method_text;
    struct so_str path, query; /* as in struct so_http_request */
    unsigned minor;            /* HTTP/1.minor: 0 or 1 */
    size_t header_count;
    uint64_t content_length; /* 0 without Content-Length */
    bool has_length;
    bool is_chunked;
    bool keeps_alive;      /* the connection may serve another request (RFC 9112 section 9.3) */
    bool expects_continue; /* Expect: 100-continue */
};

/* p, n: a head that so_head_scan() found.   headers: room for its scan.lines.
 * Returns 0, or the status to refuse with (400, 417, 501, 505) and *out_why. */
int so_head_parse(const char *p, size_t n, struct so_header *headers, struct so_head *out, const char **out_why);

/* A token of RFC 9110 section 5.6.2: a method, a header's name. */
bool so_http_is_token(struct so_str s);

#endif
