// match.mjs: does an answer fit what a scenario expects?  "<uuid>", "<time>", "<string>", "<number>", "<any>" and "</regex/>" stand for
// values that differ from run to run.
const WILDCARDS = {
  "<any>": () => true,
  "<string>": (value) => typeof value === "string",
  "<number>": (value) => typeof value === "number",
  "<uuid>": (value) => /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(value),
  "<time>": (value) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)$/.test(value),
};

// exact: objects have no other members.  Returns null, or a sentence that says where they differ.
export function difference(got, want, exact, path = "$") {
  if (typeof want === "string" && want in WILDCARDS) return WILDCARDS[want](got) ? null : `${path}: ${want} expected, got ${JSON.stringify(got)}`;
  if (typeof want === "string" && /^<\/.*\/>$/.test(want))
    return new RegExp(want.slice(2, -2)).test(String(got)) ? null : `${path}: ${want} expected, got ${JSON.stringify(got)}`;
  if (want === null || typeof want !== "object") return Object.is(got, want) ? null : `${path}: ${JSON.stringify(want)} expected, got ${JSON.stringify(got)}`;
  if (got === null || typeof got !== "object" || Array.isArray(got) !== Array.isArray(want))
    return `${path}: ${JSON.stringify(want)} expected, got ${JSON.stringify(got)}`;
  if (Array.isArray(want) && want.length !== got.length) return `${path}: ${want.length} items expected, got ${got.length}: ${JSON.stringify(got)}`;
  for (const name of Object.keys(want)) {
    if (!(name in got)) return `${path}.${name}: is missing`;
    const inner = difference(got[name], want[name], exact, `${path}.${name}`);
    if (inner) return inner;
  }
  const extra = exact ? Object.keys(got).find((name) => !(name in want)) : undefined;
  return extra === undefined ? null : `${path}.${extra}: is there, but was not expected`;
}
