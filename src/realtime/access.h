/* access.h: who may hear and speak in private channels: DIR/realtime/policies.json,
 *
 *   {"select": "<condition>", "insert": "<condition>"}
 *
 * conditions as in x-policies, over one row (topic, extension): the channel's name and 'broadcast' or 'presence'.
 * realtime.topic() is the name, too, also inside of subqueries.  Without the file private channels are closed to everybody
 * but the service role.
 * Owns: the conditions.   Threads: never changes; ref and unref are atomic. */
#ifndef SO_REALTIME_ACCESS_H
#define SO_REALTIME_ACCESS_H

#include "db/db.h"
#include "db/identity.h"
#include "model/model.h"

struct so_access;

/* Reads the file and guards its subqueries with the model's policies.  SO_EINVAL: err->message says where and why. */
int so_access_load(const char *dir, const struct so_model *model, struct so_access **out, struct so_err *err) SO_MUST_CHECK;
/* Whether the database understands the conditions. */
int so_access_check(const struct so_access *a, struct so_conn *conn, struct so_err *err) SO_MUST_CHECK;
struct so_access *so_access_ref(struct so_access *a);
void so_access_unref(struct so_access *a); /* NULL is fine */

enum so_access_wish { SO_HEAR, SO_SPEAK };
struct so_access_question {
    enum so_access_wish wish;
    const struct so_identity *who;
    struct so_str topic;   /* without "realtime:" */
    const char *extension; /* "broadcast", "presence" */
};
/* May they?  conn is NULL on PostgreSQL, where conditions cannot be asked on a loop: no.  false whenever it cannot be found
 * out; `err` says why then. */
bool so_access_ask(const struct so_access *a, struct so_conn *conn, const struct so_access_question *q, struct so_err *err);

#endif
