/* tsquery.h: the four spellings of a full text query as one tree.  Spec: PostgreSQL, Text Search, 12.3.2 Parsing Queries.
 * Owns: nothing; everything lives in the arena or points into the text.   Limits: SO_REST_DEPTH_MAX levels.
 * Errors: SO_EINVAL 42601, 42704.   Never: blocks. */
#ifndef SO_REST_TSQUERY_H
#define SO_REST_TSQUERY_H

#include "rest/request.h"

enum so_ts_kind {
    SO_TS_WORDS, /* words that follow each other */
    SO_TS_AND,
    SO_TS_OR,
    SO_TS_NOT,
    SO_TS_PHRASE /* the operands follow each other */
};
struct so_ts {
    enum so_ts_kind kind;
    struct so_str text; /* WORDS: holds at least one */
    bool prefix;        /* WORDS: the last one is the beginning of a word */
    int64_t distance;   /* PHRASE: from the one operand to the next; 1 is side by side */
    struct so_ts *sub, *next;
};

/* op is one of the four; language may be empty.  *out is NULL when nothing is left to look for: only stop words. */
int so_ts_parse(struct so_arena *arena, enum so_op op, struct so_str language, struct so_str text, struct so_ts **out,
                struct so_err *err) SO_MUST_CHECK;

#endif
