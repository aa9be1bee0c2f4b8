/* load.h: what the two halves of the loader share: load.c reads files, link.c joins tables. */
#ifndef SO_MODEL_LOAD_H
#define SO_MODEL_LOAD_H

#include "model/model.h"

enum { SO_MODEL_TABLES_MAX = 1000, SO_MODEL_COLUMNS_MAX = 1000, SO_MODEL_FILE_MAX = 4 << 20 };

/* functions.c: fills model->functions from DIR/functions. */
int so_functions_load(const char *dir, struct so_model *model, struct so_err *err) SO_MUST_CHECK;
/* guard.c: what subqueries of policies read is what the select policies of those tables leave, as in PostgreSQL. */
int so_policies_guard(struct so_model *model, struct so_table **tables, size_t count, struct so_err *err) SO_MUST_CHECK;
/* load.c: the bytes of a file, kept in `arena`. */
int so_model_read_text(struct so_arena *arena, const char *path, struct so_str *out, struct so_err *err) SO_MUST_CHECK;

/* Resolves x-references among tables[count] and puts them into an order in which references lead backwards where they
 * can.  Fills model->tables. */
int so_model_link(struct so_model *model, struct so_table **tables, size_t count, struct so_err *err) SO_MUST_CHECK;

#endif
