/* walk.h: the slow evaluation, which says what happened and where: a tree of units (2020-12 core, section 12).
 * Owns: everything is in the arena given.   Threads: one per walk. */
#ifndef SO_SCHEMA_WALK_H
#define SO_SCHEMA_WALK_H

#include "schema/check.h"

/* A schema applied to a value (rule == NULL), or one keyword of it. */
struct so_unit {
    const struct so_node *node, *parent_node; /* parent_node: whose keyword led here, or NULL */
    const struct so_rule *rule;
    const char *keyword; /* its name; of a schema the keyword that led to it, or "" */
    const struct so_json *instance;
    struct so_str instance_location, keyword_location;
    struct so_str name;                   /* of the member that is missing, surplus or judged by its name; else p == NULL */
    struct so_str because;                /* the member that makes another one required */
    uint64_t first_number, second_number; /* equal items; how many were found */
    const struct so_json *annotation;     /* or NULL */
    struct so_unit *first, *last, *next;  /* children; next sibling */
    bool valid;
    bool is_name;    /* the instance is a member's name */
    bool is_keyword; /* stands for a keyword of the node, not for the node */
};

struct so_walk {
    struct so_run run;
    struct so_arena *arena;
    bool keep_all; /* also what is valid, with annotations; else only failures */
};

/* The root's unit; NULL when all is valid and nothing is kept, or when memory ran out (walk->run.rc). */
struct so_unit *so_walk(struct so_walk *walk, const struct so_json *instance);

/* output.c: base URI, "#" and the JSON Pointer from that resource's root; empty when there is no base, p is NULL when memory
 * ran out. */
struct so_str so_unit_absolute(struct so_arena *arena, const struct so_unit *unit);
/* message.c: the sentence for a failed unit without children; p is NULL when memory ran out. */
struct so_str so_unit_message(struct so_arena *arena, const struct so_unit *unit);
/* suggest.c: the candidate nearest to a misspelt `name`, or {NULL, 0}. */
struct so_str so_suggest(struct so_str name, struct so_str best, struct so_str candidate);

#endif
