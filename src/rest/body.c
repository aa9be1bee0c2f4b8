/* body.c: a body as rows with one list of keys (PostgREST, ApiRequest/Payload.hs). */
#include "core/utf8.h"
#include "rest/errors.h"
#include "rest/request.h"

static int no_json(const struct so_err *why, struct so_err *err)
{
    int rc = so_fail_http(err, PGRST102_JSON);
    if (why->at == SO_ERR_NOWHERE)
        so_err_details(err, "%s", why->message);
    else
        so_err_details(err, "%s at byte %zu", why->message, why->at);
    return rc;
}

/* A member that is there twice could be read one way by us and another way by whoever wrote or inspected it. */
static int parse_json(struct so_arena *arena, struct so_str body, struct so_json *out, struct so_err *err)
{
    struct so_err why = SO_ERR_INIT;
    int rc = so_json_parse(arena, body, &(struct so_json_options){.reject_duplicates = true}, out, &why);
    if (rc == SO_ENOMEM)
        return so_err_oom(err);
    return rc == SO_OK ? SO_OK : no_json(&why, err);
}

/* a=1&b=2 is one row of strings. */
static int parse_form(struct so_arena *arena, struct so_str body, struct so_json *out, struct so_err *err)
{
    size_t max = 1, count = 0;
    for (size_t i = 0; i < body.n; i++)
        max += body.p[i] == '&';
    if (max > SO_REST_ITEMS_MAX)
        return so_fail_http(err, PGRST102_FORM, SO_REST_ITEMS_MAX);
    struct so_json_member *members = so_alloc_array(arena, max, sizeof(*members));
    struct so_json *row = so_alloc_zero(arena, sizeof(*row));
    if (members == NULL || row == NULL)
        return so_err_oom(err);
    struct so_str pair, key, value;
    while (so_str_split(&body, '&', &pair)) {
        if (pair.n == 0)
            continue;
        size_t equals = so_min_size(so_str_find_char(pair, '=', 0), pair.n);
        int rc = so_url_decode(arena, so_str_slice(pair, 0, equals), true, &key, err);
        if (rc == SO_OK)
            rc = so_url_decode(arena, so_str_slice(pair, equals + 1, pair.n), true, &value, err);
        if (rc != SO_OK)
            return rc;
        members[count++] = (struct so_json_member){key.p, (uint32_t)key.n, so_json_key_hash(key), so_json_make_str(value)};
    }
    *row = (struct so_json){.type = SO_JSON_OBJECT, .len = (uint32_t)count, .u.members = members};
    *out = (struct so_json){.type = SO_JSON_ARRAY, .len = 1, .u.items = row};
    return SO_OK;
}

static bool has_key(const struct so_payload *p, const struct so_json_member *m)
{
    for (size_t i = 0; i < p->key_count; i++)
        if (so_str_eq(p->keys[i], so_json_key(m)))
            return true;
    return false;
}

/* The keys of the first row, each once. */
static int collect_keys(struct so_request *r, const struct so_json *row, struct so_err *err)
{
    struct so_payload *p = &r->payload;
    if (row->len > SO_REST_ITEMS_MAX)
        return so_fail_http(err, SQL_TOO_MANY, SO_REST_ITEMS_MAX);
    struct so_str *keys = so_alloc_array(r->arena, row->len, sizeof(*keys));
    if (keys == NULL)
        return so_err_oom(err);
    p->keys = keys;
    for (uint32_t i = 0; i < row->len; i++)
        if (!has_key(p, &row->u.members[i]))
            keys[p->key_count++] = so_json_key(&row->u.members[i]);
    return SO_OK;
}

/* Usually the rows were written by one program and have their keys in one order. */
static bool has_same_keys(const struct so_payload *p, const struct so_json *row)
{
    size_t i = 0;
    if (row->len < p->key_count)
        return false;
    while (i < row->len && i < p->key_count && so_str_eq(so_json_key(&row->u.members[i]), p->keys[i]))
        i++;
    if (i == row->len)
        return true;
    for (size_t k = 0; k < p->key_count; k++)
        if (so_json_get(row, p->keys[k]) == NULL)
            return false;
    for (uint32_t m = 0; m < row->len; m++)
        if (!has_key(p, &row->u.members[m]))
            return false;
    return true;
}

static int check_rows(struct so_request *r, struct so_err *err)
{
    struct so_payload *p = &r->payload;
    for (size_t i = 0; i < p->row_count; i++) {
        bool fits = p->rows[i].type == SO_JSON_OBJECT;
        if (fits && i == 0 && !r->has_columns) {
            int rc = collect_keys(r, &p->rows[0], err);
            if (rc != SO_OK)
                return rc;
        }
        if (!fits || (!r->has_columns && !has_same_keys(p, &p->rows[i])))
            return so_fail_http(err, PGRST102_KEYS);
    }
    return SO_OK;
}

int so_body_parse(struct so_request *r, struct so_str body, enum so_content content, struct so_err *err)
{
    static int (*const PARSE[])(struct so_arena *, struct so_str, struct so_json *, struct so_err *) = {
        [SO_CONTENT_JSON] = parse_json, [SO_CONTENT_CSV] = so_csv_parse, [SO_CONTENT_FORM] = parse_form};
    struct so_json *value = so_alloc_zero(r->arena, sizeof(*value));
    if (value == NULL)
        return so_err_oom(err);
    if (content != SO_CONTENT_JSON && !so_utf8_valid(body))
        return so_fail_http(err, SQL_UTF8);
    r->payload.is_text = content != SO_CONTENT_JSON;
    int rc = PARSE[content](r->arena, body, value, err);
    if (rc != SO_OK)
        return rc;
    if (value->type == SO_JSON_ARRAY) {
        r->payload.rows = value->u.items;
        r->payload.row_count = value->len;
        r->payload.is_array = true;
    } else if (value->type == SO_JSON_OBJECT) {
        r->payload.rows = value;
        r->payload.row_count = 1;
    } else {
        return no_json(&(struct so_err){.message = "expected an object or an array of objects", .at = SO_ERR_NOWHERE}, err);
    }
    return check_rows(r, err);
}

/* Rows of arguments: the first one says which there are; the call takes them as one JSON array. */
static int parse_call_rows(struct so_request *r, struct so_str body, struct so_err *err)
{
    struct so_json *value = so_alloc_zero(r->arena, sizeof(*value));
    if (value == NULL)
        return so_err_oom(err);
    if (!so_utf8_valid(body))
        return so_fail_http(err, SQL_UTF8);
    int rc = so_csv_parse(r->arena, body, value, err);
    if (rc == SO_OK && value->len > 0)
        r->body = &value->u.items[0];
    r->body_is_text = true;
    r->body_is_other = true;
    return rc;
}

int so_body_parse_args(struct so_request *r, struct so_str body, enum so_content content, struct so_err *err)
{
    static const struct so_json NONE = {.type = SO_JSON_OBJECT};
    struct so_json *value = so_alloc_zero(r->arena, sizeof(*value));
    if (value == NULL)
        return so_err_oom(err);
    r->body = &NONE;
    if (content >= SO_CONTENT_TEXT || so_str_trim(body).n == 0)
        return SO_OK;
    if (content == SO_CONTENT_CSV)
        return parse_call_rows(r, body, err);
    if (content == SO_CONTENT_FORM && !so_utf8_valid(body))
        return so_fail_http(err, SQL_UTF8);
    int rc = content == SO_CONTENT_FORM ? parse_form(r->arena, body, value, err) : parse_json(r->arena, body, value, err);
    if (rc != SO_OK)
        return rc;
    r->body_is_text = content == SO_CONTENT_FORM;
    r->body = r->body_is_text ? &value->u.items[0] : value;
    r->body_is_other = r->body->type != SO_JSON_OBJECT;
    if (r->body_is_other)
        r->body = value->type == SO_JSON_ARRAY && value->len > 0 && value->u.items[0].type == SO_JSON_OBJECT
                      ? &value->u.items[0]
                      : &NONE;
    return SO_OK;
}
