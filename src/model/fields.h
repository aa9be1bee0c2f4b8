/* fields.h: the parts of the loader that read one property of a schema file. */
#ifndef SO_MODEL_FIELDS_H
#define SO_MODEL_FIELDS_H

#include "model/model.h"
#include "model/place.h"

/* The column type of a property's schema (types.c).  *out_nullable: its type list holds "null". */
void so_type_infer(const struct so_json *root, const struct so_json *schema, enum so_type *out, bool *out_nullable);
/* As the schema files say it, for messages: "integer", "string with format uuid". */
const char *so_type_in_schema(enum so_type type);

/* `default` and `x-default` (defaults.c): fills default_sql, default_in_ddl and default_ddl of field. */
int so_default_constant(const struct so_json *value, struct so_arena *arena, struct so_field_rule *field,
                        struct so_err *err) SO_MUST_CHECK;
int so_default_expression(struct so_str source, struct so_arena *arena, struct so_field_rule *field,
                          struct so_err *err) SO_MUST_CHECK;

/* Everything about one property (fields.c): the rule of its column. */
int so_field_read(const struct so_json *root, struct so_str file, const struct so_json_member *property,
                  struct so_arena *arena, struct so_field_rule *out, struct so_err *err) SO_MUST_CHECK;
/* An x- keyword that looks like one of ours misspelt, or stands where it means nothing, is SO_EINVAL; others pass. */
int so_annotations_check(const struct so_json *schema, bool of_table, struct so_place *at, struct so_err *err) SO_MUST_CHECK;

/* A JSON array of texts, ended by {NULL,0} in *out; a text alone is a list of one. */
int so_names_read(const struct so_json *value, struct so_arena *arena, const struct so_place *at, const struct so_str **out,
                  size_t *out_count, struct so_err *err) SO_MUST_CHECK;

#endif
