/* config_print.c: the settings as `socle config` shows them: name, value with secrets masked, meaning, default. */
#include <string.h>

#include "app/config_int.h"
#include "json/write.h"

/* A password in a URL, in its authority (RFC 3986, 3.2.1) or as libpq's parameter, is not shown. */
static void put_text(const char *text, struct so_buf *out)
{
    static const char PARAMETER[] = "password=";
    const char *authority = strstr(text, "://");
    if (authority == NULL) {
        so_buf_puts(out, text);
        return;
    }
    authority += 3;
    struct so_str who = so_str(authority, strcspn(authority, "/?#"));
    while (who.n > 0 && who.p[who.n - 1] != '@')
        who.n--;
    size_t colon = so_str_find_char(who, ':', 0);
    if (colon < who.n) {
        so_buf_put_str(out, so_str(text, (size_t)(who.p - text) + colon + 1));
        so_buf_lit(out, "...");
        text = who.p + who.n - 1;
    }
    const char *parameter = strstr(text, PARAMETER);
    if (parameter != NULL) {
        so_buf_put_str(out, so_str(text, (size_t)(parameter - text) + sizeof(PARAMETER) - 1));
        so_buf_lit(out, "...");
        text = parameter + strcspn(parameter, "&");
    }
    so_buf_puts(out, text);
}

static void put_value(const struct so_config *c, const struct so_setting *s, struct so_buf *out)
{
    const void *at = (const char *)c + s->at;
    const char *text;
    struct so_str rest, word = {"", 0};
    switch (s->kind) {
    case TEXT:
        text = *(const char *const *)at;
        if (text != NULL && s->secret)
            so_buf_printf(out, "(set, %zu bytes)", strlen(text));
        else
            put_text(text == NULL ? "" : text, out);
        return;
    case COUNT: so_buf_put_i64(out, *(const int64_t *)at); return;
    case FLAG: so_buf_puts(out, *(const bool *)at ? "true" : "false"); return;
    case CHOICE:
        rest = so_str_c(s->choices);
        for (int64_t i = 0; i <= *(const int64_t *)at; i++)
            if (!so_str_split(&rest, '|', &word))
                return;
        so_buf_put_str(out, word);
        return;
    }
}

static void print_json(const struct so_config *c, struct so_buf *out)
{
    struct so_jw w;
    so_jw_init(&w, out);
    so_jw_array(&w);
    for (size_t i = 0; i < so_setting_count; i++) {
        const struct so_setting *s = &so_settings[i];
        struct so_buf value;
        so_buf_init(&value, 2 * SO_SETTING_MAX);
        put_value(c, s, &value);
        so_jw_object(&w);
        so_jw_member_cstr(&w, "name", s->name);
        so_jw_member_str(&w, "value", so_buf_str(&value));
        so_jw_member_cstr(&w, "default", s->fallback);
        so_jw_member_cstr(&w, "meaning", s->meaning);
        so_jw_end_object(&w);
        so_buf_deinit(&value);
    }
    for (size_t i = 0; i < c->shown_count; i++) {
        so_jw_object(&w);
        so_jw_member_cstr(&w, "name", c->shown[i].name);
        so_jw_member_cstr(&w, "value", c->shown[i].value);
        so_jw_member_cstr(&w, "default", NULL);
        so_jw_member_cstr(&w, "meaning", c->shown[i].meaning);
        so_jw_end_object(&w);
    }
    so_jw_end_array(&w);
    so_buf_putc(out, '\n');
}

void so_config_print(const struct so_config *c, bool as_json, struct so_buf *out)
{
    if (as_json) {
        print_json(c, out);
        return;
    }
    for (size_t i = 0; i < so_setting_count; i++) {
        const struct so_setting *s = &so_settings[i];
        so_buf_printf(out, "%s=", s->name);
        put_value(c, s, out);
        so_buf_printf(out, "\n    %s", s->meaning);
        if (s->choices != NULL)
            so_buf_printf(out, " (%s)", s->choices);
        if (s->fallback != NULL)
            so_buf_printf(out, "; default %s", s->fallback);
        struct so_str aliases = s->alias == NULL ? so_str(NULL, 0) : so_str_c(s->alias), alias;
        for (const char *before = "; also read from "; so_str_split(&aliases, '|', &alias); before = " or ")
            so_buf_printf(out, "%s%.*s", before, SO_STR_ARG(alias));
        if (s->secret)
            so_buf_printf(out, "; or a file named by %s_FILE", s->name);
        so_buf_putc(out, '\n');
    }
    for (size_t i = 0; i < c->shown_count; i++)
        so_buf_printf(out, "%s=%s\n    %s\n", c->shown[i].name, c->shown[i].value, c->shown[i].meaning);
}
