/* message.c: sentences for people, from one table.
 *
 * A template's fields: {name} the member in question; {expected} the keyword's value; {actual} the instance, shortened;
 * {missing} a member's name; {because} the member that requires it; {count} and {other} numbers; {length} of the instance;
 * {types} the types allowed; {what} a format in words. */
#include <stdio.h>
#include <string.h>

#include "core/utf8.h"
#include "schema/walk.h"
#include "json/write.h"

enum { SHOWN_MAX = 60, ENUM_SHOWN_MAX = 200, TITLE_MAX = 120, MESSAGE_MAX = 4096, SUGGESTIONS_MAX = 500 };

static const struct {
    uint8_t rule;
    const char *template;
} MESSAGES[] = {
    {RULE_TYPE, "{name} must be {types}, but is {actual}"},
    {RULE_CONST, "{name} must be {expected}, but is {actual}"},
    {RULE_ENUM, "{name} must be one of {values}, but is {actual}{suggestion}"},
    {RULE_MINIMUM, "{name} must be {above}, but is {actual}"},
    {RULE_MAXIMUM, "{name} must be {below}, but is {actual}"},
    {RULE_EXCLUSIVE_MINIMUM, "{name} must be more than {expected}, but is {actual}"},
    {RULE_EXCLUSIVE_MAXIMUM, "{name} must be less than {expected}, but is {actual}"},
    {RULE_MULTIPLE_OF, "{name} must be a multiple of {expected}, but is {actual}"},
    {RULE_MIN_LENGTH, "{name} must have at least {expected} character{s}, but has {length}"},
    {RULE_MAX_LENGTH, "{name} must have at most {expected} character{s}, but has {length}"},
    {RULE_PATTERN, "{name} must match the pattern {pattern}, but is {actual}{description}"},
    {RULE_FORMAT, "{name} must be {what}, but is {actual}"},
    {RULE_CONTENT_ENCODING, "{name} must be encoded as {pattern}, but is {actual}"},
    {RULE_CONTENT_MEDIA_TYPE, "{name} must hold {pattern}, but is {actual}"},
    {RULE_MIN_ITEMS, "{name} must have at least {expected} item{s}, but has {length}"},
    {RULE_MAX_ITEMS, "{name} must have at most {expected} item{s}, but has {length}"},
    {RULE_UNIQUE_ITEMS, "{name} must not hold an item twice, but items {count} and {other} are equal"},
    {RULE_CONTAINS, "{name} must hold {contains}, but holds {count}"},
    {RULE_MIN_PROPERTIES, "{name} must have at least {expected} propert{ies}, but has {length}"},
    {RULE_MAX_PROPERTIES, "{name} must have at most {expected} propert{ies}, but has {length}"},
    {RULE_REQUIRED, "{missing} is required"},
    {RULE_DEPENDENT_REQUIRED, "{missing} is required when {because} is given"},
    {RULE_DEPENDENCIES, "{missing} is required when {because} is given"},
    {RULE_ANY_OF, "{name} must match one of the alternatives, but is {actual}"},
    {RULE_ONE_OF, "{name} must match exactly one of the alternatives, but matches numbers {count} and {other}"},
    {RULE_NOT, "{name} must not be {forbidden}, but is {actual}{description}"},
    {RULE_NONE, "{name} is not allowed{suggestion}"}, /* the schema "false" */
};

struct sentence {
    struct so_buf out;
    struct so_arena *arena;
    const struct so_unit *unit;
};

/* A value as JSON, cut to `max` bytes. */
static void put_value(struct sentence *s, const struct so_json *v, size_t max)
{
    struct so_buf text;
    so_buf_init(&text, 1 << 16);
    if (v->len > 4096 && v->type != SO_JSON_NUMBER && v->type != SO_JSON_INT) {
        /* not worth writing to be thrown away */
        if (v->type == SO_JSON_STRING) {
            struct so_json part = so_json_make_str(so_str(v->u.text, so_utf8_cut(v->u.text, 256)));
            so_json_put(&text, &part);
        } else {
            so_buf_printf(&text, "%s with %u %s", v->type == SO_JSON_ARRAY ? "an array" : "an object", (unsigned)v->len,
                          v->type == SO_JSON_ARRAY ? "items" : "members");
        }
    } else {
        so_json_put(&text, v);
    }
    bool cut = text.rc != SO_OK || text.len > max;
    if (cut && text.len > 0)
        text.len = so_utf8_cut(text.p, so_min_size(max - 3, text.len));
    so_buf_put_str(&s->out, so_buf_str(&text));
    if (cut)
        so_buf_lit(&s->out, "...");
    so_buf_deinit(&text);
}

/* The title of the schema in words, or the last steps of the location: `price`, `tags[2]`. */
static void put_name(struct sentence *s)
{
    const struct so_unit *u = s->unit;
    struct so_str title = so_json_get_str(u->node->source, SO_STR("title")), at = u->instance_location;
    if (u->is_name) {
        so_buf_lit(&s->out, "the property name");
        return;
    }
    size_t end = at.n, start = at.n;
    while (start > 0 && at.p[start - 1] != '/')
        start--;
    while (start > 1 && at.p[start] >= '0' && at.p[start] <= '9') { /* an index: the array's name comes first */
        start--;
        while (start > 0 && at.p[start - 1] != '/')
            start--;
    }
    if (at.n == 0 || (title.n > 0 && title.n <= TITLE_MAX)) {
        so_buf_put_str(&s->out, title.n > 0 && title.n <= TITLE_MAX ? title : SO_STR("the value"));
        if (at.n == 0)
            return;
        so_buf_lit(&s->out, " (");
    }
    bool index = false;
    if (start == 1 && at.p[start] >= '0' && at.p[start] <= '9')
        so_buf_lit(&s->out, "item ");
    for (size_t i = start; i < end; i++) {
        char c = at.p[i];
        if (c == '/') {
            if (index)
                so_buf_putc(&s->out, ']');
            index = i + 1 < end && at.p[i + 1] >= '0' && at.p[i + 1] <= '9';
            so_buf_putc(&s->out, index ? '[' : '.');
        } else if (c == '~' && i + 1 < end) {
            so_buf_putc(&s->out, at.p[++i] == '0' ? '~' : '/');
        } else {
            so_buf_putc(&s->out, c);
        }
    }
    if (index)
        so_buf_putc(&s->out, ']');
    if (title.n > 0 && title.n <= TITLE_MAX)
        so_buf_putc(&s->out, ')');
}

static void put_types(struct sentence *s)
{
    const struct so_json *v = s->unit->rule->value, *items = v->type == SO_JSON_ARRAY ? v->u.items : v;
    uint32_t count = v->type == SO_JSON_ARRAY ? v->len : 1;
    for (uint32_t i = 0; i < count; i++) {
        struct so_str name = so_json_str(&items[i]);
        const char *article = so_str_eq_c(name, "null")                                  ? ""
                              : name.p[0] == 'i' || name.p[0] == 'a' || name.p[0] == 'o' ? "an "
                                                                                         : "a ";
        so_buf_puts(&s->out, i == 0 ? "" : i + 1 == count ? " or " : ", ");
        so_buf_printf(&s->out, "%s%.*s", article, SO_STR_ARG(name));
    }
}

static void put_values(struct sentence *s)
{
    const struct so_json *values = s->unit->rule->value;
    size_t start = s->out.len;
    for (uint32_t i = 0; i < values->len; i++) {
        if (s->out.len - start > ENUM_SHOWN_MAX) {
            so_buf_printf(&s->out, " and %u more", (unsigned)(values->len - i));
            return;
        }
        so_buf_puts(&s->out, i == 0 ? "" : i + 1 == values->len ? " and " : ", ");
        put_value(s, &values->u.items[i], SHOWN_MAX);
    }
}

static void put_limit(struct sentence *s, const char *inclusive, const char *exclusive)
{
    so_buf_puts(&s->out, s->unit->rule->u.exclusive ? exclusive : inclusive);
    put_value(s, s->unit->rule->value, SHOWN_MAX);
}

static void put_length(struct sentence *s)
{
    const struct so_json *v = s->unit->instance;
    so_buf_put_u64(&s->out, v->type == SO_JSON_STRING ? so_utf8_length(so_json_str(v)) : v->len);
}

static void put_contains(struct sentence *s)
{
    uint64_t min = s->unit->rule->u.contains.min, max = s->unit->rule->u.contains.max;
    bool few = s->unit->first_number < min;
    so_buf_printf(&s->out, "%s %llu item%s of the kind asked for", few ? "at least" : "at most",
                  (unsigned long long)(few ? min : max), (few ? min : max) == 1 ? "" : "s");
}

/* What "not" forbids, where that is easy to say. */
static void put_forbidden(struct sentence *s)
{
    const struct so_json *inner = s->unit->rule->value, *value = so_json_get(inner, SO_STR("const"));
    struct so_str title = so_json_get_str(inner, SO_STR("title"));
    if (title.n > 0)
        so_buf_put_str(&s->out, so_str_slice(title, 0, so_utf8_cut(title.p, so_min_size(title.n, TITLE_MAX))));
    else if (value != NULL)
        put_value(s, value, SHOWN_MAX);
    else
        so_buf_lit(&s->out, "what \"not\" describes");
}

static void put_description(struct sentence *s)
{
    struct so_str text = so_json_get_str(s->unit->node->source, SO_STR("description"));
    if (text.n > 0)
        so_buf_printf(&s->out, " (%.*s)",
                      SO_STR_ARG(so_str_slice(text, 0, so_utf8_cut(text.p, so_min_size(text.n, TITLE_MAX)))));
}

/* The properties that `node`, and what applies beside it, declares; `budget` counts names and nodes looked at. */
static struct so_str suggest_property(const struct so_node *node, struct so_str name, struct so_str best, unsigned depth,
                                      unsigned *budget)
{
    for (uint32_t i = 0; i < node->rule_count && depth < 8; i++) {
        const struct so_rule *r = &node->rules[i];
        for (uint32_t j = 0; r->code == RULE_PROPERTIES && j<r->u.properties.count && * budget> 0; j++, --*budget)
            best = so_suggest(name, best, r->u.properties.items[j].name.text);
        if (r->code == RULE_REF && *budget > 0) {
            --*budget;
            best = suggest_property(r->u.node, name, best, depth + 1, budget);
        }
        for (uint32_t j = 0; r->code == RULE_ALL_OF && j<r->u.list.count && * budget> 0; j++) {
            --*budget;
            best = suggest_property(r->u.list.nodes[j], name, best, depth + 1, budget);
        }
    }
    return best;
}

static void put_suggestion(struct sentence *s)
{
    const struct so_unit *u = s->unit;
    struct so_str best = {NULL, 0};
    if (u->rule != NULL && u->rule->code == RULE_ENUM && u->instance->type == SO_JSON_STRING) {
        for (uint32_t i = 0; i < u->rule->value->len && i < SUGGESTIONS_MAX; i++)
            if (u->rule->value->u.items[i].type == SO_JSON_STRING)
                best = so_suggest(so_json_str(u->instance), best, so_json_str(&u->rule->value->u.items[i]));
    } else if (u->rule == NULL && u->name.p != NULL && u->parent_node != NULL) {
        unsigned budget = SUGGESTIONS_MAX;
        best = suggest_property(u->parent_node, u->name, best, 0, &budget);
    }
    if (best.p == NULL)
        return;
    so_buf_lit(&s->out, "; did you mean ");
    so_json_put_str(&s->out, best);
    so_buf_putc(&s->out, '?');
}

static void put_expected(struct sentence *s) { put_value(s, s->unit->rule->value, SHOWN_MAX); }
static void put_actual(struct sentence *s) { put_value(s, s->unit->instance, SHOWN_MAX); }
static void put_above(struct sentence *s) { put_limit(s, "at least ", "more than "); }
static void put_below(struct sentence *s) { put_limit(s, "at most ", "less than "); }
static void put_pattern(struct sentence *s)
{
    struct so_str text = so_json_str(s->unit->rule->value);
    so_buf_put_str(&s->out, so_str_slice(text, 0, so_utf8_cut(text.p, so_min_size(text.n, ENUM_SHOWN_MAX))));
}
static void put_what(struct sentence *s)
{
    so_buf_puts(&s->out, s->unit->rule->u.format == NULL ? "well formed" : s->unit->rule->u.format->what);
}
static void put_missing(struct sentence *s) { so_buf_put_str(&s->out, s->unit->name); }
static void put_because(struct sentence *s) { so_buf_put_str(&s->out, s->unit->because); }
static void put_count(struct sentence *s)
{
    uint64_t shift = s->unit->rule->code == RULE_ONE_OF; /* alternatives are counted from 1 */
    so_buf_put_u64(&s->out, s->unit->first_number + shift);
}
static void put_other(struct sentence *s)
{
    uint64_t shift = s->unit->rule->code == RULE_ONE_OF;
    so_buf_put_u64(&s->out, s->unit->second_number + shift);
}
static bool is_one(const struct so_unit *u) { return u->rule->u.count.n == 1; }
static void put_s(struct sentence *s) { so_buf_puts(&s->out, is_one(s->unit) ? "" : "s"); }
static void put_ies(struct sentence *s) { so_buf_puts(&s->out, is_one(s->unit) ? "y" : "ies"); }

static const struct {
    const char *name;
    void (*put)(struct sentence *s);
} FIELDS[] = {
    {"name", put_name},
    {"types", put_types},
    {"expected", put_expected},
    {"actual", put_actual},
    {"values", put_values},
    {"suggestion", put_suggestion},
    {"above", put_above},
    {"below", put_below},
    {"length", put_length},
    {"s", put_s},
    {"ies", put_ies},
    {"pattern", put_pattern},
    {"what", put_what},
    {"contains", put_contains},
    {"count", put_count},
    {"other", put_other},
    {"missing", put_missing},
    {"because", put_because},
    {"forbidden", put_forbidden},
    {"description", put_description},
};

static void put_field(struct sentence *s, struct so_str name)
{
    for (size_t i = 0; i < COUNT_OF(FIELDS); i++)
        if (so_str_eq_c(name, FIELDS[i].name))
            FIELDS[i].put(s);
}

static void put_template(struct sentence *s, const char *template)
{
    struct so_str rest = so_str_c(template);
    while (rest.n > 0) {
        size_t open = so_str_find_char(rest, '{', 0), close = open == SO_STR_NONE ? open : so_str_find_char(rest, '}', open);
        if (close == SO_STR_NONE) {
            so_buf_put_str(&s->out, rest);
            return;
        }
        so_buf_put_str(&s->out, so_str_slice(rest, 0, open));
        put_field(s, so_str_slice(rest, open + 1, close));
        rest = so_str_slice(rest, close + 1, rest.n);
    }
}

struct so_str so_unit_message(struct so_arena *arena, const struct so_unit *unit)
{
    struct sentence s = {.arena = arena, .unit = unit};
    uint8_t code = unit->rule == NULL ? RULE_NONE : unit->rule->code;
    const char *template = "{name} is not valid";
    for (size_t i = 0; i < COUNT_OF(MESSAGES); i++)
        if (MESSAGES[i].rule == code)
            template = MESSAGES[i].template;
    if (code == RULE_ONE_OF && unit->second_number == 0)
        template = "{name} must match exactly one of the alternatives, but is {actual}";
    so_buf_init(&s.out, MESSAGE_MAX);
    put_template(&s, template);
    if (s.out.rc == SO_ELIMIT) /* names and titles can be long */
        s.out.len = so_utf8_cut(s.out.p, s.out.len);
    struct so_str text = s.out.rc == SO_ENOMEM ? (struct so_str){NULL, 0} : so_arena_dup(arena, so_buf_str(&s.out));
    so_buf_deinit(&s.out);
    return text;
}
