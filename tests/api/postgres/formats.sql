-- formats.sql: domains with a look of their own outside, and aggregates and functions that make media types.
DO $$
BEGIN
  CREATE ROLE anon NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;

-- A colour is a number inside and #rrggbb outside.
CREATE DOMAIN color AS integer CHECK (VALUE BETWEEN 0 AND 16777215);
CREATE FUNCTION color_text(color) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT '#' || lpad(to_hex($1), 6, '0') $$;
CREATE FUNCTION color(text) RETURNS color LANGUAGE sql IMMUTABLE AS $$
  SELECT ('x' || lpad(ltrim($1, '#'), 8, '0'))::bit(32)::int $$;
CREATE FUNCTION color(json) RETURNS color LANGUAGE sql IMMUTABLE AS $$ SELECT color($1 #>> '{}') $$;
CREATE FUNCTION json(color) RETURNS json LANGUAGE sql IMMUTABLE AS $$ SELECT to_json(color_text($1)) $$;
CREATE CAST (color AS json) WITH FUNCTION json(color) AS IMPLICIT;
CREATE CAST (json AS color) WITH FUNCTION color(json) AS IMPLICIT;
CREATE CAST (text AS color) WITH FUNCTION color(text) AS IMPLICIT;

CREATE TABLE rooms (id int PRIMARY KEY, name text);
CREATE TABLE walls (id int PRIMARY KEY, room_id int REFERENCES rooms, paint color DEFAULT 255, trim color);
INSERT INTO rooms VALUES (1, 'Hall'), (2, 'Attic');
INSERT INTO walls VALUES (1, 1, 16711680, NULL), (2, 1, 65280, 1), (3, 2, 255, 2);

-- Of a table's own rows, of any rows, of whatever is asked for.
CREATE DOMAIN "text/markdown" AS text;
CREATE FUNCTION room_line("text/markdown", rooms) RETURNS "text/markdown" LANGUAGE sql AS $$ SELECT ($1 || '* ' || $2.name || E'\n') $$;
CREATE AGGREGATE rooms_list(rooms) (sfunc = room_line, stype = "text/markdown", initcond = '');
CREATE DOMAIN "application/vnd.lines" AS text;
CREATE FUNCTION any_line("application/vnd.lines", anyelement) RETURNS "application/vnd.lines" LANGUAGE sql AS $$ SELECT ($1 || $2::text || E'\n') $$;
CREATE AGGREGATE lines(anyelement) (sfunc = any_line, stype = "application/vnd.lines", initcond = '');
CREATE DOMAIN "*/*" AS bytea;
CREATE VIEW everything AS SELECT id, name FROM rooms;
CREATE FUNCTION put_any("*/*", everything) RETURNS "*/*" LANGUAGE sql AS $$ SELECT ($1 || convert_to($2.name, 'UTF8')) $$;
CREATE FUNCTION end_any("*/*") RETURNS "*/*" LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('request.headers', true)::json->>'accept' = 'text/none' THEN
    RAISE sqlstate 'PT415' USING message = 'Unsupported Media Type';
  END IF;
  RETURN $1;
END $$;
CREATE AGGREGATE anything(everything) (sfunc = put_any, finalfunc = end_any, stype = "*/*", initcond = '');
CREATE FUNCTION all_rooms() RETURNS SETOF rooms LANGUAGE sql STABLE AS $$ SELECT * FROM rooms ORDER BY id $$;
CREATE FUNCTION count_rooms() RETURNS bigint LANGUAGE sql STABLE AS $$ SELECT count(*) FROM rooms $$;

CREATE FUNCTION shop_name() RETURNS text LANGUAGE sql STABLE AS $$ SELECT current_setting('app.settings.shop_name') $$;

-- As PostGIS has it, which need not be there.
CREATE SCHEMA geography;
CREATE FUNCTION geography.st_asgeojson(r record) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN json_build_object('type', 'Feature', 'geometry', NULL, 'properties', to_json(r));
END $$;

GRANT USAGE ON SCHEMA public, geography TO anon;
GRANT ALL ON ALL TABLES IN SCHEMA public TO anon;
