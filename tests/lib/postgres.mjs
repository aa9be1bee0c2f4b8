// postgres.mjs: databases on the PostgreSQL server that the test run started (tests/lib/postgres.sh).
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";

// The URL of its superuser's database; undefined when there is no server: such tests are skipped with the reason below.
export const POSTGRES = process.env.SOCLE_TEST_POSTGRES;
export const SKIP = POSTGRES ? false : "SOCLE_TEST_POSTGRES is not set: ./dev test starts a server where PostgreSQL 15 is installed";

// Runs SQL as the superuser (all of it, or nothing) and returns what psql prints, unaligned and without heads.
export function psql(url, sql) {
  return execFileSync("psql", ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-1", "-f", "-", url], {
    input: sql,
    encoding: "utf8",
    env: { ...process.env, PGOPTIONS: "-c client_min_messages=warning" },
  }).trimEnd();
}

// A new, empty database with a name of its own: {url, drop()}.
export function freshDatabase({ sql = "" } = {}) {
  const name = `t_${randomBytes(6).toString("hex")}`;
  const run = (statement) => execFileSync("psql", ["-X", "-q", "-c", statement, POSTGRES], { stdio: ["ignore", "ignore", "inherit"] });
  run(`CREATE DATABASE ${name}`);
  const url = POSTGRES.replace("/postgres?", `/${name}?`);
  if (sql) psql(url, sql);
  return { name, url, drop: () => run(`DROP DATABASE ${name} WITH (FORCE)`) };
}
