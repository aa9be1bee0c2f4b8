/* notes_pg.c: what stands in schema `socle` for many processes, and schema `realtime` for those who broadcast with SQL. */
#include "model/notes_pg.h"

/* The key serves both who reads what is new and who sweeps what is old. */
static const char TABLE[] =
    "CREATE SCHEMA IF NOT EXISTS socle; REVOKE ALL ON SCHEMA socle FROM PUBLIC;"
    "CREATE UNLOGGED TABLE IF NOT EXISTS socle.notes (xid xid8 NOT NULL DEFAULT pg_current_xact_id(),"
    " id bigint GENERATED ALWAYS AS IDENTITY, node uuid, number bigint, parcels bytea NOT NULL, PRIMARY KEY (xid, id));"
    "REVOKE ALL ON socle.notes FROM PUBLIC;";

/* A parcel of realtime/parcel.h: a broadcast whose payload is JSON. */
static const char SAY[] =
    "CREATE OR REPLACE FUNCTION socle.say(payload jsonb, event text, topic text, private boolean) RETURNS void"
    " LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $say$"
    " DECLARE parcel bytea := pg_catalog.decode('01', 'hex')"
    "  || CASE WHEN private THEN pg_catalog.decode('0101', 'hex') ELSE pg_catalog.decode('0001', 'hex') END; part bytea;"
    " BEGIN"
    "  IF pg_catalog.octet_length(topic) NOT BETWEEN 1 AND 245 OR pg_catalog.octet_length(event) NOT BETWEEN 1 AND 255 THEN"
    "   RAISE EXCEPTION 'a topic has 1 to 245 bytes, and an event 1 to 255';"
    "  END IF;"
    "  FOREACH part IN ARRAY ARRAY[pg_catalog.convert_to('realtime:' || topic, 'UTF8'), pg_catalog.convert_to(event, "
    "'UTF8'),"
    "   ''::bytea, pg_catalog.convert_to(payload::text, 'UTF8')] LOOP"
    "   parcel := parcel || pg_catalog.int4send(pg_catalog.octet_length(part)) || part;"
    "  END LOOP;"
    "  INSERT INTO socle.notes (parcels) VALUES (pg_catalog.int4send(pg_catalog.octet_length(parcel)) || parcel);"
    "  PERFORM pg_catalog.pg_notify('" SO_NOTES_PG_CHANNEL "', '');"
    " END $say$;"
    "REVOKE ALL ON FUNCTION socle.say(jsonb, text, text, boolean) FROM PUBLIC;";

/* As Supabase has them: what goes wrong in send() is a warning and no reason to undo what the sender did; a payload without
 * an `id` gets one. */
static const char REALTIME[] =
    "DO $make$ BEGIN"
    " IF to_regprocedure('realtime.send(jsonb, text, text, boolean)') IS NULL THEN"
    "  CREATE SCHEMA IF NOT EXISTS realtime;"
    "  CREATE FUNCTION realtime.send(payload jsonb, event text, topic text, private boolean DEFAULT true) RETURNS void"
    "   LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $send$"
    "   BEGIN"
    "    IF pg_catalog.jsonb_typeof(payload) = 'object' AND NOT payload OPERATOR(pg_catalog.?) 'id' THEN"
    "     payload := payload OPERATOR(pg_catalog.||) pg_catalog.jsonb_build_object('id', pg_catalog.gen_random_uuid());"
    "    END IF;"
    "    PERFORM socle.say(payload, event, topic, private);"
    "   EXCEPTION WHEN OTHERS THEN"
    "    RAISE WARNING 'ErrorSendingBroadcastMessage: %', SQLERRM;"
    "   END $send$;"
    "  REVOKE ALL ON FUNCTION realtime.send(jsonb, text, text, boolean) FROM PUBLIC;"
    "  CREATE FUNCTION realtime.broadcast_changes(topic_name text, event_name text, operation text, table_name text,"
    "   table_schema text, new record, old record, level text DEFAULT 'ROW') RETURNS void"
    "   LANGUAGE plpgsql SET search_path = '' AS $changes$"
    "   BEGIN"
    "    IF level = 'STATEMENT' THEN"
    "     RAISE EXCEPTION 'function can only be triggered for each row, not for each statement';"
    "    END IF;"
    "    PERFORM realtime.send(pg_catalog.jsonb_build_object('old_record', old, 'record', new, 'operation', operation,"
    "     'table', table_name, 'schema', table_schema), event_name, topic_name);"
    "   END $changes$;"
    "  REVOKE ALL ON FUNCTION realtime.broadcast_changes(text, text, text, text, text, record, record, text) FROM PUBLIC;"
    "  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'service_role') THEN"
    "   GRANT USAGE ON SCHEMA realtime TO service_role;"
    "   GRANT EXECUTE ON FUNCTION realtime.send(jsonb, text, text, boolean),"
    "    realtime.broadcast_changes(text, text, text, text, text, record, record, text) TO service_role;"
    "  END IF;"
    " END IF; END $make$";

int so_notes_pg_install(struct so_conn *conn, struct so_err *err)
{
    static const char *const PARTS[] = {TABLE, SAY, REALTIME};
    int rc = SO_OK;
    for (size_t i = 0; rc == SO_OK && i < COUNT_OF(PARTS); i++)
        rc = so_conn_exec(conn, PARTS[i], err);
    return rc;
}
