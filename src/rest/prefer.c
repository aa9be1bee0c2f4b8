/* prefer.c: the Prefer header (RFC 7240; PostgREST, ApiRequest/Preferences.hs). */
#include "rest/errors.h"
#include "rest/request.h"

/* Each known preference, where it is kept, and as what. */
#define AT(member) offsetof(struct so_prefer, member)
static const struct {
    struct so_str text;
    size_t at; /* of an enum */
    int value;
} PREFERENCES[] = {
    {SO_STR_INIT("return=representation"), AT(ret), SO_RETURN_FULL},
    {SO_STR_INIT("return=minimal"), AT(ret), SO_RETURN_MINIMAL},
    {SO_STR_INIT("return=headers-only"), AT(ret), SO_RETURN_HEADERS},
    {SO_STR_INIT("count=exact"), AT(count), SO_COUNT_EXACT},
    {SO_STR_INIT("count=planned"), AT(count), SO_COUNT_PLANNED},
    {SO_STR_INIT("count=estimated"), AT(count), SO_COUNT_ESTIMATED},
    {SO_STR_INIT("resolution=merge-duplicates"), AT(resolution), SO_RESOLUTION_MERGE},
    {SO_STR_INIT("resolution=ignore-duplicates"), AT(resolution), SO_RESOLUTION_IGNORE},
    {SO_STR_INIT("missing=default"), AT(missing), SO_MISSING_DEFAULT},
    {SO_STR_INIT("missing=null"), AT(missing), SO_MISSING_NULL},
    {SO_STR_INIT("handling=strict"), AT(handling), SO_HANDLING_STRICT},
    {SO_STR_INIT("handling=lenient"), AT(handling), SO_HANDLING_LENIENT},
    {SO_STR_INIT("tx=commit"), AT(tx), SO_TX_COMMIT},
    {SO_STR_INIT("tx=rollback"), AT(tx), SO_TX_ROLLBACK},
};

static bool apply_word(struct so_str word, struct so_prefer *out)
{
    for (size_t i = 0; i < COUNT_OF(PREFERENCES); i++)
        if (so_str_eq(word, PREFERENCES[i].text)) {
            int *member = (int *)(void *)((char *)out + PREFERENCES[i].at);
            if (*member == 0)
                *member = PREFERENCES[i].value; /* the first one counts: RFC 7240 section 2 */
            return true;
        }
    return false;
}
_Static_assert(sizeof(enum so_return) == sizeof(int), "the enums of struct so_prefer are ints");

static bool apply_valued(struct so_str word, struct so_prefer *out)
{
    int64_t number;
    if (so_str_starts(word, SO_STR("max-affected="))) {
        if (!so_str_to_i64(so_str_slice(word, 13, word.n), &number) || number < 0)
            return false;
        if (out->max_affected < 0)
            out->max_affected = number;
        return true;
    }
    if (so_str_starts(word, SO_STR("timezone="))) {
        if (out->timezone.p == NULL) /* which zones there are, the database knows: so_prefer_settle() */
            out->timezone = so_str_slice(word, 9, word.n);
        return true;
    }
    return false;
}

int so_prefer_parse(struct so_arena *arena, struct so_str value, struct so_prefer *out, struct so_str *invalid,
                    struct so_err *err)
{
    struct so_str part;
    while (so_str_split(&value, ',', &part)) {
        part = so_str_trim(part);
        if (part.n == 0 || apply_word(part, out) || apply_valued(part, out))
            continue;
        *invalid = invalid->n == 0 ? so_arena_dup(arena, part)
                                   : so_arena_printf(arena, "%.*s, %.*s", SO_STR_ARG(*invalid), SO_STR_ARG(part));
        if (invalid->p == NULL)
            return so_err_oom(err);
    }
    return SO_OK;
}

int so_prefer_settle(struct so_prefer *p, const struct so_map *timezones, struct so_err *err)
{
    if (p->timezone.p == NULL || so_map_has(timezones, p->timezone))
        return SO_OK;
    struct so_str zone = p->timezone;
    p->timezone = (struct so_str){NULL, 0};
    if (p->handling != SO_HANDLING_STRICT)
        return SO_OK;
    int rc = so_fail_http(err, PGRST122);
    so_err_details(err, "Invalid preferences: timezone=%.*s", SO_STR_ARG(zone));
    return rc;
}

int so_prefer_check(const struct so_prefer *p, struct so_str invalid, struct so_err *err)
{
    if (p->handling != SO_HANDLING_STRICT || invalid.n == 0)
        return SO_OK;
    int rc = so_fail_http(err, PGRST122);
    so_err_details(err, "Invalid preferences: %.*s", SO_STR_ARG(invalid));
    return rc;
}
