-- bookstore.sql: the example's tables on PostgreSQL, as its schema files describe them, with the policies as native row-level
-- security, and the seed of tests/lib/server.mjs.  Roles belong to the server and are shared by all databases of a test run.
DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['anon', 'authenticated', 'service_role'] LOOP
    BEGIN
      EXECUTE format('CREATE ROLE %I NOLOGIN', name);
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END;
  END LOOP;
END $$;
ALTER ROLE service_role BYPASSRLS;

CREATE SCHEMA auth;
CREATE FUNCTION auth.uid() RETURNS uuid STABLE LANGUAGE sql AS
  $$ SELECT (nullif(current_setting('request.jwt.claims', true), '')::json ->> 'sub')::uuid $$;
CREATE FUNCTION auth.role() RETURNS text STABLE LANGUAGE sql AS
  $$ SELECT nullif(current_setting('request.jwt.claims', true), '')::json ->> 'role' $$;
GRANT USAGE ON SCHEMA auth TO anon, authenticated, service_role;

CREATE TABLE authors (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name text NOT NULL,
  born bigint,
  country text
);
CREATE TABLE books (
  isbn text PRIMARY KEY,
  title text NOT NULL,
  pages bigint NOT NULL,
  price numeric,
  tags jsonb,
  author_id uuid REFERENCES authors (id),
  owner_id uuid DEFAULT auth.uid(),
  created_at timestamptz DEFAULT now()
);
ALTER TABLE authors ENABLE ROW LEVEL SECURITY;
ALTER TABLE books ENABLE ROW LEVEL SECURITY;
CREATE POLICY authors_select ON authors FOR SELECT USING (true);
CREATE POLICY authors_insert ON authors FOR INSERT WITH CHECK (auth.role() = 'authenticated');
CREATE POLICY books_select ON books FOR SELECT USING (true);
CREATE POLICY books_insert ON books FOR INSERT WITH CHECK (auth.role() = 'authenticated');
CREATE POLICY books_update ON books FOR UPDATE USING (owner_id = auth.uid());
CREATE POLICY books_delete ON books FOR DELETE USING (owner_id = auth.uid());
GRANT ALL ON authors, books TO anon, authenticated, service_role;

INSERT INTO authors VALUES
  ('00000001-0000-4000-8000-000000000001', 'Ada Byrd', 1815, 'GB'),
  ('00000002-0000-4000-8000-000000000002', 'Tove Ekholm', 1914, 'SE'),
  ('00000003-0000-4000-8000-000000000003', 'Jorge Duarte', 1899, 'AR');
INSERT INTO books (isbn, title, pages, price, tags, author_id) VALUES
  ('9780000000001', 'Notes on the Engine', 66, 12.5, '["science", "essays"]', '00000001-0000-4000-8000-000000000001'),
  ('9780000000002', 'Letters', 210, 18, '["letters"]', '00000001-0000-4000-8000-000000000001'),
  ('9780000000003', 'Island Summer', 160, 14.99, '["novel"]', '00000002-0000-4000-8000-000000000002'),
  ('9780000000004', 'Winter Book', 190, NULL, NULL, '00000002-0000-4000-8000-000000000002'),
  ('9780000000005', 'The Garden of Paths', 174, 22.1, '["novel", "mystery"]', '00000003-0000-4000-8000-000000000003'),
  ('9780000000006', 'Anonymous Pamphlet', 12, 0.1, '[]', NULL);
