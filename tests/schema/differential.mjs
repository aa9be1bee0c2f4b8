// differential.mjs: random schemas and instances, judged by ajv and by socle: node differential.mjs [SEED] [SCHEMAS]
// Writes a suite file whose answers are ajv's, and runs `socle schema test` on it.  Needs bench's ajv (npm ci in bench/).
import { execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const SOCLE = process.env.SOCLE ?? join(ROOT, "build/socle");
const require = createRequire(process.env.AJV_FROM ?? join(ROOT, "bench/package.json"));
const DIALECTS = { "7": require("ajv").default, "2019-09": require("ajv/dist/2019").default, "2020-12": require("ajv/dist/2020").default };

let seed = Number(process.argv[2] ?? Date.now() % 1e9);
const count = Number(process.argv[3] ?? 300);
const first = seed;

// mulberry32: small, and the same everywhere.
function random() {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const below = (n) => Math.floor(random() * n);
const pick = (list) => list[below(list.length)];
const some = (list, most) => [...new Set(Array.from({ length: 1 + below(most) }, () => pick(list)))];

const NAMES = ["a", "b", "c", "ab", "x1", "é"];
const TYPES = ["null", "boolean", "integer", "number", "string", "array", "object"];

function value(depth) {
  const kind = below(depth > 0 ? 8 : 6);
  if (kind === 0) return pick([null, true, false]);
  if (kind < 3) return pick([0, 1, 2, 3, -1, 1.5, 10, 0.25]);
  if (kind < 6) return pick(["", ...NAMES, "abc", "😀", "a1b2"]);
  if (kind === 6) return Array.from({ length: below(4) }, () => value(depth - 1));
  return Object.fromEntries(Array.from({ length: below(5) }, () => [pick(NAMES), value(depth - 1)]));
}

const schemas = (depth, draft) => Array.from({ length: 1 + below(3) }, () => schema(depth - 1, draft));
const map = (keys, depth, draft) => Object.fromEntries(some(keys, 3).map((k) => [k, schema(depth - 1, draft)]));

// Keyword generators; `null` stands for "not in this draft".
const KEYWORDS = {
  type: () => (below(3) ? pick(TYPES) : some(TYPES, 3)),
  const: () => value(1),
  enum: () => [...new Map(Array.from({ length: 1 + below(9) }, () => value(1)).map((v) => [JSON.stringify(v), v])).values()],
  minimum: () => below(5) - 1,
  maximum: () => below(5),
  exclusiveMinimum: () => below(3) - 1,
  exclusiveMaximum: () => below(4) + 0.5,
  multipleOf: () => pick([1, 2, 0.5]),
  minLength: () => below(3),
  maxLength: () => below(4),
  pattern: () => pick(["^a", "b$", "^[a-c]+$", "\\d", "^.{1,2}$", "[^a]"]),
  minItems: () => below(3),
  maxItems: () => below(4),
  uniqueItems: () => true,
  contains: (d, v) => schema(d - 1, v),
  minContains: (d, v) => (v === "7" ? null : below(3)),
  maxContains: (d, v) => (v === "7" ? null : 1 + below(2)),
  items: (d, v) => (v !== "2020-12" && below(2) ? schemas(d, v) : schema(d - 1, v)),
  additionalItems: (d, v) => (v === "2020-12" ? null : schema(d - 1, v)),
  prefixItems: (d, v) => (v === "2020-12" ? schemas(d, v) : null),
  unevaluatedItems: (d, v) => (v === "7" ? null : schema(d - 1, v)),
  minProperties: () => below(3),
  maxProperties: () => below(4),
  required: () => some(NAMES, 2),
  properties: (d, v) => map(NAMES, d, v),
  patternProperties: (d, v) => map(["^a", "b", "\\d$"], d, v),
  additionalProperties: (d, v) => schema(d - 1, v),
  unevaluatedProperties: (d, v) => (v === "7" ? null : schema(d - 1, v)),
  propertyNames: (d, v) => schema(0, v),
  dependentRequired: (d, v) => (v === "7" ? null : { [pick(NAMES)]: some(NAMES, 2) }),
  dependentSchemas: (d, v) => (v === "7" ? null : map(NAMES, d, v)),
  dependencies: (d, v) => (v === "7" ? { [pick(NAMES)]: below(2) ? some(NAMES, 2) : schema(d - 1, v) } : null),
  allOf: schemas_of,
  anyOf: schemas_of,
  oneOf: schemas_of,
  not: (d, v) => schema(d - 1, v),
  if: (d, v) => schema(d - 1, v),
  then: (d, v) => schema(d - 1, v),
  else: (d, v) => schema(d - 1, v),
};
function schemas_of(depth, draft) {
  return schemas(depth, draft);
}

function schema(depth, draft) {
  if (below(8) === 0) return below(3) > 0;
  if (depth > 0 && below(10) === 0) return { $ref: `#/definitions/${pick(["p", "q"])}` };
  const out = {};
  const names = Object.keys(KEYWORDS).filter((k) => depth > 0 || !/items|contains|properties|schemas|of$|^(not|if|then|else|dependencies)/i.test(k));
  for (let i = 1 + below(depth > 0 ? 4 : 3); i > 0; i--) {
    const name = pick(names);
    const made = KEYWORDS[name](depth, draft);
    if (made !== null) out[name] = made;
  }
  return out;
}

// Where ajv is known to be wrong: an empty array passes "contains" when a tuple stands beside it; with "minContains": 0 what
// "contains" matches is not evaluated; an "if" alone evaluates nothing; items of a failed oneOf branch count as evaluated;
// below a keyword for many items or members "contains" keeps what it found in the one before ({"a": [1], "b": []} passes
// {"additionalProperties": {"contains": {"minLength": 2}}}, {"b": []} does not).
function isDisputed(s) {
  const text = JSON.stringify(s);
  if (/"contains"/.test(text) && /"prefixItems"|"items":\[|"unevaluated/.test(text)) return true;
  if (/"(additionalProperties|patternProperties|items|additionalItems|contains)":\{.*"contains"/.test(text)) return true;
  return /"unevaluated/.test(text) && /"if"|"oneOf"/.test(text);
}

const folder = mkdtempSync(join(tmpdir(), "socle-differential-"));
let bad = 0;
for (const [draft, Ajv] of Object.entries(DIALECTS)) {
  const groups = [];
  while (groups.length < count) {
    const root = schema(3, draft);
    const whole = { ...(typeof root === "object" ? root : { allOf: [root] }), definitions: { p: schema(0, draft), q: schema(0, draft) } };
    if (whole.$ref || isDisputed(whole)) continue;
    let validate;
    try {
      validate = new Ajv({ strict: false, logger: false, validateSchema: false, validateFormats: false, inlineRefs: false }).compile(whole);
    } catch (error) {
      continue; // ajv refuses some empty or contradictory keywords
    }
    try {
      const tests = Array.from({ length: 40 }, (_, i) => {
        const data = value(3);
        return { description: `${i} ${JSON.stringify(data)}`, data, valid: validate(data) };
      });
      groups.push({ description: JSON.stringify(whole), schema: whole, tests });
    } catch (error) {
      continue; // the code that ajv wrote throws: rare mixes of dependent* and unevaluated*
    }
  }
  const file = join(folder, `draft-${draft}.json`);
  writeFileSync(file, JSON.stringify(groups));
  let output;
  try {
    output = execFileSync(SOCLE, ["schema", "test", "--draft", draft, file], { encoding: "utf8", maxBuffer: 1 << 28 });
  } catch (error) {
    output = error.stdout;
    bad++;
    console.log(output.split("\n").slice(0, 5).join("\n"));
  }
  console.log(`draft ${draft}, seed ${first}: ${output.trim().split("\n").at(-1)}`);
}
process.exit(bad ? 1 : 0);
