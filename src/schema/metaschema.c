/* metaschema.c: the built-in metaschemas and the names of the drafts. */
#include "schema/metaschema.h"

static const struct {
    const char *uri, *text;
} METASCHEMAS[] = {
#include "metaschemas.inc"
};

static const struct {
    enum so_draft draft;
    const char *name, *uri;
} DRAFTS[] = {
    {SO_DRAFT_4, "4", "http://json-schema.org/draft-04/schema"},
    {SO_DRAFT_6, "6", "http://json-schema.org/draft-06/schema"},
    {SO_DRAFT_7, "7", "http://json-schema.org/draft-07/schema"},
    {SO_DRAFT_2019_09, "2019-09", "https://json-schema.org/draft/2019-09/schema"},
    {SO_DRAFT_2020_12, "2020-12", "https://json-schema.org/draft/2020-12/schema"},
};

const char *so_metaschema_find(struct so_str uri)
{
    for (size_t i = 0; i < COUNT_OF(METASCHEMAS); i++)
        if (so_str_eq_c(uri, METASCHEMAS[i].uri))
            return METASCHEMAS[i].text;
    return NULL;
}

/* What follows "http://" or "https://", without an empty fragment. */
static struct so_str bare(struct so_str uri)
{
    size_t at = so_str_find(uri, SO_STR("://"));
    if (at != SO_STR_NONE && uri.n >= 4 && memcmp(uri.p, "http", 4) == 0)
        uri = so_str_slice(uri, at + 3, uri.n);
    while (uri.n > 0 && uri.p[uri.n - 1] == '#')
        uri.n--;
    return uri;
}

enum so_draft so_metaschema_draft(struct so_str uri)
{
    for (size_t i = 0; i < COUNT_OF(DRAFTS); i++)
        if (so_str_eq(bare(uri), bare(so_str_c(DRAFTS[i].uri))))
            return DRAFTS[i].draft;
    return 0;
}

enum so_draft so_draft_from_name(struct so_str name)
{
    if (so_str_starts(name, SO_STR("draft")))
        name = so_str_slice(name, 5, name.n);
    if (so_str_starts(name, SO_STR("-")))
        name = so_str_slice(name, 1, name.n);
    if (name.n == 2 && name.p[0] == '0')
        name = so_str_slice(name, 1, 2);
    for (size_t i = 0; i < COUNT_OF(DRAFTS); i++)
        if (so_str_eq_c(name, DRAFTS[i].name))
            return DRAFTS[i].draft;
    return 0;
}

const char *so_draft_name(enum so_draft draft)
{
    for (size_t i = 0; i < COUNT_OF(DRAFTS); i++)
        if (DRAFTS[i].draft == draft)
            return DRAFTS[i].name;
    return "";
}

const char *so_draft_uri(enum so_draft draft)
{
    for (size_t i = 0; i < COUNT_OF(DRAFTS); i++)
        if (DRAFTS[i].draft == draft)
            return DRAFTS[i].uri;
    return "";
}
