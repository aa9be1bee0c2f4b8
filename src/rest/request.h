/* request.h: what URL, headers and body say, before anybody has looked at the database.  Spec: PostgREST 13, ApiRequest.
 *
 *   media.c   Accept, Content-Type        select.c  select=          filter.c  a=eq.1, or=(...)
 *   prefer.c  Prefer                      order.c   order=           range.c   limit=, offset=, Range
 *   query.c   splits and decodes the query string and gives each parameter to one of them
 *   body.c    JSON, CSV or form -> rows
 *
 * Owns: nothing; everything lives in the request's arena or points into the input.
 * Errors: SO_EINVAL with PostgREST's code and status.   Never: blocks, allocates outside the arena. */
#ifndef SO_REST_REQUEST_H
#define SO_REST_REQUEST_H

#include "core/arena.h"
#include "core/err.h"
#include "core/map.h"
#include "rest/rest.h"
#include "json/json.h"

/* A chain of such as a stranger may write: a deeper select or logic tree is refused. */
enum { SO_REST_DEPTH_MAX = 32, SO_REST_ITEMS_MAX = 2000 };

/* One "->" or "->>" of a JSON path. */
struct so_json_step {
    struct so_str key;
    int64_t index; /* when is_index */
    bool is_index;
    bool as_text; /* "->>" */
    const struct so_json_step *next;
};

struct so_field_name {
    struct so_str name;
    const struct so_json_step *path; /* NULL when none */
};

enum so_select_kind { SO_SELECT_FIELD, SO_SELECT_STAR, SO_SELECT_COUNT, SO_SELECT_EMBED, SO_SELECT_SPREAD };
enum so_join { SO_JOIN_DEFAULT, SO_JOIN_LEFT, SO_JOIN_INNER };
enum so_aggregate { SO_AGG_NONE, SO_AGG_SUM, SO_AGG_AVG, SO_AGG_COUNT, SO_AGG_MAX, SO_AGG_MIN };

struct so_select {
    enum so_select_kind kind;
    struct so_field_name field; /* FIELD; of EMBED and SPREAD the name of the target */
    struct so_str alias;        /* p == NULL when none; so in the next three */
    struct so_str cast;
    struct so_str aggregate_cast;
    struct so_str hint;
    enum so_aggregate aggregate;
    enum so_join join;
    const struct so_select *children; /* of EMBED and SPREAD */
    const struct so_select *next;
};

/* A name in a list: columns=, on_conflict=, the path before a filter. */
struct so_name {
    struct so_str name;
    struct so_name *next;
};

enum so_op {
    SO_OP_EQ,
    SO_OP_NEQ,
    SO_OP_GT,
    SO_OP_GTE,
    SO_OP_LT,
    SO_OP_LTE,
    SO_OP_LIKE,
    SO_OP_ILIKE,
    SO_OP_MATCH,
    SO_OP_IMATCH,
    SO_OP_IN,
    SO_OP_IS,
    SO_OP_ISDISTINCT,
    SO_OP_CS,
    SO_OP_CD,
    SO_OP_OV,
    SO_OP_SL,
    SO_OP_SR,
    SO_OP_NXR,
    SO_OP_NXL,
    SO_OP_ADJ,
    SO_OP_FTS,
    SO_OP_PLFTS,
    SO_OP_PHFTS,
    SO_OP_WFTS,
    SO_OP_COUNT
};
/* The operator's name in URLs. */
const char *so_op_name(enum so_op op);

enum so_quantifier { SO_QUANT_NONE, SO_QUANT_ANY, SO_QUANT_ALL };
enum so_is { SO_IS_NULL, SO_IS_NOT_NULL, SO_IS_TRUE, SO_IS_FALSE, SO_IS_UNKNOWN };
enum so_logic { SO_LOGIC_LEAF, SO_LOGIC_AND, SO_LOGIC_OR };

/* A condition: a comparison, or a tree of them. */
struct so_filter {
    enum so_logic logic;
    bool negated;
    /* LEAF */
    enum so_op op;
    enum so_quantifier quantifier;
    enum so_is is;
    struct so_field_name field;
    struct so_str value;    /* of the operators with one value */
    struct so_name *list;   /* of IN and of a quantifier */
    struct so_str language; /* fts(language) */
    struct so_filter *sub;  /* AND, OR */
    struct so_filter *next;
};

enum so_direction { SO_ORDER_DEFAULT, SO_ORDER_ASC, SO_ORDER_DESC };
enum so_nulls { SO_NULLS_DEFAULT, SO_NULLS_FIRST, SO_NULLS_LAST };
struct so_order {
    struct so_str relation; /* order=relation(field); p == NULL when the field is the row's own */
    struct so_field_name field;
    enum so_direction direction;
    enum so_nulls nulls;
    const struct so_order *next;
};

/* What the query says of one embedded resource (path) or of the top (path NULL). */
struct so_scope {
    const struct so_name *path;
    struct so_filter *filters; /* all must hold */
    struct so_filter **filters_end;
    const struct so_order *order;
    int64_t limit, offset; /* limit -1: none */
    bool has_limit, has_offset;
    struct so_scope *next;
};

enum so_return { SO_RETURN_UNSET, SO_RETURN_MINIMAL, SO_RETURN_HEADERS, SO_RETURN_FULL };
enum so_count { SO_COUNT_NONE, SO_COUNT_EXACT, SO_COUNT_PLANNED, SO_COUNT_ESTIMATED };
enum so_resolution { SO_RESOLUTION_NONE, SO_RESOLUTION_MERGE, SO_RESOLUTION_IGNORE };
enum so_missing { SO_MISSING_UNSET, SO_MISSING_NULL, SO_MISSING_DEFAULT };
enum so_handling { SO_HANDLING_UNSET, SO_HANDLING_STRICT, SO_HANDLING_LENIENT };
enum so_tx { SO_TX_UNSET, SO_TX_COMMIT, SO_TX_ROLLBACK };
struct so_prefer {
    enum so_return ret;
    enum so_count count;
    enum so_resolution resolution;
    enum so_missing missing;
    enum so_handling handling;
    enum so_tx tx;
    int64_t max_affected;   /* -1: none */
    struct so_str timezone; /* as asked; p == NULL: none */
};

enum so_media {
    SO_MEDIA_JSON,
    SO_MEDIA_ARRAY_STRIPPED,
    SO_MEDIA_OBJECT,
    SO_MEDIA_OBJECT_STRIPPED,
    SO_MEDIA_CSV,
    SO_MEDIA_OPENAPI,
    SO_MEDIA_RAW, /* what a function gives, as it is, of a type of its own */
    SO_MEDIA_NONE /* nothing that can be had everywhere was asked for */
};
/* application/vnd.pgrst.plan: how the answer would be found, instead of the answer. */
enum so_explain_option {
    SO_EXPLAIN_ANALYZE = 1,
    SO_EXPLAIN_VERBOSE = 2,
    SO_EXPLAIN_SETTINGS = 4,
    SO_EXPLAIN_BUFFERS = 8,
    SO_EXPLAIN_WAL = 16
};
struct so_explain {
    bool asked, as_json;
    enum so_media media; /* of the answer */
    unsigned options;    /* enum so_explain_option */
};
/* "application/json; charset=utf-8" */
struct so_str so_media_type(enum so_media media);
static inline bool so_media_is_object(enum so_media m) { return m == SO_MEDIA_OBJECT || m == SO_MEDIA_OBJECT_STRIPPED; }
static inline bool so_media_strips(enum so_media m) { return m == SO_MEDIA_ARRAY_STRIPPED || m == SO_MEDIA_OBJECT_STRIPPED; }

/* The rows of a body. */
struct so_payload {
    const struct so_json *rows; /* objects */
    size_t row_count;
    const struct so_str *keys; /* of the first row, each once; all rows have the same unless columns= was given */
    size_t key_count;
    bool is_array; /* the body was one: violations name the row */
    bool is_text;  /* CSV or a form: every value is a string, whatever the column is */
};

enum so_content {
    SO_CONTENT_JSON,
    SO_CONTENT_CSV,
    SO_CONTENT_FORM,
    SO_CONTENT_TEXT, /* this and what follows: the whole body is a function's one argument */
    SO_CONTENT_XML,
    SO_CONTENT_BYTES
};

enum so_verb { SO_VERB_READ, SO_VERB_INSERT, SO_VERB_UPDATE, SO_VERB_PUT, SO_VERB_DELETE, SO_VERB_INFO };
enum so_resource { SO_RESOURCE_ROOT, SO_RESOURCE_RELATION, SO_RESOURCE_FUNCTION };

/* An argument of a function in the query string. */
struct so_arg {
    struct so_str name, value;
    struct so_arg *next;
};

struct so_parameter {
    struct so_str key, value;
};

struct so_request {
    struct so_arena *arena;
    enum so_verb verb;
    bool head; /* HEAD: the same answer, no body */
    enum so_resource resource;
    struct so_str name;              /* of the relation or function, decoded */
    bool is_call;                    /* of a function, by POST: its arguments are the body */
    struct so_arg *args;             /* of a function, by GET */
    struct so_parameter *parameters; /* of a relation that is read: all of the query string, decoded */
    size_t parameter_count;
    const struct so_json *body; /* ... or by POST: an object */
    bool body_is_other;         /* ... which was JSON, but no object */
    bool body_is_text;          /* ... whose values are texts: a form */
    const struct so_select *select;
    struct so_scope top;     /* path NULL */
    struct so_scope *scopes; /* of embedded resources */
    bool has_columns;
    struct so_name *columns, *on_conflict;
    struct so_prefer prefer;
    struct so_str accept; /* the header */
    enum so_media media;
    struct so_explain explain;
    struct so_str raw_type; /* of SO_MEDIA_RAW */
    struct so_str raw_sql;  /* PostgreSQL: the expression that makes it of the rows */
    bool named_schema;      /* Accept-Profile or Content-Profile was given */
    struct so_str profile;  /* ... and names this schema; p == NULL: none */
    enum so_content content;
    struct so_str body_text; /* the body as it came */
    struct so_str method, path;
    const struct so_rest_header *headers;
    size_t header_count;
    struct so_payload payload;
};

int so_request_parse(const struct so_rest_in *in, struct so_arena *arena, struct so_request *out,
                     struct so_err *err) SO_MUST_CHECK;

/* ---- the parts, for request.c and the tests ---- */

/* query.c */
int so_query_parse(struct so_request *r, struct so_str query, struct so_err *err) SO_MUST_CHECK;
/* %XX (and '+' as a blank when `plus`) undone; no copy when there is nothing to undo. */
int so_url_decode(struct so_arena *arena, struct so_str text, bool plus, struct so_str *out,
                  struct so_err *err) SO_MUST_CHECK;
/* The scope of a path, made when it is not there; NULL when memory ran out. */
struct so_scope *so_request_scope(struct so_request *r, const struct so_name *path);

int so_select_parse(struct so_arena *arena, struct so_str text, const struct so_select **out,
                    struct so_err *err) SO_MUST_CHECK;
/* `key` is the whole name of the parameter, with its path. */
int so_filter_parse(struct so_request *r, struct so_str key, struct so_str value, struct so_err *err) SO_MUST_CHECK;
int so_logic_parse(struct so_request *r, struct so_str key, struct so_str value, struct so_err *err) SO_MUST_CHECK;
int so_order_parse(struct so_request *r, struct so_str key, struct so_str value, struct so_err *err) SO_MUST_CHECK;
int so_range_parse(struct so_request *r, struct so_str key, struct so_str value, struct so_err *err) SO_MUST_CHECK;
/* The Range header, then what both say together: SO_EINVAL PGRST103 or PGRST114. */
int so_range_finish(struct so_request *r, struct so_str range_header, struct so_err *err) SO_MUST_CHECK;
/* Adds what one Prefer header says.  *invalid collects the unknown ones for handling=strict. */
int so_prefer_parse(struct so_arena *arena, struct so_str value, struct so_prefer *out, struct so_str *invalid,
                    struct so_err *err) SO_MUST_CHECK;
/* A timezone that the database does not have is no preference. */
int so_prefer_settle(struct so_prefer *p, const struct so_map *timezones, struct so_err *err) SO_MUST_CHECK;
int so_prefer_check(const struct so_prefer *p, struct so_str invalid, struct so_err *err) SO_MUST_CHECK;
/* PGRST107 when there is none; *out_explain is not asked unless a plan is at least as welcome. */
int so_media_choose(struct so_str accept, bool root, enum so_media *out, struct so_explain *out_explain,
                    struct so_err *err) SO_MUST_CHECK;
struct so_text;
void so_explain_put_type(const struct so_explain *e, struct so_text *out); /* its media type */
/* Whether a client takes `type` and asks for it by its name, and for no other one more. */
bool so_media_prefers(struct so_str accept, struct so_str type);
/* The most welcome type that can be had is one that speaks() knows; of equals the first in the header counts, and no header
 * asks for anything. */
bool so_media_is_own(struct so_str accept, bool (*speaks)(void *arg, struct so_str type), void *arg,
                     struct so_str *out_type);

struct so_str so_content_type(enum so_content content);
/* is_call: of a function, which may take the whole body as a text. */
int so_content_choose(struct so_str content_type, bool is_call, enum so_content *out, struct so_err *err) SO_MUST_CHECK;
int so_body_parse(struct so_request *r, struct so_str body, enum so_content content, struct so_err *err) SO_MUST_CHECK;
/* The arguments of a function: r->body. */
int so_body_parse_args(struct so_request *r, struct so_str body, enum so_content content, struct so_err *err) SO_MUST_CHECK;
/* Whether text begins as a condition does: "eq.", "not.in.", "fts(". */
bool so_filter_is_one(struct so_str text);
int so_csv_parse(struct so_arena *arena, struct so_str text, struct so_json *out, struct so_err *err) SO_MUST_CHECK;

#endif
