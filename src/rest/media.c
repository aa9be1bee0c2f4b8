/* media.c: what the answer is to be (Accept, RFC 9110 section 12.5.1) and what the body is (Content-Type). */
#include "rest/errors.h"
#include "rest/request.h"
#include "rest/text.h"

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
        [SO_MEDIA_RAW] = SO_STR_INIT("application/octet-stream"), /* unless the function says what it is */
        [SO_MEDIA_NONE] = SO_STR_INIT("application/json; charset=utf-8"),
    };
    return TYPES[media];
}

struct asked {
    struct so_str type; /* without parameters */
    bool strip_nulls;
    int quality;               /* thousandths */
    struct so_str of, options; /* of a plan */
};

/* Cuts at `separator` outside of quotes. */
static bool next_part(struct so_str *rest, char separator, struct so_str *out)
{
    bool quoted = false;
    if (rest->p == NULL)
        return false;
    for (size_t i = 0; i < rest->n; i++) {
        quoted ^= rest->p[i] == '"';
        if (rest->p[i] != separator || quoted)
            continue;
        *out = so_str_slice(*rest, 0, i);
        *rest = so_str_slice(*rest, i + 1, rest->n);
        return true;
    }
    *out = *rest;
    *rest = so_str(NULL, 0);
    return true;
}

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

static struct so_str unquote(struct so_str text)
{
    text = so_str_trim(text);
    bool quoted = text.n >= 2 && text.p[0] == '"' && text.p[text.n - 1] == '"';
    return quoted ? so_str_slice(text, 1, text.n - 1) : text;
}

static void parse_param(struct so_str param, struct asked *out)
{
    size_t equals = so_str_find_char(param, '=', 0);
    if (equals == SO_STR_NONE)
        return;
    struct so_str name = so_str_trim(so_str_slice(param, 0, equals)),
                  value = unquote(so_str_slice(param, equals + 1, param.n));
    if (so_str_eq_nocase(name, SO_STR("nulls")))
        out->strip_nulls = so_str_eq_nocase(value, SO_STR("stripped"));
    else if (so_str_eq_nocase(name, SO_STR("q")))
        out->quality = parse_quality(value);
    else if (so_str_eq_nocase(name, SO_STR("for")))
        out->of = value;
    else if (so_str_eq_nocase(name, SO_STR("options")))
        out->options = value;
}

static struct asked parse_one(struct so_str part)
{
    struct asked out = {.quality = 1000, .of = {NULL, 0}, .options = {NULL, 0}};
    struct so_str param;
    next_part(&part, ';', &out.type);
    out.type = so_str_trim(out.type);
    while (next_part(&part, ';', &param))
        parse_param(param, &out);
    return out;
}

static const struct media_row *find_media(struct so_str type, bool root)
{
    for (size_t i = 0; i < COUNT_OF(MEDIA); i++)
        if (so_str_eq_nocase(type, MEDIA[i].name))
            return MEDIA[i].root_only && !root ? NULL : &MEDIA[i];
    return NULL;
}

/* The most welcome one of those that can be had everywhere, and how welcome it is; 0: none. */
static int best_media(struct so_str accept, bool root, enum so_media *out)
{
    struct so_str part;
    int best = 0;
    while (next_part(&accept, ',', &part)) {
        struct asked asked = parse_one(part);
        const struct media_row *row = find_media(asked.type, root);
        if (row == NULL || asked.quality <= best)
            continue;
        best = asked.quality;
        *out = asked.strip_nulls ? row->stripped : row->plain;
    }
    return best;
}

/* ---- plans ---- */

static const struct {
    struct so_str name;
    bool as_json;
} PLANS[] = {
    {SO_STR_INIT("application/vnd.pgrst.plan"), false},
    {SO_STR_INIT("application/vnd.pgrst.plan+text"), false},
    {SO_STR_INIT("application/vnd.pgrst.plan+json"), true},
};
static const struct {
    struct so_str name;
    enum so_explain_option option;
} OPTIONS[] = {
    {SO_STR_INIT("analyze"), SO_EXPLAIN_ANALYZE},   {SO_STR_INIT("verbose"), SO_EXPLAIN_VERBOSE},
    {SO_STR_INIT("settings"), SO_EXPLAIN_SETTINGS}, {SO_STR_INIT("buffers"), SO_EXPLAIN_BUFFERS},
    {SO_STR_INIT("wal"), SO_EXPLAIN_WAL},
};

static unsigned parse_options(struct so_str options)
{
    struct so_str word;
    unsigned all = 0;
    while (so_str_split(&options, '|', &word))
        for (size_t i = 0; i < COUNT_OF(OPTIONS); i++)
            if (so_str_eq(word, OPTIONS[i].name))
                all |= (unsigned)OPTIONS[i].option;
    return all;
}

/* How welcome a plan is; 0: not at all. */
static int best_plan(struct so_str accept, struct so_explain *out)
{
    struct so_str part;
    int best = 0;
    while (next_part(&accept, ',', &part)) {
        struct asked asked = parse_one(part);
        enum so_media media = SO_MEDIA_JSON;
        for (size_t i = 0; i < COUNT_OF(PLANS); i++) {
            if (asked.quality <= best || !so_str_eq_nocase(asked.type, PLANS[i].name))
                continue;
            if (asked.of.p != NULL && best_media(asked.of, false, &media) == 0)
                continue;
            best = asked.quality;
            *out = (struct so_explain){true, PLANS[i].as_json, media, parse_options(asked.options)};
        }
    }
    return best;
}

void so_explain_put_type(const struct so_explain *e, struct so_text *out)
{
    const char *before = "; options=";
    struct so_str media = so_media_type(e->media);
    so_text_c(out, e->as_json ? "application/vnd.pgrst.plan+json; for=\"" : "application/vnd.pgrst.plan+text; for=\"");
    so_text_str(out, so_str_slice(media, 0, so_str_find(media, SO_STR("; charset"))));
    so_text_char(out, '"');
    for (size_t i = 0; i < COUNT_OF(OPTIONS); i++) {
        if ((e->options & (unsigned)OPTIONS[i].option) == 0)
            continue;
        so_text_c(out, before);
        so_text_str(out, OPTIONS[i].name);
        before = "|";
    }
    so_text_lit(out, "; charset=utf-8");
}

/* ---- Accept ---- */

int so_media_choose(struct so_str accept, bool root, enum so_media *out, struct so_explain *out_explain, struct so_err *err)
{
    *out_explain = (struct so_explain){.asked = false};
    if (so_str_trim(accept).n == 0) {
        *out = SO_MEDIA_JSON;
        return SO_OK;
    }
    struct so_explain explain;
    int best = best_media(accept, root, out), plan = best_plan(accept, &explain);
    if (plan >= (best > 0 ? best : 1))
        *out_explain = explain;
    return best > 0 ? SO_OK : so_fail_http(err, PGRST107, SO_STR_ARG(so_str_trim(accept)));
}

bool so_media_prefers(struct so_str accept, struct so_str type)
{
    struct so_str rest = accept, part;
    enum so_media other;
    while (next_part(&rest, ',', &part)) {
        struct asked asked = parse_one(part);
        if (so_str_eq_nocase(asked.type, type))
            return asked.quality > 0 && asked.quality >= best_media(accept, false, &other);
    }
    return false;
}

bool so_media_is_own(struct so_str accept, bool (*speaks)(void *arg, struct so_str type), void *arg, struct so_str *out_type)
{
    struct so_str rest = so_str_trim(accept).n == 0 ? SO_STR("*/*") : accept, part;
    bool is_own = false;
    int best = 0;
    while (next_part(&rest, ',', &part)) {
        struct asked asked = parse_one(part);
        bool own = asked.quality > best && speaks(arg, asked.type);
        if (asked.quality <= best || (!own && find_media(asked.type, false) == NULL))
            continue;
        best = asked.quality;
        is_own = own;
        *out_type = asked.type;
    }
    return is_own;
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
