// Programs in pages of others: the example of this repository, at an address that is not the server's.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import test, { after, before } from "node:test";

import { nextRun, root, startBrowser, startServer, wasStopped } from "./lib.mjs";

let browser;
let site;
let origin;
let server;
let shut;
before(async () => {
  const example = await readFile(join(root, "examples/embed/index.html"), "utf8");
  // A page that allows itself nothing but the server's script and frame.
  site = createServer((request, response) => {
    const asked = new URL(request.url, "http://site");
    const to = asked.searchParams.get("server");
    const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src ${to}; frame-src ${to}`;
    response.writeHead(200, { "Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy });
    response.end(example.replace("http://127.0.0.1:8000", to));
  });
  await new Promise((resolve) => site.listen(0, "127.0.0.1", resolve));
  origin = `http://localhost:${site.address().port}`;
  [browser, server, shut] = await Promise.all([startBrowser(), startServer("--cors-origin", origin), startServer()]);
});
after(async () => {
  await browser.close();
  site.close();
  await Promise.all([server.stop(), shut.stop()]);
});

const address = (to) => `${origin}/?server=${encodeURIComponent(to.url)}`;

test("a block of code in another page is run when somebody presses Run, and never before", async () => {
  const page = await browser.newPage();
  const runs = [];
  page.on("request", (request) => request.method() === "POST" && runs.push(request.url()));
  await page.goto(address(server));
  const frame = page.frameLocator("locus-run iframe").first();
  await frame.locator("#run:not([disabled])").waitFor();
  await page.waitForTimeout(500);
  assert.deepEqual(runs, []);
  assert.equal(await page.locator("locus-run pre").first().isVisible(), false, "the frame has taken the place of the block");
  await frame.locator("#run").click();
  await frame.locator("#status[data-mood=good]").waitFor();
  assert.equal(await frame.locator("#output").textContent(), "1 squared is 1\n2 squared is 4\n3 squared is 9\n");
  assert.equal(runs.length, 1);
  // The frame is as high as what is in it.
  const gap = async () => {
    const outer = await page.locator("locus-run iframe").first().boundingBox();
    const inner = await frame.locator("#frame").boundingBox();
    return Math.abs(outer.height - inner.height);
  };
  for (let turn = 0; turn < 40 && (await gap()) > 1; turn += 1) await page.waitForTimeout(50);
  assert.ok((await gap()) <= 1);
  const second = page.frameLocator("locus-run iframe").nth(1);
  await page.locator("locus-run").nth(1).scrollIntoViewIfNeeded();
  await second.locator("#run:not([disabled])").click();
  await second.locator("#status[data-mood=good]").waitFor();
  assert.equal(await second.locator("#output").textContent(), "ADA\n");
  await page.locator("locus-run").nth(2).scrollIntoViewIfNeeded();
  const third = page.frameLocator("locus-run iframe").nth(2);
  await third.locator("#language-name", { hasText: "JavaScript" }).waitFor();
  await page.close();
});

test("where programs run on the machine of whoever looks, other pages get no frame, and keep their block", async (t) => {
  if (shut.isForeign) return t.skip("this server is for everybody");
  const page = await browser.newPage();
  await page.goto(address(shut));
  await page.waitForTimeout(1500);
  assert.ok(await page.locator("locus-run pre").first().isVisible());
  const policy = async (to) => (await fetch(`${to.url}/embed`)).headers.get("content-security-policy");
  assert.match(await policy(shut), /frame-ancestors 'self'$/);
  assert.match(await policy(server), /frame-ancestors \*$/);
  const front = await fetch(server.url);
  assert.match(front.headers.get("content-security-policy"), /frame-ancestors 'none'$/);
  await page.close();
});

test("a program in a language that the server lacks is there to be read", async () => {
  const page = await browser.newPage();
  await page.goto(`${server.url}/embed#language=klingon&code=${encodeURIComponent("Qapla'\nHegh")}`);
  await page.locator("#status[data-mood=bad]").waitFor();
  assert.deepEqual(await page.locator("#code .cm-line").allTextContents(), ["Qapla'", "Hegh"]);
  assert.equal(await page.textContent("#language-name"), "klingon");
  assert.equal(await page.textContent("#status"), "Can’t be run");
  assert.equal(await page.textContent("#error"), "This server does not run klingon: the program can be read here, and not run.");
  assert.ok(!(await page.isVisible("#hint")) && (await page.isDisabled("#run")));
  await page.close();
});

test("a run in a frame is stopped when the frame goes", async () => {
  const page = await browser.newPage();
  await page.goto(address(server));
  const frame = page.frameLocator("locus-run iframe").first();
  await frame.locator("#run:not([disabled])").waitFor();
  await frame.locator("#code .cm-content").focus();
  await page.keyboard.press("Control+A");
  await page.keyboard.insertText("import time\nprint('it goes on')\ntime.sleep(600)");
  const [id] = await Promise.all([nextRun(page), frame.locator("#run").click()]);
  await frame.locator("#output", { hasText: "it goes on" }).waitFor();
  await page.evaluate(() => document.querySelector("locus-run").remove());
  await wasStopped(server, id);
  await page.close();
});

test("the page for frames opens by itself, read-only if it is asked to be", async () => {
  const page = await browser.newPage();
  await page.goto(`${server.url}/embed?language=python&readonly&theme=dark#code=print(1)`);
  await page.waitForSelector("#run:not([disabled])");
  await page.locator("#code .cm-content").focus();
  await page.keyboard.insertText("x");
  assert.equal(await page.locator("#code .cm-content").textContent(), "print(1)");
  const [whole] = await Promise.all([page.waitForEvent("popup"), page.click("#open")]);
  await whole.waitForSelector("#run:not([disabled])");
  assert.equal((await whole.locator("#code .cm-content").textContent()).trim(), "print(1)");
  await page.close();
});
