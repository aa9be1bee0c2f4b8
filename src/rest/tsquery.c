/* tsquery.c: full text queries as trees.
 *
 *   fts     or = and {"|" and}   and = phrase {"&" phrase}   phrase = not {"<->" not}   not = "!" not | "(" or ")" | term
 *   plfts   all of the words     phfts  the words side by side     wfts  as in a search engine: "a b" or c -d
 *
 * Stop words are those of PostgreSQL's english, which is what it takes unless told otherwise. */
#include "rest/tsquery.h"

#include "core/utf8.h"
#include "rest/errors.h"

struct parser {
    struct so_str text;
    size_t at;
    bool drops_stop_words;
    unsigned depth;
    struct so_arena *arena;
    struct so_err *err;
};

/* ---- words ---- */

static const char *const STOP_WORDS[] = {
    "i",       "me",       "my",         "myself",  "we",     "our",    "ours",    "ourselves", "you",        "your",
    "yours",   "yourself", "yourselves", "he",      "him",    "his",    "himself", "she",       "her",        "hers",
    "herself", "it",       "its",        "itself",  "they",   "them",   "their",   "theirs",    "themselves", "what",
    "which",   "who",      "whom",       "this",    "that",   "these",  "those",   "am",        "is",         "are",
    "was",     "were",     "be",         "been",    "being",  "have",   "has",     "had",       "having",     "do",
    "does",    "did",      "doing",      "a",       "an",     "the",    "and",     "but",       "if",         "or",
    "because", "as",       "until",      "while",   "of",     "at",     "by",      "for",       "with",       "about",
    "against", "between",  "into",       "through", "during", "before", "after",   "above",     "below",      "to",
    "from",    "up",       "down",       "in",      "out",    "on",     "off",     "over",      "under",      "again",
    "further", "then",     "once",       "here",    "there",  "when",   "where",   "why",       "how",        "all",
    "any",     "both",     "each",       "few",     "more",   "most",   "other",   "some",      "such",       "no",
    "nor",     "not",      "only",       "own",     "same",   "so",     "than",    "too",       "very",       "s",
    "t",       "can",      "will",       "just",    "don",    "should", "now",
};

static const char *const LANGUAGES[] = {
    "simple",  "arabic",     "armenian", "basque",    "catalan",    "danish",    "dutch",      "english",
    "finnish", "french",     "german",   "greek",     "hindi",      "hungarian", "indonesian", "irish",
    "italian", "lithuanian", "nepali",   "norwegian", "portuguese", "romanian",  "russian",    "serbian",
    "spanish", "swedish",    "tamil",    "turkish",   "yiddish",
};

static bool is_among(struct so_str word, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (so_str_eq_nocase(word, so_str_c(list[i])))
            return true;
    return false;
}

/* Letters and digits; beyond ASCII all but the blocks of punctuation. */
static bool is_word_char(int32_t c)
{
    static const struct {
        int32_t from, to;
    } PUNCTUATION[] = {{0x80, 0xA9}, {0xAB, 0xB4},     {0xB6, 0xB9},     {0xBB, 0xBF},     {0xD7, 0xD7},
                       {0xF7, 0xF7}, {0x2000, 0x206F}, {0x2E00, 0x2E7F}, {0x3000, 0x303F}, {0xFF00, 0xFF0F}};
    if (c < 0x80)
        return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
    for (size_t i = 0; i < COUNT_OF(PUNCTUATION); i++)
        if (c >= PUNCTUATION[i].from && c <= PUNCTUATION[i].to)
            return false;
    return true;
}

/* The next word at or after *at, which moves behind it; n == 0: none. */
static struct so_str next_word(struct so_str text, size_t *at)
{
    size_t from = *at;
    while (*at < text.n) {
        size_t before = *at;
        int32_t c = so_utf8_next(text, at);
        if (c < 0)
            *at = before + 1;
        if (c >= 0 && is_word_char(c))
            continue;
        if (before > from)
            return *at = before, so_str_slice(text, from, before);
        from = *at;
    }
    return so_str_slice(text, from, *at);
}

static bool is_stop(const struct parser *p, struct so_str word)
{
    return p->drops_stop_words && is_among(word, STOP_WORDS, COUNT_OF(STOP_WORDS));
}

static struct so_ts *add_node(struct parser *p, struct so_ts node)
{
    struct so_ts *made = so_alloc(p->arena, sizeof(*made));
    if (made != NULL)
        *made = node;
    else
        so_err_oom(p->err);
    return made;
}

/* From the first word to the last that is no stop word; *out is NULL when there is none. */
static int make_words(struct parser *p, struct so_str text, bool prefix, struct so_ts **out)
{
    size_t from = 0, to = 0;
    bool any = false;
    *out = NULL;
    for (size_t at = 0;;) {
        struct so_str word = next_word(text, &at);
        if (word.n == 0)
            break;
        if (is_stop(p, word))
            continue;
        from = any ? from : at - word.n;
        to = at;
        any = true;
    }
    if (!any)
        return SO_OK;
    *out = add_node(p, (struct so_ts){.kind = SO_TS_WORDS, .text = so_str_slice(text, from, to), .prefix = prefix});
    return *out == NULL ? SO_ENOMEM : SO_OK;
}

/* ---- lists of operands: what was dropped is left out, and one alone needs no operator ---- */

struct operands {
    struct so_ts *first, **end;
};

static void add_operand(struct operands *o, struct so_ts *node)
{
    if (node == NULL)
        return;
    *(o->first == NULL ? &o->first : o->end) = node;
    o->end = &node->next;
}

static int join(struct parser *p, enum so_ts_kind kind, const struct operands *o, struct so_ts **out)
{
    *out = o->first;
    if (o->first == NULL || o->first->next == NULL)
        return SO_OK;
    *out = add_node(p, (struct so_ts){.kind = kind, .sub = o->first});
    return *out == NULL ? SO_ENOMEM : SO_OK;
}

static int negate(struct parser *p, struct so_ts **node)
{
    if (*node == NULL)
        return SO_OK;
    *node = add_node(p, (struct so_ts){.kind = SO_TS_NOT, .sub = *node});
    return *node == NULL ? SO_ENOMEM : SO_OK;
}

/* ---- fts: to_tsquery ---- */

static int fail_syntax(struct parser *p) { return so_fail_http(p->err, SQL_TSQUERY, SO_STR_ARG(p->text)); }

static char peek(struct parser *p)
{
    while (p->at < p->text.n && (p->text.p[p->at] == ' ' || (p->text.p[p->at] >= '\t' && p->text.p[p->at] <= '\r')))
        p->at++;
    return p->at < p->text.n ? p->text.p[p->at] : '\0';
}

/* 'it''s', with its quotes undone. */
static int quoted_term(struct parser *p, struct so_str *out)
{
    char *copy = so_alloc_text(p->arena, p->text.n);
    size_t n = 0;
    if (copy == NULL)
        return so_err_oom(p->err);
    for (p->at++; p->at < p->text.n; p->at++) {
        char c = p->text.p[p->at];
        bool next_is_quote = p->at + 1 < p->text.n && p->text.p[p->at + 1] == '\'';
        if (c == '\'' && !next_is_quote)
            return p->at++, *out = so_str(copy, n), SO_OK;
        if (c == '\'' || (c == '\\' && p->at + 1 < p->text.n))
            c = p->text.p[++p->at];
        copy[n++] = c;
    }
    return fail_syntax(p);
}

static int parse_term(struct parser *p, struct so_ts **out)
{
    struct so_str term;
    bool prefix = false;
    if (peek(p) == '\'') {
        int rc = quoted_term(p, &term);
        if (rc != SO_OK)
            return rc;
    } else {
        size_t from = p->at;
        while (p->at < p->text.n && strchr(" \t\n\v\f\r!&|():", p->text.p[p->at]) == NULL)
            p->at++;
        term = so_str_slice(p->text, from, p->at);
    }
    if (term.n == 0)
        return fail_syntax(p);
    if (p->at < p->text.n && p->text.p[p->at] == ':') {
        p->at++;
        prefix = p->at < p->text.n && p->text.p[p->at] == '*';
        if (!prefix)
            return fail_syntax(p); /* weights: text without any has none to ask for */
        p->at++;
    }
    return make_words(p, term, prefix, out);
}

static int parse_or(struct parser *p, struct so_ts **out);

static int parse_not(struct parser *p, struct so_ts **out)
{
    int rc;
    char c = peek(p);
    if (c != '!' && c != '(')
        return parse_term(p, out);
    if (++p->depth > SO_REST_DEPTH_MAX)
        return so_fail_http(p->err, PGRST100_DEPTH, "failed to parse a text search query", SO_REST_DEPTH_MAX);
    p->at++;
    if (c == '!') {
        rc = parse_not(p, out);
        rc = rc == SO_OK ? negate(p, out) : rc;
    } else {
        rc = parse_or(p, out);
        if (rc == SO_OK && peek(p) != ')')
            rc = fail_syntax(p);
        p->at++;
    }
    p->depth--;
    return rc;
}

/* "<->" or "<2>"; 0 when there is none. */
static int64_t take_follows(struct parser *p)
{
    int64_t distance = 1;
    peek(p);
    struct so_str rest = so_str_slice(p->text, p->at, p->text.n);
    size_t end = so_str_find_char(rest, '>', 0);
    if (rest.n == 0 || rest.p[0] != '<' || end == SO_STR_NONE)
        return 0;
    struct so_str inner = so_str_slice(rest, 1, end);
    if (!so_str_eq(inner, SO_STR("-")) && (!so_str_to_i64(inner, &distance) || distance < 1))
        return 0;
    p->at += end + 1;
    return distance;
}

static int parse_phrase(struct parser *p, struct so_ts **out)
{
    int rc = parse_not(p, out);
    for (int64_t distance; rc == SO_OK && (distance = take_follows(p)) > 0;) {
        struct so_ts *right = NULL;
        rc = parse_not(p, &right);
        if (rc != SO_OK || right == NULL)
            continue;
        if (*out != NULL) {
            (*out)->next = right;
            right = add_node(p, (struct so_ts){.kind = SO_TS_PHRASE, .distance = distance, .sub = *out});
        }
        *out = right;
        rc = right == NULL ? SO_ENOMEM : SO_OK;
    }
    return rc;
}

static int parse_list(struct parser *p, char between, enum so_ts_kind kind,
                      int (*parse)(struct parser *p, struct so_ts **out), struct so_ts **out)
{
    struct operands list = {NULL, NULL};
    struct so_ts *one;
    int rc;
    do {
        one = NULL;
        rc = parse(p, &one);
        add_operand(&list, one);
    } while (rc == SO_OK && peek(p) == between && ++p->at > 0);
    return rc == SO_OK ? join(p, kind, &list, out) : rc;
}

static int parse_and(struct parser *p, struct so_ts **out) { return parse_list(p, '&', SO_TS_AND, parse_phrase, out); }
static int parse_or(struct parser *p, struct so_ts **out) { return parse_list(p, '|', SO_TS_OR, parse_and, out); }

static int parse_query(struct parser *p, struct so_ts **out)
{
    if (peek(p) == '\0')
        return SO_OK;
    int rc = parse_or(p, out);
    return rc == SO_OK && peek(p) != '\0' ? fail_syntax(p) : rc;
}

/* ---- plfts, phfts, wfts: plainto_, phraseto_, websearch_to_tsquery, which no text can make fail ---- */

static int parse_plain(struct parser *p, struct so_ts **out)
{
    struct operands words = {NULL, NULL};
    for (;;) {
        struct so_ts *one = NULL;
        struct so_str word = next_word(p->text, &p->at);
        if (word.n == 0)
            return join(p, SO_TS_AND, &words, out);
        int rc = make_words(p, word, false, &one);
        if (rc != SO_OK)
            return rc;
        add_operand(&words, one);
    }
}

static int parse_side_by_side(struct parser *p, struct so_ts **out) { return make_words(p, p->text, false, out); }

/* A word, or what is in quotes; *is_or: it is the word that stands between two alternatives. */
static int parse_web_item(struct parser *p, struct so_ts **out, bool *is_or)
{
    bool negated = p->text.p[p->at] == '-';
    p->at += negated;
    bool quoted = p->at < p->text.n && p->text.p[p->at] == '"';
    size_t from = p->at += quoted;
    while (p->at < p->text.n && (quoted ? p->text.p[p->at] != '"' : strchr(" \t\n\v\f\r\"", p->text.p[p->at]) == NULL))
        p->at++;
    struct so_str item = so_str_slice(p->text, from, p->at);
    p->at += quoted && p->at < p->text.n;
    *is_or = !negated && !quoted && so_str_eq_nocase(item, SO_STR("or"));
    *out = NULL;
    int rc = *is_or ? SO_OK : make_words(p, item, false, out);
    return rc == SO_OK && negated ? negate(p, out) : rc;
}

static int parse_web(struct parser *p, struct so_ts **out)
{
    struct operands alternatives = {NULL, NULL}, all = {NULL, NULL};
    struct so_ts *one = NULL;
    int rc = SO_OK;
    while (rc == SO_OK && peek(p) != '\0') {
        bool is_or = false;
        rc = parse_web_item(p, &one, &is_or);
        if (rc == SO_OK && is_or) {
            rc = join(p, SO_TS_AND, &all, &one);
            add_operand(&alternatives, one);
            all = (struct operands){NULL, NULL};
        } else if (rc == SO_OK) {
            add_operand(&all, one);
        }
    }
    if (rc == SO_OK)
        rc = join(p, SO_TS_AND, &all, &one);
    if (rc != SO_OK)
        return rc;
    add_operand(&alternatives, one);
    return join(p, SO_TS_OR, &alternatives, out);
}

int so_ts_parse(struct so_arena *arena, enum so_op op, struct so_str language, struct so_str text, struct so_ts **out,
                struct so_err *err)
{
    static int (*const PARSERS[])(struct parser * p, struct so_ts * *out) = {
        [SO_OP_FTS] = parse_query,
        [SO_OP_PLFTS] = parse_plain,
        [SO_OP_PHFTS] = parse_side_by_side,
        [SO_OP_WFTS] = parse_web,
    };
    struct parser p = {.text = text, .arena = arena, .err = err};
    p.drops_stop_words = language.n == 0 || so_str_eq(language, SO_STR("english"));
    if (language.n > 0 && !is_among(language, LANGUAGES, COUNT_OF(LANGUAGES)))
        return so_fail_http(err, SQL_NO_LANGUAGE, SO_STR_ARG(language));
    struct so_ts *tree = NULL;
    int rc = PARSERS[op](&p, &tree);
    if (rc == SO_OK)
        *out = tree;
    return rc;
}
