// The page in front of answers that this machine does not give: many languages, a cluster, keys.

import assert from "node:assert/strict";
import test, { after, before } from "node:test";

import { Visit, startBrowser, startServer } from "./lib.mjs";

let browser;
let server;
before(async () => {
  [browser, server] = await Promise.all([startBrowser(), startServer()]);
});
after(async () => {
  await browser.close();
  await server.stop();
});

const json = (body, status = 200, headers = {}) => ({ status, headers, contentType: "application/json", body: JSON.stringify(body) });

/** More languages than a screen has lines. */
function many() {
  const language = (id, name, version, isDefault, aliases = [], libraries = []) => ({
    id, name, version, aliases, libraries,
    default: isDefault,
    selector: isDefault ? id : `${id}@${version}`,
    fileName: "main.txt",
    editor: null,
    example: `${name} ${version}\n`,
  });
  return {
    languages: [
      language("rust", "Rust", "1.85", true, ["rs"]),
      language("python", "Python", "3.11", false, ["py"]),
      language("python", "Python", "3.13", true, ["py"], ["numpy", "pandas"]),
      language("cpp", "C++", "14", true, ["c++"]),
      ...Array.from({ length: 40 }, (_, at) => language(`made-up-${at}`, `Made up ${String(at).padStart(2, "0")}`, "1", true)),
    ],
  };
}

const withMany = { "**/api/v1/languages": (route) => route.fulfill(json(many())) };

test("a language is found among many, with its versions, and remembered", async () => {
  const visit = await Visit.begin(browser, server.url, { routes: withMany, serviceWorkers: "block" });
  const { page } = visit;
  assert.equal(await page.textContent("#language-name"), "Python 3.13");
  await page.click("#language");
  const options = await page.locator("#language-list li .name").allTextContents();
  assert.equal(options.length, 44);
  assert.deepEqual(options.slice(-3), ["Python", "Python", "Rust"]);
  assert.match(await page.textContent("#language-list [data-selector=python]"), /numpy, pandas/);
  for (const [typed, first] of [["rs", "Rust1.85"], ["c++", "C++14"], ["py 3.11", "Python3.11"], ["up 07", "Made up 071"]]) {
    await page.fill("#language-search", typed);
    assert.equal(await page.locator("#language-list li").first().textContent(), first, typed);
  }
  await page.fill("#language-search", "klingon");
  assert.ok(await page.isVisible("#language-none"));
  await page.fill("#language-search", "py 3.11");
  await page.keyboard.press("Enter");
  assert.equal((await visit.code()).trim(), "Python 3.11");
  for (const [query, name] of [
    ["", "Python 3.11"],
    ["?language=c++", "C++ 14"],
    ["?language=C%2B%2B", "C++ 14"],
    ["?language=py", "Python 3.13"],
    ["?language=rs@1", "Rust 1.85"],
  ]) {
    await page.goto(`${server.url}/${query}`);
    await visit.ready();
    assert.equal(await page.textContent("#language-name"), name, query);
  }
  await page.goto(`${server.url}/?language=klingon`);
  await visit.ready();
  assert.match(await page.textContent("#notice"), /no language klingon/);
  await visit.end();
});

/** A run whose events are these. */
function runOf(events, run = {}) {
  const whole = { id: "run-1", language: "python", phase: "Pending", reason: "Queued", createdAt: "2026-01-01T00:00:00Z", error: "", ...run };
  const body = events.map(([type, data], at) => `id: ${at}-0-0\nevent: ${type}\ndata: ${JSON.stringify(data.phase ? { ...whole, ...data } : data)}\n\n`).join("");
  return {
    "**/api/v1/runs": (route) => route.fulfill(json(whole, 202)),
    "**/api/v1/runs/run-1/events": (route) => route.fulfill({ contentType: "text/event-stream", body }),
  };
}

test("what a run of a cluster waits for is told", async () => {
  const told = [];
  let release;
  const end = new Promise((resolve) => (release = resolve));
  const waiting = { phase: "Pending", reason: "Queued", error: "40 runs go on, and 3 wait in front of this one" };
  const routes = runOf([["state", waiting]]);
  let asked = 0;
  routes["**/api/v1/runs/run-1/events"] = async (route) => {
    asked += 1;
    const run = { id: "run-1", createdAt: "", error: "" };
    if (asked === 1) return route.fulfill({ contentType: "text/event-stream", body: `id: 0-0-0\nevent: state\ndata: ${JSON.stringify({ ...run, ...waiting })}\n\n` });
    told.push(route.request().headers()["last-event-id"]);
    await end;
    const pod = { ...run, phase: "Pending", reason: "PodPending", error: "" };
    const over = { ...run, phase: "Succeeded", reason: "Completed", outcome: "Completed", prestarted: true, usage: { wallSeconds: 1.25, cpuSeconds: 0.5, memoryPeakBytes: 9_800_000 } };
    const events = [["state", pod], ["stdout", { text: "done\n" }], ["finished", over]];
    return route.fulfill({ contentType: "text/event-stream", body: events.map(([type, data], at) => `id: 1-${at}-0\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`).join("") });
  };
  const visit = await Visit.begin(browser, server.url, { routes, serviceWorkers: "block" });
  await visit.page.click("#run");
  await visit.page.waitForFunction(() => document.querySelector("#status").textContent.includes("3 wait in front"));
  release();
  assert.equal(await visit.over(), "Finished");
  assert.deepEqual(told, ["0-0-0"], "the connection is taken up where it broke");
  assert.equal(await visit.output(), "done\n");
  assert.equal(await visit.page.textContent("#figures"), "wall1.25 scpu500 msmemory9.3 MiBstartwarm");
  await visit.end();
});

test("a server with keys asks for one, and keeps it in the tab", async () => {
  const keys = [];
  const routes = runOf([["stdout", { text: "in\n" }], ["finished", { phase: "Succeeded", outcome: "Completed" }]]);
  const create = routes["**/api/v1/runs"];
  routes["**/api/v1/runs"] = (route) => {
    const key = route.request().headers().authorization;
    keys.push(key);
    if (key === "Bearer right") return create(route);
    return route.fulfill(json({ reason: "Unauthorized", message: "a key is needed", requestId: "1" }, 401, { "WWW-Authenticate": "Bearer" }));
  };
  const visit = await Visit.begin(browser, server.url, { routes, serviceWorkers: "block" });
  const { page } = visit;
  await page.click("#run");
  await page.fill("#key", "wrong");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector("#key").value === "");
  assert.equal(await page.textContent("#key-wrong"), "The server does not know this key. Is it whole?");
  await page.fill("#key", "right");
  await page.keyboard.press("Enter");
  assert.equal(await visit.over(), "Finished");
  assert.deepEqual(keys, [undefined, "Bearer wrong", "Bearer right"]);
  const kept = await page.evaluate(() => [JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage })]);
  assert.ok(!kept[0].includes("right") && kept[1].includes("right"));
  await visit.end({ mayComplain: true });
});

test("a server that shows not even its languages without a key asks at once", async () => {
  const listed = (route) =>
    route.request().headers().authorization === "Bearer right"
      ? route.fulfill(json(many()))
      : route.fulfill(json({ reason: "Unauthorized", message: "a key is needed", requestId: "1" }, 401));
  const visit = await Visit.begin(browser, server.url, { routes: { "**/api/v1/languages": listed }, serviceWorkers: "block", waits: false });
  await visit.page.waitForSelector("#key-dialog[open]");
  await visit.page.fill("#key", "right");
  await visit.page.keyboard.press("Enter");
  await visit.ready();
  await visit.end({ mayComplain: true });
});

test("somebody who gives no key is told why nothing runs", async () => {
  const refuse = (route) => route.fulfill(json({ reason: "Unauthorized", message: "a key is needed", requestId: "1" }, 401));
  const visit = await Visit.begin(browser, server.url, { routes: { "**/api/v1/runs": refuse }, serviceWorkers: "block" });
  await visit.page.click("#run");
  await visit.page.waitForSelector("#key-dialog[open]");
  await visit.page.keyboard.press("Escape");
  assert.equal(await visit.over(), "Not run");
  assert.equal(await visit.page.textContent("#error"), "A key is needed.");
  await visit.end({ mayComplain: true });
});

test("a program that is stopped from outside of the page is told as what it is", async () => {
  const routes = runOf([["finished", { phase: "Failed", outcome: "PodEvicted", error: "the node was short of memory" }]]);
  const visit = await Visit.begin(browser, server.url, { routes, serviceWorkers: "block" });
  assert.equal(await visit.run(), "The cluster took the pod away");
  assert.equal(await visit.page.textContent("#error"), "The node was short of memory.");
  await visit.end();
});
