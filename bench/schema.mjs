// schema.mjs: `socle schema bench` beside ajv: node bench/schema.mjs [FOLDER]
// Without FOLDER: the schemas in bench/schema/ with instances made here.  With it: every FOLDER/NAME/schema.json with its
// instances.jsonl, the layout of github.com/sourcemeta-research/jsonschema-benchmark.
// BLAZE=PROGRAM adds a column for a local build of Blaze: PROGRAM SCHEMA INSTANCES.jsonl must print the line that
// `socle schema bench` prints.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { HERE, scratch, SOCLE } from "./lib.mjs";

const require = createRequire(process.env.AJV_FROM ?? import.meta.url);
const ROUND_MS = 700;

// The same numbers in every run.
let state = 7;
const below = (n) => (state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff) % n;
const word = () => Array.from({ length: 3 + below(8) }, () => "abcdefghijklmnopqrstuvwxyz"[below(26)]).join("");
const words = (n) => Array.from({ length: n }, word);
const digits = (n) => Array.from({ length: n }, () => below(10)).join("");
const many = (n, make) => Array.from({ length: n }, (_, i) => make(i));
const user = () => ({ name: word(), role: ["anon", "authenticated", "admin"][below(3)] });
const person = () => (below(2) ? word() : { name: word(), email: `${word()}@example.com` });
const versions = () => Object.fromEntries(words(5 + below(15)).map((name) => [name, `^${below(9)}.${below(9)}.0`]));
const position = () => [below(36000) / 100 - 180, below(18000) / 100 - 90];
const tree = (depth) => ({ data: below(100), children: depth > 0 ? many(3, () => tree(depth - 1)) : [] });

const INSTANCES = {
  // One in ten has a mistake.
  book: () =>
    many(500, (i) => ({
      isbn: i % 10 === 0 ? "no isbn" : digits(13),
      title: words(4).join(" "),
      pages: 1 + below(900),
      price: below(10000) / 100,
      tags: [...new Set(words(3))],
      author_id: word(),
      language: ["de", "en", "ja", "zh"][below(4)],
      in_print: below(2) === 0,
    })),
  event: () =>
    many(500, (i) => ({
      id: i + 1,
      ...[
        () => ({ kind: "created", row: { a: 1 } }),
        () => ({ kind: "updated", row: { a: 2 }, old: { a: 1 } }),
        () => ({ kind: "deleted", old: { a: 2 } }),
        () => ({ kind: "joined", user: user() }),
        () => ({ kind: "left", user: user(), reason: word() }),
        () => ({ kind: "message", user: user(), text: words(12).join(" ") }),
      ][below(6)](),
    })),
  package: () =>
    many(200, () => ({
      name: `@${word()}/${word()}`,
      version: `${below(9)}.${below(20)}.${below(9)}`,
      keywords: words(6),
      author: person(),
      contributors: many(3, person),
      dependencies: versions(),
      devDependencies: versions(),
      exports: { ".": { import: "./index.mjs", require: "./index.cjs" }, "./package.json": "./package.json" },
      scripts: { build: word(), test: word(), prebuild: word() },
      "x-own": word(),
    })),
  places: () =>
    many(20, () => ({
      type: "FeatureCollection",
      features: many(20, () => ({
        type: "Feature",
        geometry: below(2) ? { type: "Point", coordinates: position() } : { type: "Polygon", coordinates: [many(30, position)] },
      })),
    })),
  tree: () => many(30, () => tree(3)),
};

function ownSets() {
  const dir = scratch();
  return Object.entries(INSTANCES).map(([name, make]) => {
    const instances = join(dir, `${name}.jsonl`);
    writeFileSync(instances, make().map((v) => JSON.stringify(v)).join("\n"));
    return { name, schema: join(HERE, "schema", `${name}.json`), instances };
  });
}

const givenSets = (folder) =>
  readdirSync(folder)
    .map((name) => ({ name, schema: join(folder, name, "schema.json"), instances: join(folder, name, "instances.jsonl") }))
    .filter((set) => existsSync(set.schema) && existsSync(set.instances));

function ajvFor(dialect) {
  const path = /2020-12/.test(dialect) ? "ajv/dist/2020" : /2019-09/.test(dialect) ? "ajv/dist/2019" : "ajv";
  const Ajv = require(path).default;
  return new Ajv({ strict: false, validateFormats: false, logger: false });
}

function runAjv({ schema, instances }) {
  const source = JSON.parse(readFileSync(schema, "utf8"));
  const values = readFileSync(instances, "utf8").trim().split("\n").map((line) => JSON.parse(line));
  const before = process.hrtime.bigint();
  const validate = ajvFor(source.$schema ?? "").compile(source);
  const compile = Number(process.hrtime.bigint() - before);
  let best = Infinity;
  let invalid = 0;
  for (const end = performance.now() + ROUND_MS; performance.now() < end; ) {
    const start = process.hrtime.bigint();
    invalid = 0;
    for (const value of values) if (!validate(value)) invalid++;
    best = Math.min(best, Number(process.hrtime.bigint() - start) / values.length);
  }
  return { compile, warm: best, invalid };
}

function runProgram(program, ...words) {
  const line = execFileSync(program, words, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  const [, compile, warm, count, invalid] = /compile_ns (\d+) warm_ns_per_instance (\d+) instances (\d+) invalid (\d+)/.exec(line).map(Number);
  return { compile, warm, count, invalid };
}

// Undefined for a peer that is not there or does not take the schema.
function attempt(run) {
  try {
    return run();
  } catch {
    return undefined;
  }
}

const BLAZE = process.env.BLAZE;
const us = (result) => (result ? `${(result.compile / 1e3).toFixed(0)} us` : "");
const ns = (result) => (result ? result.warm.toFixed(0) : "refuses it");
const ratio = (peer, socle) => (peer ? (peer.warm / Math.max(1, socle.warm)).toFixed(1) : "");

const row = (...cells) => console.log(cells.map((cell, i) => (i === 0 ? String(cell).padEnd(24) : String(cell).padStart(14))).join(""));
row("data set", "instances", "socle ns", "ajv ns", "ajv/socle", ...(BLAZE ? ["blaze ns", "blaze/socle"] : []), "socle compile", "ajv compile");
for (const set of process.argv[2] ? givenSets(process.argv[2]) : ownSets()) {
  const socle = runProgram(SOCLE, "schema", "bench", set.schema, set.instances);
  const ajv = attempt(() => runAjv(set));
  const blaze = BLAZE && attempt(() => runProgram(BLAZE, set.schema, set.instances));
  row(set.name, socle.count, ns(socle), ns(ajv), ratio(ajv, socle), ...(BLAZE ? [ns(blaze), ratio(blaze, socle)] : []), us(socle), us(ajv));
  for (const [name, peer] of Object.entries({ ajv, blaze }))
    if (peer && peer.invalid !== socle.invalid) console.log(`  ${set.name}: socle finds ${socle.invalid} invalid, ${name} ${peer.invalid}`);
}
