/* defaults.c: `default` (a constant) and `x-default` (an SQL expression) in SQLite's words.
 *
 * default_sql is what a statement of ours writes where an insert leaves the column out.  default_ddl says the same to the
 * database itself, for rows that others write; it may only use what SQLite has without us, so now() is spelt with strftime.
 * default_pg is PostgreSQL's, which can do both: a text has there the form that it has here. */
#include "model/fields.h"
#include "model/sql_text.h"
#include "json/write.h"

/* The stored form of a time has six digits (db/type.h); SQLite's clock gives three. */
#define DDL_NOW  "strftime('%Y-%m-%dT%H:%M:%f000+00:00', 'now')"
#define DDL_DATE "date('now')"
#define DDL_TIME "strftime('%H:%M:%f000', 'now')"
/* RFC 9562 version 4: fixed '4', and a variant digit of 8, 9, a, b. */
#define RANDOM_UUID                                                                                                         \
    "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-' || "             \
    "substr('89AB', (random() & 3) + 1, 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))"

#define PG_NOW_TEXT  "to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US+00:00')"
#define PG_DATE      "(now() AT TIME ZONE 'UTC')::date"
#define PG_TIME      "(now() AT TIME ZONE 'UTC')::time"
#define PG_DATE_TEXT "(now() AT TIME ZONE 'UTC')::date::text"
#define PG_TIME_TEXT "to_char(now() AT TIME ZONE 'UTC', 'HH24:MI:SS.US')"

#define TYPE(name) (1u << SO_TYPE_##name)

static const struct known {
    const char *word;
    unsigned types; /* bits of the column types that this row is for */
    const char *sql, *ddl, *pg;
} KNOWN[] = {
    {"now()", TYPE(TIMESTAMPTZ), "so_now()", DDL_NOW, "now()"},
    {"now()", TYPE(TEXT), "so_now()", DDL_NOW, PG_NOW_TEXT},
    {"now()", TYPE(DATE), "substr(so_now(), 1, 10)", DDL_DATE, PG_DATE},
    {"now()", TYPE(TIME), "substr(so_now(), 12, 15)", DDL_TIME, PG_TIME},
    {"current_timestamp", TYPE(TIMESTAMPTZ), "so_now()", DDL_NOW, "now()"},
    {"current_timestamp", TYPE(TEXT), "so_now()", DDL_NOW, PG_NOW_TEXT},
    {"current_date", TYPE(DATE), "substr(so_now(), 1, 10)", DDL_DATE, PG_DATE},
    {"current_date", TYPE(TEXT), "substr(so_now(), 1, 10)", DDL_DATE, PG_DATE_TEXT},
    {"current_time", TYPE(TIME), "substr(so_now(), 12, 15)", DDL_TIME, PG_TIME},
    {"current_time", TYPE(TEXT), "substr(so_now(), 12, 15)", DDL_TIME, PG_TIME_TEXT},
    {"gen_random_uuid()", TYPE(UUID), "so_uuid()", RANDOM_UUID, "gen_random_uuid()"},
    {"gen_random_uuid()", TYPE(TEXT), "so_uuid()", RANDOM_UUID, "gen_random_uuid()::text"},
    {"uuid()", TYPE(UUID), "so_uuid()", RANDOM_UUID, "gen_random_uuid()"},
    {"uuid()", TYPE(TEXT), "so_uuid()", RANDOM_UUID, "gen_random_uuid()::text"},
    {"uuid_generate_v4()", TYPE(UUID), "so_uuid()", RANDOM_UUID, "gen_random_uuid()"},
    {"uuid_generate_v4()", TYPE(TEXT), "so_uuid()", RANDOM_UUID, "gen_random_uuid()::text"},
    {"auth.uid()", TYPE(UUID), ":auth_uid", NULL, "auth.uid()"},
    {"auth.uid()", TYPE(TEXT), ":auth_uid", NULL, "auth.uid()::text"},
    {"auth.role()", TYPE(TEXT), ":auth_role", NULL, "auth.role()"},
    {"auth.jwt()", TYPE(JSON), ":auth_jwt", NULL, "auth.jwt()"},
    {"auth.jwt()", TYPE(TEXT), ":auth_jwt", NULL, "auth.jwt()::text"},
    {"auth.email()", TYPE(TEXT), "(:auth_jwt ->> 'email')", NULL, "auth.jwt() ->> 'email'"},
};

static void set_constant(struct so_field_rule *field, struct so_str sql)
{
    field->default_sql = sql;
    field->default_ddl = sql;
    field->default_in_ddl = true;
    field->default_pg = sql;
    if (field->type == SO_TYPE_BOOLEAN) /* 1 and 0 on SQLite */
        field->default_pg = so_str_eq(sql, SO_STR("0")) ? SO_STR("false") : SO_STR("true");
}

/* ---- default ---- */

/* Appends the SQL literal; strings in the stored form of the column's type. */
static int put_string(struct so_buf *b, struct so_str text, enum so_type type, struct so_arena *arena, struct so_err *err)
{
    const struct so_type_info *info = so_type_info(type);
    if (so_str_find_char(text, '\0', 0) != SO_STR_NONE)
        return so_fail(err, SO_EINVAL, "a default text cannot hold a zero byte");
    if (info->normalise != NULL && info->normalise(text, arena, &text, err) != SO_OK)
        return err->code;
    so_sql_put_text(b, text);
    return SO_OK;
}

static int put_json(struct so_buf *b, const struct so_json *value, struct so_err *err)
{
    struct so_buf text;
    so_buf_init(&text, 64 * 1024);
    so_json_put(&text, value);
    int rc = so_buf_check(&text, "the default", err);
    if (rc == SO_OK)
        so_sql_put_text(b, so_buf_str(&text));
    so_buf_deinit(&text);
    return rc;
}

static int put_constant(struct so_buf *b, const struct so_json *value, enum so_type type, struct so_arena *arena,
                        struct so_err *err)
{
    int64_t whole;
    if (type == SO_TYPE_JSON)
        return put_json(b, value, err);
    if (type == SO_TYPE_BOOLEAN && so_json_is_bool(value)) {
        so_buf_putc(b, value->type == SO_JSON_TRUE ? '1' : '0');
        return SO_OK;
    }
    if (type == SO_TYPE_INTEGER && so_json_to_i64(value, &whole)) {
        so_buf_put_i64(b, whole);
        return SO_OK;
    }
    if (type == SO_TYPE_NUMERIC && so_json_is_number(value)) {
        so_json_put(b, value);
        return SO_OK;
    }
    if (value->type == SO_JSON_STRING && type != SO_TYPE_INTEGER && type != SO_TYPE_NUMERIC && type != SO_TYPE_BOOLEAN)
        return put_string(b, so_json_str(value), type, arena, err);
    return so_fail(err, SO_EINVAL, "is no value of the column's type, %s", so_type_in_schema(type));
}

int so_default_constant(const struct so_json *value, struct so_arena *arena, struct so_field_rule *field, struct so_err *err)
{
    if (value->type == SO_JSON_NULL)
        return SO_OK; /* the same as no default */
    struct so_buf sql;
    so_buf_init(&sql, 128 * 1024);
    int rc = put_constant(&sql, value, field->type, arena, err);
    if (rc == SO_OK)
        rc = so_buf_check(&sql, "the default", err);
    struct so_str kept = {NULL, 0};
    if (rc == SO_OK) {
        kept = so_arena_dup(arena, so_buf_str(&sql));
        rc = kept.p == NULL ? so_err_oom(err) : SO_OK;
    }
    so_buf_deinit(&sql);
    if (rc == SO_OK)
        set_constant(field, kept);
    return rc;
}

/* ---- x-default ---- */

/* The tokens run together are `word`: "NOW ( )" is now(). */
static bool spells(const struct so_sql_token *tokens, const char *word)
{
    struct so_str rest = so_str_c(word);
    for (; tokens->kind != SO_SQL_END; tokens++) {
        if (!so_str_eq_nocase(tokens->text, so_str_slice(rest, 0, tokens->text.n)))
            return false;
        rest = so_str_slice(rest, tokens->text.n, rest.n);
    }
    return rest.n == 0;
}

/* 'text', 12, -1.5, true */
static bool is_constant(const struct so_sql_token *t)
{
    if (so_sql_is(t, "-") && t[1].kind == SO_SQL_NUMBER)
        t++;
    bool plain = t->kind == SO_SQL_TEXT || t->kind == SO_SQL_NUMBER || so_sql_is(t, "true") || so_sql_is(t, "false");
    return plain && t[1].kind == SO_SQL_END;
}

int so_default_expression(struct so_str source, struct so_arena *arena, struct so_field_rule *field, struct so_err *err)
{
    const struct so_sql_token *tokens;
    int rc = so_sql_tokens(source, arena, &tokens, err);
    if (rc != SO_OK)
        return rc;
    if (tokens->kind == SO_SQL_END)
        return so_fail(err, SO_EINVAL, "is empty: write an SQL expression such as \"now()\"");
    if (so_sql_is(tokens, "null") && tokens[1].kind == SO_SQL_END)
        return SO_OK;
    bool known = false;
    for (size_t i = 0; i < COUNT_OF(KNOWN); i++) {
        if (!spells(tokens, KNOWN[i].word))
            continue;
        known = true;
        if ((KNOWN[i].types & (1u << field->type)) == 0)
            continue;
        field->default_sql = so_str_c(KNOWN[i].sql);
        field->default_in_ddl = KNOWN[i].ddl != NULL;
        field->default_pg = so_str_c(KNOWN[i].pg);
        field->default_ddl = KNOWN[i].ddl == NULL ? (struct so_str){NULL, 0} : so_str_c(KNOWN[i].ddl);
        return SO_OK;
    }
    if (known)
        return so_fail(err, SO_EINVAL, "%.*s is no value of the column's type, %s", SO_STR_ARG(source),
                       so_type_in_schema(field->type));
    struct so_str sql;
    rc = so_sql_translate(source, arena, &sql, NULL, err);
    if (rc != SO_OK)
        return rc;
    if (is_constant(tokens)) {
        set_constant(field, sql);
        return SO_OK;
    }
    field->default_sql = sql;
    field->default_pg = so_arena_printf(arena, "(%.*s)", SO_STR_ARG(source));
    return field->default_pg.p == NULL ? so_err_oom(err) : SO_OK;
}
