/* catalog_pg_roles.c: what the roles that we may become bring along and may know of.
 * Spec: PostgREST, Config/Database.hs: queryRoleSettings.
 *
 * Who may know of what is for suggestions ("perhaps you meant ..."), which must not name what the asker cannot see. */
#include "db/catalog_pg_int.h"

/* ---- settings ---- */

/* What ALTER ROLE ... SET says, for roles that we may become: settings that such a role may change itself, and those that we
 * were given the right to. */
static const struct so_str ROLES =
    SO_STR_INIT("SELECT a.rolname, s.line FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles a ON a.oid = m.roleid"
                " CROSS JOIN LATERAL pg_catalog.unnest(a.rolconfig) AS s(line)"
                " JOIN pg_catalog.pg_settings g ON g.name = split_part(s.line, '=', 1)"
                " WHERE m.member = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user)"
                " AND (g.context = 'user' OR (pg_catalog.current_setting('server_version_num')::int >= 150000"
                " AND pg_catalog.has_parameter_privilege(current_user, g.name, 'SET'))) ORDER BY a.rolname");

static int add_role_setting(struct so_pg_reading *r, struct so_stmt *st, void *unused)
{
    (void)unused;
    struct so_str name = so_stmt_text(st, 0), line = so_stmt_text(st, 1);
    struct so_role_settings *role = so_pg_own(r->catalog->roles);
    if (role == NULL || !so_str_eq(role->role, name)) {
        role = so_alloc_zero(r->arena, sizeof(*role));
        if (role == NULL)
            return so_err_oom(r->err);
        role->role = so_arena_dup(r->arena, name);
        role->next = r->catalog->roles;
        r->catalog->roles = role;
        if (role->role.p == NULL)
            return so_err_oom(r->err);
    }
    if (!so_str_starts(line, SO_STR("default_transaction_isolation=")))
        return so_pg_add_setting(r, line, &role->settings);
    role->isolation = so_arena_dup(r->arena, so_str_slice(line, so_str_find_char(line, '=', 0) + 1, line.n));
    return role->isolation.p == NULL ? so_err_oom(r->err) : SO_OK;
}

/* ---- privileges ---- */

enum { KNOWN_ROLES_MAX = 64 }; /* a bit each; roles beyond get no suggestions */

static const struct so_str MEMBERSHIPS =
    SO_STR_INIT("SELECT rolname FROM pg_catalog.pg_roles WHERE pg_catalog.pg_has_role(current_user, oid, 'MEMBER')"
                " AND rolname !~ '^pg_' ORDER BY rolname = current_user, rolname LIMIT 64");

static int add_known_role(struct so_pg_reading *r, struct so_stmt *st, void *unused)
{
    (void)unused;
    struct so_catalog *c = r->catalog;
    return c->known_role_count < KNOWN_ROLES_MAX ? so_pg_copy(r, st, 0, &c->known_roles[c->known_role_count++]) : SO_OK;
}

static const struct so_str RELATION_PRIVILEGES = SO_STR_INIT(
    "SELECT r.rolname, c.oid::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " CROSS JOIN pg_catalog.pg_roles r WHERE n.nspname = ANY($1::text[]) AND c.relkind IN ('r','p','v','m','f')"
    " AND r.rolname !~ '^pg_' AND pg_catalog.pg_has_role(current_user, r.oid, 'MEMBER')"
    " AND pg_catalog.has_schema_privilege(r.oid, n.oid, 'USAGE')"
    " AND (pg_catalog.has_table_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE')"
    " OR pg_catalog.has_any_column_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE'))");

static const struct so_str PROC_PRIVILEGES = SO_STR_INIT(
    "SELECT r.rolname, p.oid::text FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace"
    " CROSS JOIN pg_catalog.pg_roles r WHERE n.nspname = ANY($1::text[])"
    " AND r.rolname !~ '^pg_' AND pg_catalog.pg_has_role(current_user, r.oid, 'MEMBER')"
    " AND pg_catalog.has_schema_privilege(r.oid, n.oid, 'USAGE')"
    " AND pg_catalog.has_function_privilege(r.oid, p.oid, 'EXECUTE')");

static int mark_relation(struct so_pg_reading *r, struct so_stmt *st, void *unused)
{
    (void)unused;
    struct so_relation *relation = so_pg_find_relation(r, so_stmt_text(st, 1));
    if (relation != NULL)
        relation->known_to |= so_catalog_role_bit(r->catalog, so_stmt_text(st, 0));
    return SO_OK;
}

static int mark_proc(struct so_pg_reading *r, struct so_stmt *st, void *unused)
{
    (void)unused;
    struct so_proc *proc = so_map_find(&r->procs_by_oid, so_stmt_text(st, 1));
    if (proc != NULL)
        proc->known_to |= so_catalog_role_bit(r->catalog, so_stmt_text(st, 0));
    return SO_OK;
}

/* Of logged tables: who may read which columns. */
static const struct so_str COLUMN_PRIVILEGES =
    SO_STR_INIT("SELECT r.rolname, a.attrelid::text, a.attname FROM pg_catalog.pg_trigger g"
                " JOIN pg_catalog.pg_attribute a ON a.attrelid = g.tgrelid CROSS JOIN pg_catalog.pg_roles r"
                " WHERE g.tgname = 'socle_log' AND g.tgparentid = 0 AND a.attnum > 0 AND NOT a.attisdropped"
                " AND r.rolname !~ '^pg_' AND pg_catalog.pg_has_role(current_user, r.oid, 'MEMBER')"
                " AND pg_catalog.has_column_privilege(r.oid, a.attrelid, a.attnum, 'SELECT')");

static int mark_column(struct so_pg_reading *r, struct so_stmt *st, void *unused)
{
    (void)unused;
    struct so_relation *relation = so_pg_find_relation(r, so_stmt_text(st, 1));
    const struct so_column *column = relation == NULL ? NULL : so_relation_column(relation, so_stmt_text(st, 2));
    if (column != NULL)
        ((struct so_column *)so_pg_own(column))->readable_to |= so_catalog_role_bit(r->catalog, so_stmt_text(st, 0));
    return SO_OK;
}

static int read_privileges(struct so_pg_reading *r)
{
    r->catalog->known_roles = so_alloc_array(r->arena, KNOWN_ROLES_MAX, sizeof(struct so_str));
    if (r->catalog->known_roles == NULL)
        return so_err_oom(r->err);
    int rc = so_pg_each_row(r, MEMBERSHIPS, add_known_role, NULL);
    if (rc == SO_OK)
        rc = so_pg_each_row(r, RELATION_PRIVILEGES, mark_relation, NULL);
    if (rc == SO_OK)
        rc = so_pg_each_row(r, COLUMN_PRIVILEGES, mark_column, NULL);
    return rc == SO_OK ? so_pg_each_row(r, PROC_PRIVILEGES, mark_proc, NULL) : rc;
}

int so_pg_read_roles(struct so_pg_reading *r)
{
    int rc = so_pg_each_row(r, ROLES, add_role_setting, NULL);
    return rc == SO_OK ? read_privileges(r) : rc;
}
