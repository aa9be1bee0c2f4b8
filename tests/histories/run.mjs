// run.mjs [N] [--seed S] [--postgres] [--nodes 1|2]: N random histories against real servers.  See `./dev histories --help`.
import { Round } from "./round.mjs";

const ROUND = 10; // histories that share a world; seed S is in the round of the seeds S - S % ROUND ...
const ROUNDS_AT_ONCE = 2;

const options = { count: undefined, seed: undefined, postgres: false, nodes: undefined };
const words = process.argv.slice(2);
for (let i = 0; i < words.length; i++) {
  if (words[i] === "--postgres") options.postgres = true;
  else if (words[i] === "--seed") options.seed = Number(words[++i]);
  else if (words[i] === "--nodes") options.nodes = Number(words[++i]);
  else options.count = Number(words[i]);
}
options.count ??= options.seed === undefined ? 1000 : 1;

const seed = options.seed ?? 0;
const queue = [];
for (let first = seed - (seed % ROUND); first < seed + options.count; first += ROUND) queue.push(first);
const most = queue.length * ROUND;
const totals = { histories: 0, failed: 0 };
const began = Date.now();

function take(history) {
  totals.histories++;
  for (const [what, n] of Object.entries(history.counts)) totals[what] = (totals[what] ?? 0) + n;
  if (!history.problem) return;
  totals.failed++;
  console.error(`\n${history.report()}\nagain: ./dev histories --seed ${history.seed}${options.postgres ? " --postgres" : ""}\n`);
}

async function work() {
  for (let first; (first = queue.shift()) !== undefined; ) {
    const round = new Round({ ...options, first, count: ROUND });
    try {
      await round.run();
    } catch (error) {
      round.histories[0].fail(error.stack); // a server that did not end well
    }
    round.histories.forEach(take);
    if (process.stderr.isTTY) process.stderr.write(`\r${totals.histories} of ${most} histories, ${totals.failed} failed `);
  }
}
await Promise.all(Array.from({ length: ROUNDS_AT_ONCE }, work));
const { histories, failed, ...rest } = totals;
const figures = Object.entries(rest).map(([what, n]) => `${n} ${what}`).join(", ");
console.log(`${histories} histories on ${options.postgres ? "PostgreSQL" : "SQLite"} in ${Math.round((Date.now() - began) / 1000)} s, ${failed} failed: ${figures}`);
process.exit(failed === 0 ? 0 : 1);
