// oauth_page.test.mjs: sign-in with another account in a real browser: a page with supabase-js, a provider, the cookie, and back, where the
// client finds the session in the address by itself.  With and without PKCE.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";

import { chromium } from "playwright-core";

import { Provider } from "../lib/oidc.mjs";
import { ANON_KEY, freePort, makeApp, ROOT, Server } from "../lib/server.mjs";

const BROWSER = process.env.CHROMIUM ?? "/usr/bin/chromium";
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

const page = (flowType) => `<!doctype html><title>app</title><button id="in">Sign in</button><p id="who"></p><script src="/supabase.js"></script>
<script>
  const client = supabase.createClient(location.origin, "${ANON_KEY}", { auth: { flowType: "${flowType}" } });
  document.querySelector("#in").onclick = () => client.auth.signInWithOAuth({ provider: "acme", options: { redirectTo: location.origin + "/${flowType}.html" } });
  client.auth.onAuthStateChange((event, session) => {
    document.body.dataset.event = event;
    document.querySelector("#who").textContent = session ? session.user.email + " " + Boolean(session.provider_token) : "nobody";
  });
</script>`;

describe("a page that signs in with another account", { skip: existsSync(BROWSER) ? false : `there is no browser at ${BROWSER}` }, () => {
  let provider, server, browser;
  before(async () => {
    provider = await Provider.start();
    const port = await freePort(), own = `http://127.0.0.1:${port}`;
    const script = readFileSync(join(ROOT, "tests/node_modules/@supabase/supabase-js/dist/umd/supabase.js"), "utf8");
    const files = { "public/supabase.js": script, "public/implicit.html": page("implicit"), "public/pkce.html": page("pkce") };
    server = await Server.start({
      port,
      dir: makeApp({ files }),
      env: {
        SOCLE_AUTH_PROVIDERS: "acme",
        SOCLE_AUTH_ACME_ISSUER: provider.issuer,
        SOCLE_AUTH_ACME_CLIENT_ID: provider.clientId,
        SOCLE_AUTH_ACME_CLIENT_SECRET: provider.clientSecret,
        SOCLE_OUTBOUND_PRIVATE: "true",
        SOCLE_REDIRECT_URLS: `${own}/implicit.html, ${own}/pkce.html`,
      },
    });
    browser = await chromium.launch({ executablePath: BROWSER, args: FLAGS });
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
    await provider?.stop();
  });

  for (const flowType of ["implicit", "pkce"])
    it(`by the ${flowType} flow`, async () => {
      const tab = await (await browser.newContext()).newPage();
      await tab.goto(`${server.url}/${flowType}.html`);
      await tab.waitForSelector("body[data-event=INITIAL_SESSION]");
      assert.equal(await tab.innerText("#who"), "nobody");
      await tab.click("#in");
      await tab.waitForURL(`${server.url}/${flowType}.html**`);
      await tab.waitForFunction(() => document.querySelector("#who")?.textContent.includes("@"));
      assert.equal(await tab.innerText("#who"), "ada@example.com true");
      assert.doesNotMatch(tab.url(), /access_token|code=/);
      await tab.reload();
      await tab.waitForFunction(() => document.querySelector("#who")?.textContent.includes("@"));
    });

  it("and is told when the provider says no", async () => {
    provider.refuse = "access_denied";
    const tab = await (await browser.newContext()).newPage();
    await tab.goto(`${server.url}/implicit.html`);
    await tab.click("#in");
    await tab.waitForURL(/error=access_denied/);
    assert.equal(await tab.innerText("#who"), "nobody");
  });
});
