// page.test.mjs: the bookstore's page in a real browser: sign up, see books, see the violations, add a book.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { readFileSync } from "node:fs";

import { chromium } from "playwright-core";

import { makeApp, ROOT, Server } from "../lib/server.mjs";

const BROWSER = process.env.CHROMIUM ?? "/usr/bin/chromium";
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

describe("the bookstore's page", { skip: existsSync(BROWSER) ? false : `there is no browser at ${BROWSER}` }, () => {
  let server, browser, page;
  before(async () => {
    const html = readFileSync(join(ROOT, "examples/bookstore/public/index.html"), "utf8");
    server = await Server.start({ dir: makeApp({ files: { "public/index.html": html } }) });
    browser = await chromium.launch({ executablePath: BROWSER, args: FLAGS });
    page = await browser.newPage();
    await page.goto(server.url + "/");
    await page.waitForSelector("body[data-ready]");
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  it("lists books with their authors to anybody", async () => {
    assert.equal(await page.locator("#books tr").count(), 6);
    assert.match(await page.locator("#books").innerText(), /Island Summer\s+Tove Ekholm/);
  });

  it("refuses to add before signing in", async () => {
    await page.fill("#add [name=isbn]", "1111111111");
    await page.fill("#add [name=title]", "Too early");
    await page.fill("#add [name=pages]", "5");
    await page.click("#add button");
    await page.waitForSelector("#said .bad");
    assert.match(await page.locator("#said").innerText(), /row-level security/);
  });

  it("signs up and shows who is signed in", async () => {
    await page.fill("#account [name=email]", "reader@example.com");
    await page.fill("#account [name=password]", "correct horse battery");
    await page.click("#account [value=signup]");
    await page.waitForFunction(() => document.querySelector("#who").textContent.includes("reader@example.com"));
  });

  it("shows one line per violation", async () => {
    await page.fill("#add [name=isbn]", "abc");
    await page.fill("#add [name=title]", "x".repeat(201));
    await page.fill("#add [name=pages]", "0");
    await page.click("#add button");
    await page.waitForFunction(() => document.querySelectorAll("#said .bad").length === 3);
  });

  it("adds a book and lists it first", async () => {
    await page.fill("#add [name=isbn]", "1111111111");
    await page.fill("#add [name=title]", "A New One");
    await page.fill("#add [name=pages]", "42");
    await page.click("#add button");
    await page.waitForSelector("#said .good");
    assert.match(await page.locator("#books tr").first().innerText(), /A New One/);
  });
});
