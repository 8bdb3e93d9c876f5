// What the tests share: a server, a browser, and what one does in the page.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import * as esbuild from "esbuild";
import { chromium } from "playwright-core";

export const root = fileURLToPath(new URL("../..", import.meta.url));
const PATIENCE = 30_000;
/** Milliseconds without an answer that nobody would take for work any more, however slow the machine. */
const FROZEN = 5_000;

/** The real server on a free port; or the one that LOCUS_PAGE_URL names. */
export async function startServer(...flags) {
  const there = process.env.LOCUS_PAGE_URL;
  if (there !== undefined) return { url: there.replace(/\/$/, ""), isForeign: true, stop: async () => {} };
  const target = process.env.CARGO_TARGET_DIR ?? join(root, "target");
  const binary = process.env.LOCUS_API_SERVER ?? join(target, "debug/locus-api-server");
  assert.ok(existsSync(binary), `${binary} is not there: cargo build -p locus-api-server`);
  const child = spawn(binary, ["--listen", "127.0.0.1:0", ...flags], { stdio: ["ignore", "pipe", "pipe"] });
  const said = { out: "", err: "" };
  child.stderr.on("data", (part) => (said.err += part));
  const url = await new Promise((resolve, reject) => {
    child.stdout.on("data", (part) => {
      said.out += part;
      const found = /open (http:\S+)/.exec(said.out);
      if (found !== null) resolve(found[1]);
    });
    child.on("exit", (code) => reject(new Error(`the server ended with ${code}: ${said.err}`)));
  });
  const stop = async () => {
    const gone = new Promise((resolve) => child.on("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  };
  return { url, isForeign: false, stop };
}

export async function startBrowser() {
  const paths = [process.env.LOCUS_CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
  const executablePath = paths.find((path) => path !== undefined && existsSync(path));
  assert.ok(executablePath, "chromium is not installed");
  // In containers there is no sandbox for it, and little shared memory; what it opens is ours.
  return await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
}

/** What one does in the page. Anything that the page complains of, such as its policy, is an error. */
export class Visit {
  complaints = [];
  /** Hosts that were asked for anything. */
  hosts = new Set();

  static async begin(browser, url, { path = "/", routes = {}, waits = true, ...options } = {}) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: "en-GB", ...options });
    const visit = new Visit();
    visit.context = context;
    visit.page = await context.newPage();
    visit.url = url;
    visit.listen();
    for (const [pattern, answer] of Object.entries(routes)) await context.route(pattern, answer);
    await visit.page.goto(url + path);
    if (waits) await visit.ready();
    return visit;
  }

  listen() {
    const { page } = this;
    page.setDefaultTimeout(PATIENCE);
    page.on("console", (message) => {
      // The tests keep the worker away where they give the answers themselves.
      if (["error", "warning"].includes(message.type()) && !message.text().includes("blocked by Playwright")) {
        this.complaints.push(message.text());
      }
    });
    page.on("pageerror", (error) => this.complaints.push(String(error)));
    page.on("request", (request) => {
      const { protocol, host } = new URL(request.url());
      if (protocol.startsWith("http")) this.hosts.add(host);
    });
  }

  /** Ends the visit: nothing was complained of, and no other host was asked. */
  async end({ mayComplain = false } = {}) {
    await this.context.close();
    if (!mayComplain) assert.deepEqual(this.complaints, []);
    const foreign = [...this.hosts].filter((host) => host !== new URL(this.url).host);
    assert.deepEqual(foreign, [], "other hosts were asked");
  }

  async ready() {
    await this.page.waitForSelector("#run:not([disabled])");
  }

  /** From now on the longest time that the page does nothing else is kept. */
  async watchTasks() {
    await this.page.evaluate(() => {
      window.longest = 0;
      new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries()) window.longest = Math.max(window.longest, duration);
      }).observe({ entryTypes: ["longtask"] });
    });
  }

  async wasNeverFrozen() {
    const longest = await this.page.evaluate(() => window.longest);
    assert.ok(longest < FROZEN, `the page did nothing else for ${longest} ms`);
  }

  async choose(name) {
    const { page } = this;
    await page.click("#language");
    await page.fill("#language-search", name);
    await page.keyboard.press("Enter");
    await page.waitForFunction((word) => document.querySelector("#language-name").textContent.toLowerCase().includes(word), name.split("@")[0].toLowerCase());
  }

  async type(code) {
    const { page } = this;
    await page.click("#tabs .file");
    await page.locator("#code .cm-content").focus();
    await page.keyboard.press("Control+A");
    await page.keyboard.press("Delete");
    await page.keyboard.insertText(code);
  }

  async code() {
    return (await this.page.locator("#code .cm-line").allTextContents()).join("\n");
  }

  async press() {
    await this.page.locator("#code .cm-content").press("Control+Enter");
  }

  /** Runs a program to its end, and gives what the state says then. */
  async run(code) {
    if (code !== undefined) await this.type(code);
    await this.page.click("#run");
    return await this.over();
  }

  async over() {
    const { page } = this;
    await page.waitForFunction(() => document.querySelector("#run-word").textContent === "Run" && document.querySelector("#status").dataset.mood !== "busy");
    // What came last is drawn with the next picture.
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    return await page.textContent("#status");
  }

  output() {
    return this.page.textContent("#output");
  }

  /** The same for output that is large: to ask for all of it would be work of its own. */
  async endsWith(text) {
    const isThere = (part) => [...document.querySelectorAll("#output > *")].slice(-300).some((block) => block.textContent.includes(part));
    await this.page.waitForFunction(isThere, text, { polling: 200 });
  }

  async shows(text) {
    await this.page.waitForFunction((part) => document.querySelector("#output").textContent.includes(part), text);
  }
}

/** The id of the run that a page asks for next. */
export async function nextRun(page) {
  const answer = await page.waitForResponse((response) => response.request().method() === "POST" && response.url().endsWith("/api/v1/runs"));
  return (await answer.json()).id;
}

/** Waits until the server says of a run that it was stopped. */
export async function wasStopped(server, id, headers = {}) {
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    const run = await (await fetch(`${server.url}/api/v1/runs/${id}`, { headers })).json();
    if (run.outcome !== undefined) return assert.equal(run.outcome, "Cancelled");
    assert.ok(Date.now() < deadline, "the run goes on");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** A module of the page, as Node can have it. */
export async function moduleOf(name) {
  const folder = await mkdtemp(join(tmpdir(), "locus-page-"));
  const outfile = join(folder, "module.mjs");
  try {
    await esbuild.build({ entryPoints: [join(root, "page/src", name)], bundle: true, format: "esm", platform: "node", outfile, logLevel: "error" });
    return await import(pathToFileURL(outfile).href);
  } finally {
    await rm(folder, { recursive: true });
  }
}
