/* schema_files.h: schemas and instances as files, and what a schema refers to.  Blocks. */
#ifndef SO_CLI_SCHEMA_FILES_H
#define SO_CLI_SCHEMA_FILES_H

#include "schema/schema.h"
#include "json/json.h"

/* Where referenced schemas come from. */
struct schema_files {
    const char *remotes; /* http://HOST/PATH is REMOTES/PATH or REMOTES/HOST/PATH; may be NULL */
    const char *folder;  /* file: references may reach what is in here; may be NULL */
};

/* A so_schema_loader; `arg` is a struct schema_files. */
int schema_files_load(void *arg, struct so_str uri, struct so_arena *arena, struct so_json *out, struct so_err *err);
/* The file as JSON, text and value in the arena. */
int schema_files_read(const char *path, struct so_arena *arena, struct so_json *out, struct so_err *err);

/* schema_suite.c: socle schema test. */
int schema_suite_run(const char *const *paths, int count, const char *remotes, enum so_draft draft);
/* schema_explain.c: socle schema explain. */
int schema_explain(const char *const *paths, int count);

#endif
