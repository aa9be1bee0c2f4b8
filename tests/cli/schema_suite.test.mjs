// schema_suite.test.mjs: the official JSON Schema test suite through `socle schema test`: all drafts, the optional cases too.
// Debian packages the suite as libtest-json-schema-acceptance-perl; SCHEMA_SUITE names another copy (its root, with tests/ and remotes/).
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";

import { socle } from "../lib/cli.mjs";

const SUITE = process.env.SCHEMA_SUITE ?? "/usr/share/perl5/auto/share/dist/Test-JSON-Schema-Acceptance";
const missing = existsSync(join(SUITE, "tests")) ? false : `the suite is not at ${SUITE}`;

describe("the official suite", { skip: missing }, () => {
  for (const [draft, least] of Object.entries({ 4: 800, 6: 1000, 7: 1300, "2019-09": 1700, "2020-12": 1700 }))
    it(`draft ${draft}`, () => {
      const { code, out } = socle(["schema", "test", "--draft", draft, "--remotes", join(SUITE, "remotes"), join(SUITE, `tests/draft${draft}`)]);
      const [, passed, failed] = /(\d+) passed, (\d+) failed, \d+ skipped\n$/.exec(out);
      assert.equal(failed, "0", out);
      assert.ok(Number(passed) >= least, `only ${passed} cases ran`);
      assert.equal(code, 0);
    });
});
