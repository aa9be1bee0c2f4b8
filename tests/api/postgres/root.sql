-- root.sql: what an anonymous caller may see and what not, for the root document.
DO $$
BEGIN
  CREATE ROLE anon NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;

CREATE TABLE shelves (id int PRIMARY KEY, place text DEFAULT 'cellar');
CREATE TABLE jars (id bigint PRIMARY KEY, shelf_id int NOT NULL REFERENCES shelves, tags text[], facts jsonb, full_ boolean DEFAULT true);
COMMENT ON TABLE jars IS E'Jars\nof jam';
COMMENT ON COLUMN jars.tags IS 'What is on the label';
CREATE TABLE vault (id int PRIMARY KEY);
CREATE FUNCTION jars_on(shelf int, at_least numeric DEFAULT 0) RETURNS SETOF jars LANGUAGE sql STABLE AS $$ SELECT * FROM jars WHERE shelf_id = shelf $$;
CREATE FUNCTION open_vault() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$;
REVOKE EXECUTE ON FUNCTION open_vault() FROM PUBLIC;

GRANT USAGE ON SCHEMA public TO anon;
GRANT SELECT ON shelves, jars TO anon;
