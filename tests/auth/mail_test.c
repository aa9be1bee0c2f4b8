/* mail_test.c: messages as RFC 5322 wants them, templates and the files that replace them, the catcher. */
#include "fixture.h"

#include "auth/mail.h"
#include "auth/mail_templates.h"
#include "core/fs.h"
#include "crypto/base64.h"

static const struct so_mail MAIL = {
    .to = SO_STR_INIT("ada@example.com"),
    .subject = SO_STR_INIT("Hello"),
    .text = SO_STR_INIT("line one\n.\nline three\n"),
    .html = SO_STR_INIT("<p>Gr\xC3\xBC\xC3\x9F Gott</p>"),
};

static const char *format(const struct so_mail *mail, const char *from)
{
    struct so_buf out;
    struct so_err err = SO_ERR_INIT;
    so_buf_init(&out, 1 << 20);
    must(so_mail_format(mail, so_str_c(from), START, &out, &err), &err);
    const char *copy = so_arena_dup(&arena, so_buf_str(&out)).p;
    so_buf_deinit(&out);
    return copy;
}

static void a_sender_is_an_address_with_or_without_a_name(void **state)
{
    (void)state;
    static const struct {
        const char *text, *name, *address; /* address NULL: refused */
    } ROWS[] = {
        {"ada@example.com", "", "ada@example.com"},
        {" ada@example.com ", "", "ada@example.com"},
        {"Ada Byrd <ada@example.com>", "Ada Byrd", "ada@example.com"},
        {"<ada@example.com>", "", "ada@example.com"},
        {"J\xC3\xBCrgen <j@example.com>", "J\xC3\xBCrgen", "j@example.com"},
        {"", NULL, NULL},
        {"ada", NULL, NULL},
        {"Ada <ada@example.com", NULL, NULL},
        {"Ada\r\nBcc: x@example.com <ada@example.com>", NULL, NULL},
        {"Ada <ada@example.com\n>", NULL, NULL},
        {"\"Ada\" <ada@example.com>", NULL, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        struct so_str name, address;
        bool ok = so_mail_sender(so_str_c(ROWS[i].text), &name, &address);
        if (ok != (ROWS[i].address != NULL))
            fail_msg("%s", ROWS[i].text);
        if (!ok)
            continue;
        assert_str(name, ROWS[i].name);
        assert_str(address, ROWS[i].address);
    }
}

static void a_message_has_its_headers_and_both_parts(void **state)
{
    (void)state;
    const char *message = format(&MAIL, "Ada Byrd <ada@example.com>");
    static const char *const LINES[] = {"Date: Fri, 15 Jan 2027 08:00:00 +0000\r\n",
                                        "From: Ada Byrd <ada@example.com>\r\n",
                                        "\r\nTo: <ada@example.com>\r\n",
                                        "\r\nSubject: Hello\r\n",
                                        "\r\nAuto-Submitted: auto-generated\r\n",
                                        "\r\nMIME-Version: 1.0\r\n",
                                        "text/plain; charset=utf-8\r\n",
                                        "bGluZSBvbmUKLgpsaW5lIHRocmVlCg==\r\n",
                                        "text/html; charset=utf-8\r\n",
                                        "PHA+R3LDvMOfIEdvdHQ8L3A+\r\n"};
    for (size_t i = 0; i < COUNT_OF(LINES); i++)
        if (strstr(message, LINES[i]) == NULL)
            fail_msg("%s is missing in\n%s", LINES[i], message);
    for (const char *p = message; (p = strchr(p, '\n')) != NULL; p++)
        assert_int_equal(p[-1], '\r');
}

static void a_subject_of_other_letters_becomes_encoded_words(void **state)
{
    (void)state;
    struct so_mail mail = MAIL;
    mail.subject = SO_STR("\xC3\xA4\xC3\xB6\xC3\xBC, zwanzig Zeichen und noch viel mehr, damit es nicht in ein Wort passt");
    const char *message = format(&mail, "a@example.com");
    assert_non_null(strstr(message, "Subject: =?UTF-8?B?w6TDtsO8"));
    assert_non_null(strstr(message, "?=\r\n =?UTF-8?B?"));
    struct so_buf out;
    struct so_err err = SO_ERR_INIT;
    mail.subject = SO_STR("Hello\r\nBcc: eve@example.com");
    so_buf_init(&out, 1 << 20);
    assert_int_equal(so_mail_format(&mail, SO_STR("a@example.com"), START, &out, &err), SO_EINVAL);
    so_buf_deinit(&out);
}

static void templates_hold_code_and_link_and_escape_html(void **state)
{
    (void)state;
    struct so_mail_templates templates;
    struct so_mail mail;
    struct so_err err = SO_ERR_INIT;
    const struct so_mail_facts facts = {.confirmation_url = SO_STR("http://x/verify?a=1&b=2"),
                                        .token = SO_STR("123456"),
                                        .site_url = SO_STR("http://site"),
                                        .email = SO_STR("o'hara&co@example.com"),
                                        .new_email = SO_STR("new@example.com")};
    must(so_mail_templates_load(NULL, &arena, &templates, &err), &err);
    for (size_t i = 0; i < SO_MAIL_KINDS; i++) {
        must(so_mail_fill(&templates.of[i], &facts, &arena, &mail, &err), &err);
        assert_non_null(strstr(mail.text.p, "123456"));
        assert_non_null(strstr(mail.html.p, "123456"));
        assert_null(strstr(mail.text.p, "{{"));
        assert_null(strstr(mail.html.p, "&b="));
        if (i == SO_MAIL_REAUTHENTICATION)
            continue;
        assert_non_null(strstr(mail.text.p, "\nhttp://x/verify?a=1&b=2\n"));
        assert_non_null(strstr(mail.html.p, "href=\"http://x/verify?a=1&amp;b=2\""));
    }
}

static void put_file(const char *name, const char *content)
{
    struct so_err err = SO_ERR_INIT;
    must(so_fs_write(so_arena_printf(&arena, "%s/%s", directory, name).p, so_str_c(content), 0600, true, &err), &err);
}

static void files_replace_templates_and_wrong_ones_are_named(void **state)
{
    (void)state;
    struct so_mail_templates templates;
    struct so_mail mail;
    struct so_err err = SO_ERR_INIT;
    put_file("magic_link.txt", "Subject: Hi {{.Email}}\r\n\nGo: {{ .ConfirmationURL }}\n");
    must(so_mail_templates_load(directory, &arena, &templates, &err), &err);
    must(so_mail_fill(&templates.of[SO_MAIL_MAGIC_LINK],
                      &(const struct so_mail_facts){.email = SO_STR("a@b.c"), .confirmation_url = SO_STR("L")}, &arena,
                      &mail, &err),
         &err);
    assert_str(mail.subject, "Hi a@b.c");
    assert_str(mail.text, "Go: L\n");
    assert_non_null(strstr(mail.html.p, "Sign in"));
    static const struct {
        const char *name, *content;
    } WRONG[] = {
        {"recovery.txt", "no subject\n"},
        {"recovery.txt", "Subject: x\n\n{{ .Password }}"},
        {"recovery.txt", "Subject: x\n\n{{ .Token"},
        {"invite.html", "<p>{{ .token }}</p>"},
    };
    for (size_t i = 0; i < COUNT_OF(WRONG); i++) {
        put_file(WRONG[i].name, WRONG[i].content);
        err = SO_ERR_INIT;
        assert_int_equal(so_mail_templates_load(directory, &arena, &templates, &err), SO_EINVAL);
        assert_non_null(strstr(err.message, WRONG[i].name));
        put_file(WRONG[i].name, "Subject: x\n");
    }
}

static void the_catcher_keeps_the_last_mails(void **state)
{
    (void)state;
    struct so_mailer *mailer;
    struct so_buf out;
    struct so_err err = SO_ERR_INIT;
    struct so_json list;
    must(so_catcher_open(&mailer, &err), &err);
    so_buf_init(&out, 8 << 20);
    for (int i = 0; i < 60; i++) {
        struct so_mail mail = MAIL;
        mail.subject = so_arena_printf(&arena, "<%d>", i);
        must(mailer->post(mailer, &mail, &err), &err);
    }
    so_catcher_put_json(mailer, &out);
    must(so_json_parse(&arena, so_buf_str(&out), NULL, &list, &err), &err);
    assert_int_equal(list.len, 50);
    assert_str(so_json_get_str(&list.u.items[0], SO_STR("subject")), "<59>");
    assert_str(so_json_get_str(&list.u.items[49], SO_STR("subject")), "<10>");
    so_buf_reset(&out);
    so_catcher_put_html(mailer, &out);
    assert_non_null(strstr(so_buf_cstr(&out), "&lt;59&gt;"));
    assert_null(strstr(so_buf_cstr(&out), "<script"));
    so_buf_deinit(&out);
    so_mem_fail_at(0);
    assert_int_equal(mailer->post(mailer, &MAIL, &err), SO_ENOMEM);
    so_mem_fail_at(-1);
    so_catcher_close(mailer);
}

static void note(void *arg, const struct so_err *err)
{
    assert_null(strstr(err->message, "ada@"));
    atomic_fetch_add((_Atomic int *)arg, 1);
}

/* Nobody listens on port 1: both tries fail at once, and closing does not wait for more. */
static void a_mail_that_cannot_be_sent_is_told(void **state)
{
    (void)state;
    _Atomic int failures = 0;
    struct so_mailer *mailer;
    struct so_err err = SO_ERR_INIT;
    const struct so_smtp_settings settings = {
        .url = "smtp://127.0.0.1:1", .from = "Ada <a@example.com>", .failed = note, .arg = &failures};
    must(so_smtp_open(&settings, &mailer, &err), &err);
    must(mailer->post(mailer, &MAIL, &err), &err);
    so_smtp_close(mailer);
    assert_int_equal(failures, 1);
    static const struct so_smtp_settings WRONG[] = {
        {.url = "http://127.0.0.1", .from = "a@example.com"},
        {.url = "smtp://127.0.0.1", .from = "a"},
        {.url = "smtp://127.0.0.1", .from = NULL},
    };
    for (size_t i = 0; i < COUNT_OF(WRONG); i++) {
        err = SO_ERR_INIT;
        assert_int_equal(so_smtp_open(&WRONG[i], &mailer, &err), SO_EINVAL);
    }
}

#define WITH_SERVICE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVICE(a_sender_is_an_address_with_or_without_a_name),
        WITH_SERVICE(a_message_has_its_headers_and_both_parts),
        WITH_SERVICE(a_subject_of_other_letters_becomes_encoded_words),
        WITH_SERVICE(templates_hold_code_and_link_and_escape_html),
        WITH_SERVICE(files_replace_templates_and_wrong_ones_are_named),
        WITH_SERVICE(the_catcher_keeps_the_last_mails),
        WITH_SERVICE(a_mail_that_cannot_be_sent_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
