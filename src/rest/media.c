/* media.c: what the answer is to be (Accept, RFC 9110 section 12.5.1) and what the body is (Content-Type). */
#include "rest/errors.h"
#include "rest/request.h"

static const struct media_row {
    struct so_str name; /* lower case */
    enum so_media plain, stripped;
    bool root_only;
} MEDIA[] = {
    {SO_STR_INIT("*/*"), SO_MEDIA_JSON, SO_MEDIA_JSON, false},
    {SO_STR_INIT("application/*"), SO_MEDIA_JSON, SO_MEDIA_JSON, false},
    {SO_STR_INIT("application/json"), SO_MEDIA_JSON, SO_MEDIA_JSON, false},
    {SO_STR_INIT("application/vnd.pgrst.array"), SO_MEDIA_JSON, SO_MEDIA_ARRAY_STRIPPED, false},
    {SO_STR_INIT("application/vnd.pgrst.array+json"), SO_MEDIA_JSON, SO_MEDIA_ARRAY_STRIPPED, false},
    {SO_STR_INIT("application/vnd.pgrst.object"), SO_MEDIA_OBJECT, SO_MEDIA_OBJECT_STRIPPED, false},
    {SO_STR_INIT("application/vnd.pgrst.object+json"), SO_MEDIA_OBJECT, SO_MEDIA_OBJECT_STRIPPED, false},
    {SO_STR_INIT("text/csv"), SO_MEDIA_CSV, SO_MEDIA_CSV, false},
    {SO_STR_INIT("application/openapi+json"), SO_MEDIA_OPENAPI, SO_MEDIA_OPENAPI, true},
};

struct so_str so_media_type(enum so_media media)
{
    static const struct so_str TYPES[] = {
        [SO_MEDIA_JSON] = SO_STR_INIT("application/json; charset=utf-8"),
        [SO_MEDIA_ARRAY_STRIPPED] = SO_STR_INIT("application/vnd.pgrst.array+json;nulls=stripped; charset=utf-8"),
        [SO_MEDIA_OBJECT] = SO_STR_INIT("application/vnd.pgrst.object+json; charset=utf-8"),
        [SO_MEDIA_OBJECT_STRIPPED] = SO_STR_INIT("application/vnd.pgrst.object+json;nulls=stripped; charset=utf-8"),
        [SO_MEDIA_CSV] = SO_STR_INIT("text/csv; charset=utf-8"),
        [SO_MEDIA_OPENAPI] = SO_STR_INIT("application/openapi+json; charset=utf-8"),
    };
    return TYPES[media];
}

struct asked {
    struct so_str type; /* without parameters */
    bool strip_nulls;
    int quality; /* thousandths */
};

/* "0.85" as 850; what cannot be read counts as 1. */
static int parse_quality(struct so_str text)
{
    int value = 0, unit = 1000;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '.' && i == 1)
            continue;
        if (c < '0' || c > '9')
            return 1000;
        value += (c - '0') * unit;
        unit /= 10;
    }
    return text.n == 0 || value > 1000 ? 1000 : value;
}

static struct asked parse_one(struct so_str part)
{
    struct asked out = {.quality = 1000};
    struct so_str param;
    so_str_split(&part, ';', &out.type);
    out.type = so_str_trim(out.type);
    while (so_str_split(&part, ';', &param)) {
        param = so_str_trim(param);
        if (so_str_eq_nocase(param, SO_STR("nulls=stripped")))
            out.strip_nulls = true;
        else if (so_str_starts(param, SO_STR("q=")))
            out.quality = parse_quality(so_str_slice(param, 2, param.n));
    }
    return out;
}

static const struct media_row *find_media(struct so_str type, bool root)
{
    for (size_t i = 0; i < COUNT_OF(MEDIA); i++)
        if (so_str_eq_nocase(type, MEDIA[i].name))
            return MEDIA[i].root_only && !root ? NULL : &MEDIA[i];
    return NULL;
}

int so_media_choose(struct so_str accept, bool root, enum so_media *out, struct so_err *err)
{
    struct so_str rest = accept, part;
    int best = 0;
    if (so_str_trim(accept).n == 0) {
        *out = SO_MEDIA_JSON;
        return SO_OK;
    }
    while (so_str_split(&rest, ',', &part)) {
        struct asked asked = parse_one(part);
        const struct media_row *row = find_media(asked.type, root);
        if (row == NULL || asked.quality <= best)
            continue;
        best = asked.quality;
        *out = asked.strip_nulls ? row->stripped : row->plain;
    }
    if (best > 0)
        return SO_OK;
    return so_fail_http(err, PGRST107, SO_STR_ARG(so_str_trim(accept)));
}

struct so_str so_content_type(enum so_content content)
{
    static const struct so_str NAMES[] = {
        [SO_CONTENT_JSON] = SO_STR_INIT("application/json"),
        [SO_CONTENT_CSV] = SO_STR_INIT("text/csv"),
        [SO_CONTENT_FORM] = SO_STR_INIT("application/x-www-form-urlencoded"),
        [SO_CONTENT_TEXT] = SO_STR_INIT("text/plain"),
        [SO_CONTENT_XML] = SO_STR_INIT("text/xml"),
        [SO_CONTENT_BYTES] = SO_STR_INIT("application/octet-stream"),
    };
    return NAMES[content];
}

int so_content_choose(struct so_str content_type, bool is_call, enum so_content *out, struct so_err *err)
{
    static const struct {
        struct so_str name;
        enum so_content content;
    } CONTENTS[] = {
        {SO_STR_INIT("application/json"), SO_CONTENT_JSON},
        {SO_STR_INIT("text/csv"), SO_CONTENT_CSV},
        {SO_STR_INIT("application/x-www-form-urlencoded"), SO_CONTENT_FORM},
        {SO_STR_INIT("*/*"), SO_CONTENT_JSON},
        {SO_STR_INIT("text/plain"), SO_CONTENT_TEXT},
        {SO_STR_INIT("text/xml"), SO_CONTENT_XML},
        {SO_STR_INIT("application/octet-stream"), SO_CONTENT_BYTES},
    };
    struct so_str type = parse_one(content_type).type;
    if (type.n == 0) {
        *out = SO_CONTENT_JSON;
        return SO_OK;
    }
    for (size_t i = 0; i < COUNT_OF(CONTENTS); i++)
        if (so_str_eq_nocase(type, CONTENTS[i].name) && (is_call || CONTENTS[i].content < SO_CONTENT_TEXT)) {
            *out = CONTENTS[i].content;
            return SO_OK;
        }
    return so_fail_http(err, PGRST102_CONTENT, SO_STR_ARG(type));
}
