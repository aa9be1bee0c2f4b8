/* pg_params.c: the values of a statement's parameters, all as text without a type: the server infers what each must be. */
#include "db/pg_int.h"

#include <inttypes.h>

enum { PARAMS_MAX = 256 << 20 }; /* bytes of one statement's values */

void so_pg_params_init(struct so_pg_params *p, int count)
{
    *p = (struct so_pg_params){.count = count, .err = SO_ERR_INIT};
    so_arena_init(&p->arena, PARAMS_MAX);
    if (count == 0)
        return;
    p->values = so_alloc_array(&p->arena, (size_t)count, sizeof(p->values[0]));
    if (p->values == NULL)
        p->rc = so_err_oom(&p->err);
}

void so_pg_params_deinit(struct so_pg_params *p) { so_arena_deinit(&p->arena); }

static bool has(struct so_pg_params *p, int position)
{
    if (p->rc == SO_OK && (position < 1 || position > p->count))
        p->rc = so_fail_http(&p->err, SO_EDB, 0, "42P02", "there is no parameter $%d", position);
    return p->rc == SO_OK;
}

static void put(struct so_pg_params *p, int position, const char *text)
{
    if (text == NULL)
        p->rc = so_err_oom(&p->err);
    else
        p->values[position - 1] = text;
}

void so_pg_params_null(struct so_pg_params *p, int position)
{
    if (has(p, position))
        p->values[position - 1] = NULL;
}

void so_pg_params_i64(struct so_pg_params *p, int position, int64_t value)
{
    if (has(p, position))
        put(p, position, so_arena_printf(&p->arena, "%" PRId64, value).p);
}

void so_pg_params_double(struct so_pg_params *p, int position, double value)
{
    if (has(p, position))
        put(p, position, so_arena_printf(&p->arena, "%.17g", value).p);
}

void so_pg_params_text(struct so_pg_params *p, int position, struct so_str value)
{
    if (value.p == NULL) {
        so_pg_params_null(p, position);
        return;
    }
    if (!has(p, position))
        return;
    if (so_str_find_char(value, '\0', 0) != SO_STR_NONE)
        p->rc = so_fail_http(&p->err, SO_EDB, 0, "22021", "invalid byte sequence for encoding \"UTF8\": 0x00");
    else
        put(p, position, so_arena_dup(&p->arena, value).p);
}

void so_pg_params_blob(struct so_pg_params *p, int position, struct so_str value)
{
    static const char DIGITS[] = "0123456789abcdef";
    if (value.p == NULL) {
        so_pg_params_null(p, position);
        return;
    }
    char *hex = has(p, position) ? so_alloc_text(&p->arena, 2 * value.n + 3) : NULL;
    if (p->rc != SO_OK)
        return;
    if (hex != NULL) {
        hex[0] = '\\';
        hex[1] = 'x';
        for (size_t i = 0; i < value.n; i++) {
            hex[2 + 2 * i] = DIGITS[(unsigned char)value.p[i] >> 4];
            hex[3 + 2 * i] = DIGITS[(unsigned char)value.p[i] & 15];
        }
        hex[2 + 2 * value.n] = '\0';
    }
    put(p, position, hex);
}

void so_pg_params_refuse(struct so_pg_params *p)
{
    if (p->rc == SO_OK)
        p->rc = so_fail_http(&p->err, SO_EDB, 0, "0A000", "PostgreSQL's statements take no pointers");
}

int so_pg_params_check(struct so_pg_params *p, struct so_err *err)
{
    if (p->rc != SO_OK && err != NULL && err->code == SO_OK)
        *err = p->err;
    return p->rc;
}
