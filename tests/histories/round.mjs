// round.mjs: some histories at once in one world, what happens to its servers meanwhile, and the judgement in the end.
import { setTimeout as pause } from "node:timers/promises";

import { numbers } from "../lib/random.mjs";
import { History, SERVICE } from "./history.mjs";
import { Truth } from "./model.mjs";
import { Subscriber } from "./subscriber.mjs";
import { PEACE_MS, World } from "./world.mjs";

export class Round {
  // histories `first` to `first + count - 1`
  constructor({ first, count, postgres, nodes }) {
    Object.assign(this, { first, count, postgres, random: numbers(first * 104729 + 7), histories: [] });
    this.nodes = nodes ?? (postgres ? this.random.between(1, 2) : 1);
  }

  async run() {
    const note = (text) => this.histories.forEach((history) => history.note(text));
    this.world = await World.open({ postgres: this.postgres, nodes: this.nodes, note });
    try {
      for (let n = 0; n < this.count; n++) this.histories.push(new History(this, this.first + n));
      await this.#begin();
      await this.#live();
      await this.#judge();
    } finally {
      for (const history of this.histories) history.end();
      this.auditor.disconnect();
      await this.world.close();
    }
    return this.histories;
  }

  // One hears all from the beginning, and nothing happens to it but what happens to the servers.
  async #begin() {
    const listeners = [{ event: "*", table: "things" }, { event: "*", table: "notes" }];
    this.auditor = new Subscriber(this.histories[0], { name: "auditor", user: SERVICE, listeners, vsn: "2.0.0", isCompressed: false });
    this.auditor.connect();
    if (!(await this.auditor.until(() => this.auditor.isReady, PEACE_MS))) this.histories[0].fail("the auditor was not ready");
  }

  async #live() {
    let left = this.count;
    const trouble = this.#disturb(() => left === 0);
    await Promise.all(this.histories.map((history) => history.run().catch((error) => history.fail(error.stack)).finally(() => left--)));
    await trouble;
  }
  async #disturb(isOver) {
    const { random, world } = this;
    for (let left = random(4); left > 0; left--) {
      await pause(random.between(150, 700));
      if (isOver()) return;
      const node = random.pick(world.nodes);
      const dice = random(100);
      if (dice < 40) await world.killAndRestart(node);
      else if (dice < 65) await world.stopAndRestart(node);
      else if (dice < 75) await world.freeze(node, random.between(50, 600));
      else if (dice < 85) world.reload();
      else await world.cutDatabase();
    }
  }

  async #judge() {
    const { auditor } = this;
    const healthy = () => this.histories.every((history) => !history.problem);
    if (!healthy()) return;
    const truth = new Truth();
    await Promise.all(this.histories.map((history) => history.tell(truth)));
    await auditor.until(() => auditor.isReady && auditor.events.length >= truth.countFor(auditor), PEACE_MS);
    this.histories[0].judge(auditor, truth.takeNumbers(auditor));
    if (healthy()) await Promise.all(this.histories.map((history) => history.check(truth).catch((error) => history.fail(error.stack))));
  }
}
