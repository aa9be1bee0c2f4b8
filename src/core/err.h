/* err.h: the one error type.
 *
 * A function that can fail returns int: SO_OK or an enum so_code; its outputs come last and are untouched on failure.
 * The details go to `struct so_err *err`, filled where the failure is first understood and never overwritten after that.
 * Library code never logs and never exits: app/ and cli/ do. */
#ifndef SO_CORE_ERR_H
#define SO_CORE_ERR_H

#include "core/base.h"
#include "core/str.h"

/* What a program branches on.  What a person or a client reads is in struct so_err. */
enum so_code {
    SO_OK = 0,
    SO_ENOMEM,    /* an allocation failed, or an arena met its limit */
    SO_ELIMIT,    /* the input is larger, deeper or more numerous than allowed */
    SO_EINVAL,    /* the input is malformed or means nothing */
    SO_ENOTFOUND, /* what was named is not there */
    SO_EEXISTS,   /* what should be made is there already, or conflicts */
    SO_EDENIED,   /* the caller may not */
    SO_EAUTH,     /* who the caller is could not be proved: bad token, key or password */
    SO_EEXPIRED,  /* it was good once */
    SO_EEARLY,    /* it is not good yet */
    SO_EIO,       /* the operating system said no */
    SO_EDB,       /* the database said no; err->id holds the SQLSTATE */
    SO_ETIMEOUT,  /* the time allowed ran out */
    SO_EBUSY,     /* a queue is full: come back later */
    SO_ECLOSED    /* the thing is shut down */
};

#define SO_ERR_NOWHERE ((size_t)-1)

struct so_err {
    int code;          /* enum so_code; SO_OK while nothing has failed */
    int status;        /* the HTTP status to answer with; 0 when not decided here */
    char id[40];       /* the field's own code: "PGRST100", "42501", "invalid_credentials"; "" when there is none */
    char message[512]; /* one sentence, UTF-8, cut at a character's edge */
    char details[512]; /* "" when there are none */
    char hint[512];    /* what to do next; "" when there is none */
    size_t at;         /* byte offset in the input, or SO_ERR_NOWHERE */
};

#define SO_ERR_INIT ((struct so_err){.at = SO_ERR_NOWHERE})

/* Fills `err` unless it holds an error already (the first one wins) or is NULL.  Returns `code` always, so that a
 * caller can write: return so_fail(err, SO_EINVAL, "..."); */
int so_fail(struct so_err *err, int code, const char *format, ...) SO_PRINTF(3, 4);
/* The same with the byte offset of the fault in the input. */
int so_fail_at(struct so_err *err, int code, size_t at, const char *format, ...) SO_PRINTF(4, 5);
/* The same with HTTP status and the field's code. */
int so_fail_http(struct so_err *err, int code, int status, const char *id, const char *format, ...) SO_PRINTF(5, 6);
/* Out of memory: the one error that needs no thought. */
int so_err_oom(struct so_err *err);

/* Set on an error that is already filled; err may be NULL. */
void so_err_details(struct so_err *err, const char *format, ...) SO_PRINTF(2, 3);
void so_err_hint(struct so_err *err, const char *format, ...) SO_PRINTF(2, 3);

/* The name of a code without its prefix, for logs and tests: "EINVAL". */
const char *so_code_name(int code);

#endif
