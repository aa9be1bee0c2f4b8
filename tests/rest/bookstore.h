/* bookstore.h: a small database with every sort of relationship and policy, and requests against it.
 *
 *   authors <- books(author_id)          books <-> tags through book_tags        people(boss_id) -> people
 *   authors <- awards(author_id unique)  orders(seller_id, buyer_id) -> people   vault: no policy     diary: own rows only
 */
#ifndef SO_TESTS_REST_BOOKSTORE_H
#define SO_TESTS_REST_BOOKSTORE_H

#include "../testing.h"

#include <unistd.h>

#include "core/fs.h"
#include "model/migrate.h"
#include "model/policy.h"
#include "rest/rest.h"

#define ANN  "11111111-1111-4111-8111-111111111111"
#define BOB  "22222222-2222-4222-8222-222222222222"
#define UID  "\"type\": \"string\", \"format\": \"uuid\""
#define OPEN "\"x-policies\": {\"select\": \"true\", \"insert\": \"true\", \"update\": \"true\", \"delete\": \"true\"}"

static const struct {
    const char *name, *text;
} SCHEMAS[] = {
    {"authors",
     "{\"type\": \"object\", \"properties\": {\"id\": {" UID "}, \"name\": {\"type\": \"string\", \"minLength\": 1},"
     "\"born\": {\"type\": \"string\", \"format\": \"date\"}}, \"required\": [\"id\", \"name\"],"
     "\"x-primary-key\": [\"id\"], " OPEN "}"},
    {"books",
     "{\"type\": \"object\", \"properties\": {"
     "\"isbn\": {\"type\": \"string\", \"pattern\": \"^[0-9X]{3,13}$\"},"
     "\"title\": {\"type\": \"string\", \"minLength\": 1, \"maxLength\": 200},"
     "\"pages\": {\"type\": \"integer\", \"exclusiveMinimum\": 0},"
     "\"price\": {\"type\": \"number\", \"minimum\": 0},"
     "\"used\": {\"type\": \"boolean\", \"default\": false},"
     "\"tags\": {\"type\": \"array\", \"items\": {\"type\": \"string\"}, \"uniqueItems\": true},"
     "\"meta\": {\"type\": \"object\"},"
     "\"author_id\": {" UID ", \"x-references\": \"authors.id\"},"
     "\"owner_id\": {" UID ", \"x-default\": \"auth.uid()\", \"readOnly\": true},"
     "\"created_at\": {\"type\": \"string\", \"format\": \"date-time\", \"x-default\": \"now()\", \"readOnly\": true},"
     "\"secret\": {\"type\": \"string\", \"writeOnly\": true}},"
     "\"required\": [\"isbn\", \"title\", \"pages\"], \"additionalProperties\": false,"
     "\"x-primary-key\": [\"isbn\"], \"x-indexes\": [[\"author_id\"]],"
     "\"x-policies\": {\"select\": \"true\", \"insert\": \"auth.role() = 'authenticated'\","
     "\"update\": \"owner_id = auth.uid()\", \"delete\": \"owner_id = auth.uid()\"}}"},
    {"awards", "{\"type\": \"object\", \"properties\": {\"id\": {\"type\": \"integer\"}, \"name\": {\"type\": \"string\"},"
               "\"author_id\": {" UID ", \"x-references\": \"authors.id\", \"x-unique\": true}}, \"required\": [\"id\"],"
               "\"x-primary-key\": [\"id\"], " OPEN "}"},
    {"tags", "{\"type\": \"object\", \"properties\": {\"id\": {\"type\": \"integer\"}, \"word\": {\"type\": \"string\"}},"
             "\"required\": [\"id\"], \"x-primary-key\": [\"id\"], " OPEN "}"},
    {"book_tags",
     "{\"type\": \"object\", \"properties\": {\"isbn\": {\"type\": \"string\", \"x-references\": \"books.isbn\"},"
     "\"tag_id\": {\"type\": \"integer\", \"x-references\": \"tags.id\"}},"
     "\"required\": [\"isbn\", \"tag_id\"], \"x-primary-key\": [\"isbn\", \"tag_id\"], " OPEN "}"},
    {"people", "{\"type\": \"object\", \"properties\": {\"id\": {\"type\": \"integer\"}, \"name\": {\"type\": \"string\"},"
               "\"boss_id\": {\"type\": \"integer\", \"x-references\": \"people.id\"}}, \"required\": [\"id\"],"
               "\"x-primary-key\": [\"id\"], " OPEN "}"},
    {"orders", "{\"type\": \"object\", \"properties\": {\"id\": {\"type\": \"integer\"},"
               "\"seller_id\": {\"type\": \"integer\", \"x-references\": \"people.id\"},"
               "\"buyer_id\": {\"type\": \"integer\", \"x-references\": \"people.id\"}}, \"required\": [\"id\"],"
               "\"x-primary-key\": [\"id\"], " OPEN "}"},
    {"articles",
     "{\"type\": \"object\", \"properties\": {\"id\": {\"type\": \"integer\"},"
     "\"head\": {\"type\": \"string\", \"x-search\": true}, \"body\": {\"type\": \"string\", \"x-search\": true},"
     "\"plain\": {\"type\": \"string\"}, \"author_id\": {" UID ", \"x-references\": \"authors.id\", \"x-on-delete\":"
     "\"cascade\"}}, \"required\": [\"id\"], \"x-primary-key\": [\"id\"],"
     "\"x-policies\": {\"select\": \"plain is null\", \"insert\": \"true\", \"update\": \"true\", \"delete\": \"true\"}}"},
    {"vault", "{\"type\": \"object\", \"properties\": {\"id\": {\"type\": \"integer\"}, \"isbn\": {\"type\": \"string\","
              "\"x-references\": \"books.isbn\"}}, \"required\": [\"id\"], \"x-primary-key\": [\"id\"]}"},
    {"diary", "{\"type\": \"object\", \"properties\": {\"id\": {\"type\": \"integer\"}, \"line\": {\"type\": \"string\"},"
              "\"owner_id\": {" UID ", \"x-default\": \"auth.uid()\"}}, \"required\": [\"id\"], \"x-primary-key\": [\"id\"],"
              "\"x-policies\": {\"select\": \"owner_id = auth.uid()\", \"insert\": \"owner_id = auth.uid()\","
              "\"update\": \"owner_id = auth.uid()\", \"delete\": \"owner_id = auth.uid()\","
              "\"check\": \"line <> 'forbidden'\"}}"},
    {"notes",
     "{\"type\": \"object\", \"properties\": {\"id\": {\"type\": \"integer\"}, \"diary_id\": {\"type\": \"integer\"}},"
     "\"required\": [\"id\"], \"x-primary-key\": [\"id\"],"
     "\"x-policies\": {\"select\": \"exists (select 1 from diary d where d.id = notes.diary_id)\","
     "\"insert\": \"exists (select 1 from public.diary d where d.id = diary_id)\","
     "\"update\": \"diary_id in (with d as (select id from diary) select id from d)\"}}"},
    {"replies",
     "{\"type\": \"object\", \"properties\": {\"id\": {\"type\": \"integer\"}, \"note_id\": {\"type\": \"integer\"}},"
     "\"required\": [\"id\"], \"x-primary-key\": [\"id\"],"
     "\"x-policies\": {\"select\": \"note_id in (select id from notes)\"}}"},
};

static const struct {
    const char *name, *text;
} FUNCTIONS[] = {
    {"thick_books", "/* {\"params\": {\"type\": \"object\", \"properties\": {\"least\": {\"type\": \"integer\","
                    "\"minimum\": 0, \"default\": 300}}}, \"returns\": \"books[]\", \"roles\": [\"anon\","
                    "\"authenticated\"]} */\nSELECT * FROM books WHERE pages >= :least -- thick\n;"},
    {"my_lines", "/* {\"returns\": {\"type\": \"array\", \"items\": {\"type\": \"string\"}}, \"roles\": [\"anon\","
                 "\"authenticated\"]} */ SELECT line FROM 'diary' ORDER BY id"},
    {"all_lines", "/* {\"returns\": {\"type\": \"array\", \"items\": {\"type\": \"string\"}}, \"security\": \"definer\","
                  "\"roles\": [\"authenticated\"]} */ SELECT line FROM diary ORDER BY id"},
    {"vault_size", "/* {\"returns\": {\"type\": \"integer\"}, \"roles\": [\"anon\"]} */"
                   "WITH v AS (SELECT id FROM vault) SELECT count(*) FROM v"},
    {"secrets", "/* {\"returns\": {\"type\": \"integer\"}, \"roles\": [\"anon\"]} */ SELECT count(secret) FROM books"},
    {"add", "/* {\"params\": {\"properties\": {\"a\": {\"type\": \"integer\"}, \"b\": {\"type\": \"integer\"}},"
            "\"required\": [\"a\", \"b\"]}, \"returns\": {\"type\": \"integer\"}, \"roles\": [\"anon\"]} */"
            "SELECT :a + :b"},
    {"totals", "/* {\"returns\": {\"type\": \"object\", \"properties\": {\"n\": {\"type\": \"integer\"}, \"on\":"
               "{\"type\": \"boolean\"}}}, \"roles\": [\"anon\"]} */ SELECT count(*) AS n, 1 AS \"on\" FROM books"},
    {"count_to", "/* {\"params\": {\"properties\": {\"n\": {\"type\": \"integer\"}}}, \"returns\": {\"type\": \"array\","
                 "\"items\": {\"type\": \"object\", \"properties\": {\"i\": {\"type\": \"integer\"}}}},"
                 "\"roles\": [\"anon\"]} */ WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < :n)"
                 "SELECT i FROM c"},
    {"rename",
     "/* {\"params\": {\"properties\": {\"isbn\": {\"type\": \"string\"}, \"title\": {\"type\": \"string\"}}},"
     "\"returns\": \"books[]\", \"security\": \"definer\", \"volatility\": \"write\", \"roles\":"
     "[\"authenticated\"]} */ UPDATE books SET title = :title WHERE isbn = :isbn AND owner_id = auth.uid() RETURNING *"},
    {"forget", "/* {\"security\": \"definer\", \"volatility\": \"write\", \"roles\": [\"authenticated\"]} */"
               "DELETE FROM diary WHERE owner_id = auth.uid()"},
    {"page",
     "/* {\"params\": {\"properties\": {\"to\": {\"type\": \"string\"}}}, \"returns\": {\"type\": \"string\","
     "\"contentMediaType\": \"text/html\"}, \"roles\": [\"anon\"]} */ SELECT '<b>' || :to || '</b>' WHERE :to <> 'nobody'"},
    {"dot",
     "/* {\"returns\": {\"type\": \"string\", \"contentEncoding\": \"base64\", \"contentMediaType\": \"image/x-dot\"},"
     "\"roles\": [\"anon\"]} */ SELECT zeroblob(3)"},
    {"private", "/* {\"returns\": {\"type\": \"integer\"}} */ SELECT 1"},
};

static const char ROWS[] =
    "INSERT INTO authors(id, name, born) VALUES"
    " ('aaaaaaaa-0000-4000-8000-000000000001', 'Ada', '1815-12-10'),"
    " ('aaaaaaaa-0000-4000-8000-000000000002', 'Ben', NULL),"
    " ('aaaaaaaa-0000-4000-8000-000000000003', 'Cyd', NULL);"
    "INSERT INTO books(isbn, title, pages, price, used, tags, meta, author_id, owner_id, created_at, secret) VALUES"
    " ('111', 'Alpha', 100, 9.5, 0, '[\"x\",\"y\"]', '{\"a\":{\"b\":1},\"s\":\"t\",\"f\":true,\"l\":[5,6]}',"
    "  'aaaaaaaa-0000-4000-8000-000000000001', '" ANN "', '2024-01-01T00:00:00.000000+00:00', 'hush'),"
    " ('222', 'Beta, the \"second\"', 200, 12, 1, '[\"y\"]', NULL,"
    "  'aaaaaaaa-0000-4000-8000-000000000001', '" BOB "', '2024-02-01T00:00:00.000000+00:00', NULL),"
    " ('333', 'gamma', 300, NULL, NULL, NULL, NULL,"
    "  'aaaaaaaa-0000-4000-8000-000000000002', '" ANN "', '2024-03-01T00:00:00.000000+00:00', NULL),"
    " ('444', 'delta', 400, 20.25, 0, '[]', '{\"a\":2}', NULL, NULL, '2024-04-01T00:00:00.000000+00:00', NULL);"
    "INSERT INTO awards(id, name, author_id) VALUES (1, 'Prize', 'aaaaaaaa-0000-4000-8000-000000000001');"
    "INSERT INTO tags(id, word) VALUES (1, 'red'), (2, 'blue');"
    "INSERT INTO book_tags(isbn, tag_id) VALUES ('111', 1), ('111', 2), ('222', 2);"
    "INSERT INTO people(id, name, boss_id) VALUES (1, 'Root', NULL), (2, 'Leaf', 1), (3, 'Bud', 1);"
    "INSERT INTO orders(id, seller_id, buyer_id) VALUES (1, 2, 3);"
    "INSERT INTO articles(id, head, body, plain, author_id) VALUES"
    " (1, 'It''s kind of fun to do the impossible', 'walt', NULL, 'aaaaaaaa-0000-4000-8000-000000000003'),"
    " (2, 'But also fun to do what is possible', NULL, NULL, 'aaaaaaaa-0000-4000-8000-000000000003'),"
    " (3, 'Fat cats ate rats', 'A rat-eating cat, the fat one', NULL, NULL),"
    " (4, NULL, 'fun', NULL, NULL), (5, 'fun nobody may see', 'fun', 'hidden', NULL),"
    " (6, 'café — straße', 'words', NULL, NULL);"
    "INSERT INTO vault(id, isbn) VALUES (1, '111');"
    "INSERT INTO diary(id, line, owner_id) VALUES (1, 'mine', '" ANN "'), (2, 'his', '" BOB "');"
    "INSERT INTO notes(id, diary_id) VALUES (1, 1), (2, 2);"
    "INSERT INTO replies(id, note_id) VALUES (1, 1), (2, 2);"
    "CREATE TABLE handmade(id INTEGER PRIMARY KEY, n INT);"
    "INSERT INTO handmade VALUES (1, 2);"
    "CREATE VIEW titles AS SELECT isbn, title FROM books;";

struct store {
    char dir[64], path[96];
    struct so_db *db;
    struct so_conn *reader;
    struct so_snapshot *snapshot;
    struct so_rest_settings settings;
};

static inline void must(int rc, const struct so_err *err)
{
    if (rc != SO_OK)
        fail_msg("%s %s", err->message, err->details);
}

static inline int store_migrate(void *arg, struct so_conn *conn, struct so_err *err)
{
    const struct so_model *model = arg;
    struct so_catalog *catalog = NULL;
    struct so_plan plan;
    struct so_arena arena;
    so_arena_init(&arena, 16 << 20);
    int rc = so_catalog_read(conn, &catalog, err);
    if (rc == SO_OK)
        rc = so_migrate_plan(model, catalog, conn, &arena, &plan, err);
    if (rc == SO_OK)
        rc = so_migrate_apply(&plan, conn, false, err);
    so_catalog_unref(catalog);
    so_arena_deinit(&arena);
    return rc;
}

/* What a test wants in the database besides. */
static const char *store_more_sql = "";

static inline int store_fill(void *arg, struct so_conn *conn, struct so_err *err)
{
    (void)arg;
    int rc = so_conn_exec(conn, ROWS, err);
    return rc == SO_OK ? so_conn_exec(conn, store_more_sql, err) : rc;
}

static inline void store_open(struct store *s)
{
    struct so_err err = SO_ERR_INIT;
    struct so_model *model = NULL;
    struct so_catalog *catalog = NULL;
    *s = (struct store){.settings = {.body_max = 1 << 20}};
    snprintf(s->dir, sizeof(s->dir), "%s", "/tmp/socle-rest-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    snprintf(s->path, sizeof(s->path), "%s/data.db", s->dir);
    char path[160];
    snprintf(path, sizeof(path), "%s/schemas", s->dir);
    must(so_fs_make_directories(path, 0700, &err), &err);
    for (size_t i = 0; i < COUNT_OF(SCHEMAS); i++) {
        snprintf(path, sizeof(path), "%s/schemas/%s.json", s->dir, SCHEMAS[i].name);
        must(so_fs_write(path, so_str_c(SCHEMAS[i].text), 0600, true, &err), &err);
    }
    snprintf(path, sizeof(path), "%s/functions", s->dir);
    must(so_fs_make_directories(path, 0700, &err), &err);
    for (size_t i = 0; i < COUNT_OF(FUNCTIONS); i++) {
        snprintf(path, sizeof(path), "%s/functions/%s.sql", s->dir, FUNCTIONS[i].name);
        must(so_fs_write(path, so_str_c(FUNCTIONS[i].text), 0600, true, &err), &err);
    }
    must(so_model_load(s->dir, &model, &err), &err);
    must(so_db_open(s->path, NULL, &s->db, &err), &err);
    must(so_db_migrate(s->db, store_migrate, model, &err), &err);
    must(so_db_write(s->db, store_fill, NULL, &err), &err);
    must(so_db_reader_open(s->db, &s->reader, &err), &err);
    must(so_model_check(model, s->reader, &err), &err);
    must(so_catalog_read(s->reader, &catalog, &err), &err);
    must(so_snapshot_new(catalog, model, &s->snapshot, &err), &err);
}

static inline void store_close(struct store *s)
{
    char command[128];
    so_snapshot_unref(s->snapshot);
    so_conn_close(s->reader);
    so_db_close(s->db);
    snprintf(command, sizeof(command), "rm -r '%s'", s->dir);
    assert_int_equal(system(command), 0);
}

/* "anon", "ann", "bob" or "service" */
static inline struct so_identity who(const char *name)
{
    if (strcmp(name, "ann") == 0)
        return (struct so_identity){.role = SO_ROLE_AUTHENTICATED, .uid = SO_STR(ANN)};
    if (strcmp(name, "bob") == 0)
        return (struct so_identity){.role = SO_ROLE_AUTHENTICATED, .uid = SO_STR(BOB)};
    return (struct so_identity){.role = strcmp(name, "service") == 0 ? SO_ROLE_SERVICE : SO_ROLE_ANON};
}

#endif
