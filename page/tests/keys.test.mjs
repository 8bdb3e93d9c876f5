// The page in front of a server that runs programs for those who have a key.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";

import { Visit, nextRun, startBrowser, startServer, wasStopped } from "./lib.mjs";

const KEY = "locus_page-test-0123456789abcdefghijklmnopqrstuvwxyz";

let browser;
let server;
let folder;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "locus-keys-"));
  const file = join(folder, "keys.yaml");
  await writeFile(file, `keys:\n  - name: page\n    sha256: ${createHash("sha256").update(KEY).digest("hex")}\n`);
  [browser, server] = await Promise.all([startBrowser(), startServer("--api-keys", file)]);
});
after(async () => {
  await browser.close();
  await server.stop();
  await rm(folder, { recursive: true });
});

const given = async (page, key) => {
  await page.waitForSelector("#key-dialog[open]");
  await page.fill("#key", key);
  await page.keyboard.press("Enter");
};

test("a key is asked for, a wrong one is told, and the right one stays in its tab", async (t) => {
  if (server.isForeign) return t.skip("the keys of this server are not ours");
  const visit = await Visit.begin(browser, server.url, { waits: false });
  const { page } = visit;
  await page.waitForSelector("#key-dialog[open]");
  assert.equal(await page.textContent("#key-wrong"), "");
  await given(page, "locus_wrong");
  await page.waitForFunction(() => document.querySelector("#key-wrong").textContent === "The server does not know this key. Is it whole?");
  await given(page, KEY);
  await visit.ready();
  assert.equal(await visit.run("print('let in')"), "Finished");
  assert.equal(await visit.output(), "let in\n");
  const kept = () => page.evaluate(() => [{ ...localStorage }, { ...sessionStorage }, document.cookie].map((store) => JSON.stringify(store)));
  const [local, session, cookie] = await kept();
  assert.ok(!local.includes(KEY) && session.includes(KEY) && !cookie.includes(KEY));
  // The same tab needs it no more; another one does.
  await page.reload();
  await visit.ready();
  const other = await visit.context.newPage();
  await other.goto(server.url);
  await other.waitForSelector("#key-dialog[open]");
  await visit.end({ mayComplain: true });
});

test("whoever leaves stops a run that their key has begun", async (t) => {
  if (server.isForeign) return t.skip("the keys of this server are not ours");
  const visit = await Visit.begin(browser, server.url, { waits: false });
  const { page } = visit;
  await given(page, KEY);
  await visit.ready();
  await visit.type("import time\nprint('it goes on')\ntime.sleep(600)");
  const [id] = await Promise.all([nextRun(page), page.click("#run")]);
  await visit.shows("it goes on");
  await page.close({ runBeforeUnload: true });
  await wasStopped(server, id, { Authorization: `Bearer ${KEY}` });
  await visit.end({ mayComplain: true });
});
