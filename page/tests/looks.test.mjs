// What the page weighs, how soon it is there, who can use it, and what it looks like. LOCUS_PICTURES=FOLDER keeps pictures.

import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { gzipSync } from "node:zlib";

import { Visit, startBrowser, startServer } from "./lib.mjs";

const WEIGHT_MAX = 350_000;
/** Bits and milliseconds of a fast 3G network, as browsers' own tools have it. */
const FAST_3G = { offline: false, latency: 150, downloadThroughput: 1_600_000 / 8, uploadThroughput: 750_000 / 8 };

let browser;
let server;
before(async () => {
  [browser, server] = await Promise.all([startBrowser(), startServer()]);
});
after(async () => {
  await browser.close();
  await server.stop();
});

async function entry() {
  const html = await (await fetch(server.url)).text();
  return [...html.matchAll(/(?:href|src)="(assets\/[^"]+|icon\.svg)"/g)].map(([, path]) => path);
}

test("the page weighs little before a grammar, and what never changes is never asked for again", async () => {
  let weight = 0;
  for (const path of ["", ...new Set(await entry())]) {
    const response = await fetch(`${server.url}/${path}`, { headers: { "Accept-Encoding": "gzip" } });
    assert.equal(response.headers.get("content-encoding"), "gzip", path);
    weight += gzipSync(Buffer.from(await response.arrayBuffer())).length;
    const caching = response.headers.get("cache-control");
    assert.equal(caching, path.startsWith("assets/") ? "public, max-age=31536000, immutable" : "no-cache", path);
    const again = await fetch(`${server.url}/${path}`, { headers: { "If-None-Match": response.headers.get("etag") } });
    assert.equal(again.status, 304, path);
  }
  console.log(`${(weight / 1000).toFixed(0)} kB with gzip`);
  assert.ok(weight <= WEIGHT_MAX, `${weight} bytes`);
});

test("something is seen early on a fast 3G network, before all is there", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  await session.send("Network.enable");
  await session.send("Network.emulateNetworkConditions", FAST_3G);
  await page.goto(server.url);
  const painted = await page.evaluate(async () => {
    const first = () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime;
    for (let turn = 0; turn < 100 && first() === undefined; turn += 1) await new Promise((done) => setTimeout(done, 50));
    return first();
  });
  await page.waitForSelector("#run:not([disabled])");
  const ready = await page.evaluate(() => performance.now());
  console.log(`first paint after ${Math.round(painted)} ms, ready after ${Math.round(ready)} ms`);
  await context.close();
  // How early is printed, and no test of its own: machines differ.
  assert.ok(painted < ready, `${painted} ms`);
});

test("axe finds nothing serious, in either theme and in all that opens", async () => {
  const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  for (const colorScheme of ["light", "dark"]) {
    const visit = await Visit.begin(browser, server.url, { colorScheme, bypassCSP: true });
    const { page } = visit;
    const sound = async (where) => {
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => globalThis.axe.run());
      const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
      const found = serious.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join(" | ")}`);
      assert.deepEqual(found, [], `${where}, ${colorScheme}`);
    };
    await sound("at the start");
    await visit.run("import sys\nprint('\\x1b[31mred \\x1b[33myellow \\x1b[36mcyan \\x1b[90mgrey\\x1b[0m')\nx: int = 1  # comment\nprint('no', file=sys.stderr)\nraise ValueError");
    await sound("after a run");
    for (const sheet of ["input", "options", "tests"]) {
      await page.click(`#tabs [data-name=${sheet}]`);
      if (sheet === "tests") await page.click("#add-test");
      await sound(sheet);
    }
    await page.click("#run");
    await visit.over();
    await sound("after tests");
    for (const [button, shown] of [["#language", "#languages"], ["#menu-button", "#menu"], ["#share", "#share-dialog"], ["#history", "#history-dialog"], ["#add-file", "#name-dialog"], ["#sandbox", "#sandbox-dialog"]]) {
      // Around a pod there is another sandbox, which the page has no list of.
      if (button === "#sandbox" && server.isForeign) continue;
      await page.click(button);
      await page.waitForSelector(shown);
      await sound(shown);
      await page.keyboard.press("Escape");
    }
    await visit.end({ mayComplain: true });
  }
});

const PICTURE_PROGRAM = `SALES = {"apples": 20, "pears": 24, "plums": 16}

def bar(colour, length):
    line = "█" * length
    return f"\\x1b[{colour}m{line}\\x1b[0m {length}"

for colour, (fruit, sold) in enumerate(SALES.items(), 32):
    print(f"{fruit:>8}", bar(colour, sold))

print("\\nsold in all:", sum(SALES.values()))
`;

test("pictures are taken of it", { skip: process.env.LOCUS_PICTURES === undefined }, async () => {
  const folder = process.env.LOCUS_PICTURES;
  await mkdir(folder, { recursive: true });
  // What differs from time to time and from machine to machine is made the same.
  const steady = async (page) => {
    await page.evaluate(() => {
      const values = ["31 ms", "24 ms", "9.3 MiB", "warm"];
      document.querySelectorAll("#figures dd").forEach((value, at) => (value.textContent = values[at]));
      document.querySelector("#language-name .version").textContent = "3.13";
      document.activeElement.blur();
    });
    await page.waitForTimeout(300);
  };
  for (const [name, options] of [
    ["page", { colorScheme: "light", viewport: { width: 1200, height: 560 } }],
    ["page-dark", { colorScheme: "dark", viewport: { width: 1200, height: 560 } }],
    ["page-phone", { colorScheme: "light", viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true }],
  ]) {
    const visit = await Visit.begin(browser, server.url, { deviceScaleFactor: 2, ...options });
    await visit.run(PICTURE_PROGRAM);
    await steady(visit.page);
    await visit.page.screenshot({ path: join(folder, `${name}.png`) });
    await visit.end();
  }
});
