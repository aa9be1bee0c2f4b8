// random.mjs: the same numbers in every run (mulberry32).

// random(n): an integer below n.  Others that are derived from it:
//   random.pick(list)   one of them          random.chance(p)   true so often
//   random.between(a, b) from a up to b      random.fork(name)  another sequence, which what else is drawn does not shift
export function numbers(seed) {
  let state = seed | 0;
  const random = (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
  random.pick = (list) => list[random(list.length)];
  random.chance = (p) => random(1000000) < p * 1000000;
  random.between = (a, b) => a + random(b - a + 1);
  random.fork = (name) => numbers([...name].reduce((hash, c) => Math.imul(hash ^ c.charCodeAt(0), 0x01000193), seed ^ 0x811c9dc5));
  return random;
}
