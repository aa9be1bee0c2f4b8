/* ddl.h: tables and indexes of the model as SQLite's CREATE statements. */
#ifndef SO_MODEL_DDL_H
#define SO_MODEL_DDL_H

#include "core/buf.h"
#include "model/model.h"

/* An index that a table should have. */
struct so_index_rule {
    struct so_str name; /* "books_author_id_idx"; unique: "books_isbn_key" */
    const struct so_str *columns;
    size_t column_count;
    bool unique;
};

/* x-unique, x-indexes, and an index for every foreign key, without those that another one covers. */
int so_ddl_indexes(const struct so_table *table, struct so_arena *arena, const struct so_index_rule **out, size_t *out_count,
                   struct so_err *err) SO_MUST_CHECK;
/* The name that so_ddl_indexes() gives; p is NULL when memory ran out. */
struct so_str so_ddl_index_name(struct so_arena *arena, struct so_str table, const struct so_str *columns, size_t count,
                                bool unique);

bool so_ddl_is_row_number(const struct so_table *table, const struct so_field_rule *field); /* INTEGER PRIMARY KEY */
void so_ddl_put_column(struct so_buf *b, const struct so_table *table, const struct so_field_rule *field);
/* " REFERENCES ...", as both databases write it; the field refers to a table. */
void so_ddl_put_references(struct so_buf *b, const struct so_field_rule *field);
/* CREATE TABLE "name" (...).  `name` may be another than the table's. */
void so_ddl_put_table(struct so_buf *b, const struct so_table *table, struct so_str name);
void so_ddl_put_index(struct so_buf *b, struct so_str table, const struct so_index_rule *index);

#endif
