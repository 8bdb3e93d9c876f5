// The page in front of the real server: programs are written, run, fed, stopped, shared.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test, { after, before } from "node:test";

import { Visit, nextRun, startBrowser, startServer, wasStopped } from "./lib.mjs";

let browser;
let server;
let served;
before(async () => {
  [browser, server] = await Promise.all([startBrowser(), startServer()]);
  const answer = await (await fetch(`${server.url}/api/v1/languages`)).json();
  served = new Set(answer.languages.map(({ id }) => id));
});
after(async () => {
  await browser.close();
  await server.stop();
});

const visits = (name, steps, options) =>
  test(name, async () => {
    const visit = await Visit.begin(browser, server.url, options);
    try {
      await steps(visit, visit.page);
    } catch (failure) {
      failure.message += `\nstatus: ${await visit.page.textContent("#status").catch(() => "")}` +
        `\nerror: ${await visit.page.textContent("#error").catch(() => "")}`;
      throw failure;
    } finally {
      await visit.end({ mayComplain: options?.mayComplain });
    }
  });

visits("a newcomer types, presses Ctrl+Enter, and sees output", async (visit, page) => {
  assert.match(await visit.code(), /print/, "an example stands in the editor");
  await visit.type("print('hello from the browser')\nprint(6 * 7)");
  await visit.press();
  assert.equal(await visit.over(), "Finished");
  assert.equal(await visit.output(), "hello from the browser\n42\n");
  const figures = await page.textContent("#figures");
  for (const label of ["wall", "cpu", "memory", "start"]) assert.ok(figures.includes(label), figures);
});

visits("output appears as it is written, and Stop stops", async (visit, page) => {
  await visit.type("import time\nfor n in range(1000):\n    print('tick', n, flush=True)\n    time.sleep(0.1)\n");
  await page.click("#run");
  await visit.shows("tick 2");
  assert.equal(await page.textContent("#run-word"), "Stop");
  assert.equal(await page.textContent("#status"), "Running");
  await page.click("#run");
  assert.equal(await visit.over(), "Stopped");
});

visits("a line is seen before the program goes on, also when the program does not see to it", async (visit, page) => {
  await visit.type("import time\nprint('the first line')\ntime.sleep(600)\nprint('the last one')");
  await page.click("#run");
  await visit.shows("the first line");
  assert.equal(await page.textContent("#run-word"), "Stop");
  await page.click("#run");
  assert.equal(await visit.over(), "Stopped");
  assert.equal(await visit.output(), "the first line\n");
});

const LEAVING = {
  "the page is loaded again": (page) => page.reload(),
  "another page is opened": (page) => page.goto("about:blank"),
  "the tab is closed": (page) => page.close({ runBeforeUnload: true }),
};
for (const [how, leave] of Object.entries(LEAVING)) {
  visits(`a run is stopped when ${how}`, async (visit, page) => {
    await visit.type("import time\nprint('it goes on')\ntime.sleep(600)");
    const [id] = await Promise.all([nextRun(page), page.click("#run")]);
    await visit.shows("it goes on");
    await leave(page);
    await wasStopped(server, id);
  });
}

visits("stdout and stderr are told apart, and an exit code is told", async (visit, page) => {
  const state = await visit.run("import sys\nprint('before', flush=True)\nprint('oh no', file=sys.stderr)\nsys.exit(3)");
  assert.equal(state, "Exit code 3");
  assert.equal(await page.textContent("#output .stdout"), "before\n");
  assert.equal(await page.textContent("#output .stderr"), "oh no\n");
});

visits("colours are shown, and markup in output stays text", async (visit, page) => {
  const hostile = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">";
  await visit.run(`print('\\x1b[1;31mred\\x1b[0m plain')\nprint(${JSON.stringify(hostile)})`);
  assert.equal(await visit.output(), `red plain\n${hostile}\n`);
  assert.equal(await page.textContent("#output .ansi-1.ansi-bold"), "red");
  assert.equal(await page.locator("#output script, #output img").count(), 0);
  assert.equal(await page.title(), "Locus");
});

visits("a line that is named in a traceback can be gone to", async (visit, page) => {
  assert.equal(await visit.run("def f():\n    raise ValueError('no')\n\n\nf()\n"), "Exit code 1");
  await page.getByRole("button", { name: /main.py", line 2/ }).click();
  await page.keyboard.insertText("# here");
  assert.match(await visit.code(), /^# here {4}raise/m);
});

visits("a compiler's errors lead to their line", async (visit, page) => {
  if (!served.has("c")) return;
  await visit.choose("c");
  assert.equal(await visit.run("int main(void) {\n    return nothing;\n}\n"), "Does not compile");
  assert.match(await page.textContent("#compiler-output"), /nothing/);
  await page.getByRole("button", { name: /main.c:2:12/ }).first().click();
  await page.keyboard.insertText("0; // ");
  assert.match(await visit.code(), /return 0; \/\/ nothing;/);
  // They are copied and kept as the output is.
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("#save-compiler")]);
  assert.equal(download.suggestedFilename(), "compiler.txt");
  assert.match(await readFile(await download.path(), "utf8"), /^main\.c: .*nothing/s);
  await page.click("#copy-compiler");
  await page.waitForFunction(() => document.querySelector("#status").textContent === "The messages are copied");
  assert.match(await page.evaluate(() => navigator.clipboard.readText()), /main\.c:2:12: error/);
  await page.waitForFunction(() => document.querySelector("#status").textContent === "Does not compile");
}, { permissions: ["clipboard-read", "clipboard-write"] });

visits("what can't be asked for is told beside its field, and nothing is run", async (visit, page) => {
  await page.click("#tabs [data-name=options]");
  for (const [id, wrong, right, told] of [
    ["timeoutSeconds", "-4", "0.5", "A number of seconds, such as 10 or 0.5."],
    ["memoryMegabytes", "1.5", "128", "A whole number of MiB, from 1 on."],
    ["outputMegabytes", "0", "2", "A whole number of MiB, from 1 on."],
    ["env", "A=b\nCOLOUR", "A=b\nCOLOUR=", "Line 2 has to be NAME=value."],
  ]) {
    await page.fill(`#${id}`, wrong);
    await page.click("#tabs .file");
    await page.click("#run");
    assert.equal(await page.textContent("#status"), "Ready", id);
    assert.equal(await page.textContent(`#${id}-note`), told);
    assert.equal(await page.getAttribute(`#${id}`, "aria-invalid"), "true");
    assert.equal(await page.evaluate(() => document.activeElement.id), id, "the field is shown");
    await page.fill(`#${id}`, right);
    assert.equal(await page.textContent(`#${id}-note`), "");
    assert.equal(await page.getAttribute(`#${id}`, "aria-invalid"), "false");
    if (id === "timeoutSeconds") await page.fill(`#${id}`, "10");
  }
  assert.equal(await visit.run("import os\nprint(repr(os.environ['COLOUR']))"), "Finished");
  assert.equal(await visit.output(), "''\n");
});

visits("what the server gives is told where it is less than what was asked for", async (visit, page) => {
  await page.click("#tabs [data-name=options]");
  await page.fill("#timeoutSeconds", "100000");
  await page.fill("#outputMegabytes", "1");
  assert.equal(await visit.run("print(1)"), "Finished");
  const told = /^1\nThis server gives a run at most (\d+ s): it ran with that\.\n$/.exec(await visit.output());
  assert.ok(told !== null, await visit.output());
  assert.equal(await page.textContent("#timeoutSeconds-note"), `The server gives ${told[1]} at most.`);
  assert.equal(await page.textContent("#outputMegabytes-note"), "");
  await page.click("#tabs [data-name=options]");
  await page.fill("#timeoutSeconds", "10");
  assert.equal(await page.textContent("#timeoutSeconds-note"), "");
});

visits("what a program prints at its limits is cut and told", async (visit, page) => {
  assert.equal(await visit.run("while True: print('x' * 1000)"), "Too much output");
  assert.match(await page.textContent("#error"), /1 MiB/);
  assert.match(await visit.output(), /stdout was cut here/);
});

visits("standard input and arguments reach the program", async (visit, page) => {
  await page.click("#tabs [data-name=input]");
  await page.fill("#stdin", "21\n");
  await page.click("#tabs [data-name=options]");
  await page.fill("#args", "a b\n*");
  await page.fill("#env", "COLOUR=light=blue");
  await visit.run("import os, sys\nprint(int(input()) * 2, sys.argv[1:], os.environ['COLOUR'])");
  assert.equal(await visit.output(), "42 ['a b', '*'] light=blue\n");
});

visits("input is typed while the program runs", async (visit, page) => {
  await visit.type("print('Hello,', input('Your name? '), flush=True)\nimport sys\nprint(len(sys.stdin.read()))");
  await page.click("#tabs [data-name=input]");
  await page.check("#interactive");
  await page.click("#run");
  await visit.shows("Your name? ");
  await page.fill("#line", "Ada");
  await page.keyboard.press("Enter");
  await visit.shows("Hello, Ada");
  await page.fill("#line", "rest");
  await page.keyboard.press("Control+D");
  assert.equal(await visit.over(), "Finished");
  assert.equal(await visit.output(), "Your name? Ada\nHello, Ada\nrest4\n");
});

visits("a program that found no input is run again with some", async (visit, page) => {
  await visit.run("print('Hello,', input())");
  await page.getByRole("button", { name: /type the input/ }).click();
  await page.waitForSelector("#typing:not([hidden])");
  await page.keyboard.type("Grace\n");
  assert.equal(await visit.over(), "Finished");
  assert.equal(await visit.output(), "Grace\nHello, Grace\n");
});

visits("several files are written, renamed, dropped in and removed", async (visit, page) => {
  await visit.type("import lib\nprint(lib.x, open('data.txt').read())");
  await page.click("#add-file");
  await page.fill("#name", "../lib.py");
  await page.keyboard.press("Enter");
  assert.match(await page.textContent("#name-wrong"), /path/);
  await page.fill("#name", "other.py");
  await page.keyboard.press("Enter");
  await page.locator("#code .cm-content").focus();
  await page.keyboard.insertText("x = 42");
  await page.focus("#tabs [data-name='other.py']");
  await page.keyboard.press("F2");
  await page.fill("#name", "lib.py");
  await page.keyboard.press("Enter");
  const data = await page.evaluateHandle(() => {
    const transfer = new DataTransfer();
    transfer.items.add(new File(["dropped"], "data.txt"));
    transfer.items.add(new File([new Uint8Array([255, 0])], "data.bin"));
    return transfer;
  });
  await page.dispatchEvent("#program", "drop", { dataTransfer: data });
  await page.waitForSelector("#tabs [data-name='data.bin']");
  assert.deepEqual(await page.locator("#tabs .file").allTextContents(), ["main.py", "lib.py×", "data.txt×", "data.bin×"]);
  await page.click("#run");
  await visit.over();
  assert.equal(await visit.output(), "42 dropped\n");
  await page.focus("#tabs [data-name='data.bin']");
  await page.keyboard.press("Delete");
  assert.deepEqual(await page.locator("#tabs .file").allTextContents(), ["main.py", "lib.py×", "data.txt×"]);
});

visits("pictures that a program leaves are shown, and nothing in them acts", async (visit, page) => {
  const svg = "<svg xmlns='http://www.w3.org/2000/svg' width='40' height='30'><script>parent.document.title='owned'</script><rect width='40' height='30' fill='teal'/></svg>";
  await visit.run(`open('plot.svg', 'w').write(${JSON.stringify(svg)})`);
  const image = page.getByRole("img", { name: "Picture plot.svg of the program" });
  await image.waitFor();
  assert.equal(await image.evaluate((element) => element.naturalWidth), 40);
  assert.equal(await page.title(), "Locus");
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("#files button")]);
  assert.equal(download.suggestedFilename(), "plot.svg");
});

visits("test cases come back with verdicts", async (visit, page) => {
  await page.click("#tabs [data-name=tests]");
  for (const [input, output] of [["3", "9"], ["4", "16"], ["5", "24"], ["x", ""]]) {
    await page.click("#add-test");
    const fields = page.locator("#test-list fieldset").last().locator("textarea");
    await fields.nth(0).fill(input);
    await fields.nth(1).fill(output);
  }
  assert.equal(await visit.run("n = int(input())\nprint(n * n)"), "2 of 4 tests passed");
  assert.deepEqual(await page.locator("#verdicts .verdict").allTextContents(), ["passed", "passed", "wrong output", "exit code 1"]);
  const third = await page.locator("#verdicts details").nth(2).textContent();
  assert.ok(third.includes("24") && third.includes("25"), third);
});

visits("a link holds the program itself", async (visit, page) => {
  await visit.type("print('from a link: ü')\n");
  await page.click("#tabs [data-name=input]");
  await page.fill("#stdin", "kept");
  await page.keyboard.press("Control+S");
  await page.waitForSelector("#share-dialog[open]");
  const link = await page.inputValue("#share-link");
  assert.ok(link.startsWith(`${server.url}/?language=python#p=`), link);
  assert.match(await page.inputValue("#share-embed"), /<locus-run language="python"><pre><code>print/);
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), link);
  await page.keyboard.press("Escape");
  await page.click("#menu-button");
  await page.click("[data-action=embed]");
  await page.waitForFunction(() => document.querySelector("#share-done").textContent === "The lines for your page are copied.");
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), await page.inputValue("#share-embed"));
  // Somebody else's browser.
  const other = await Visit.begin(browser, server.url, { path: link.slice(server.url.length) });
  assert.equal((await other.code()).trim(), "print('from a link: ü')");
  assert.equal(await other.page.inputValue("#stdin"), "kept");
  assert.equal(await other.run(), "Finished");
  assert.equal(await other.output(), "from a link: ü\n");
  // What is changed then is no longer what the link holds.
  await other.type("print('changed')");
  assert.equal(new URL(other.page.url()).hash, "");
  await other.end();
}, { permissions: ["clipboard-read", "clipboard-write"] });

visits("a damaged link is told, and the page works", async (visit, page) => {
  assert.equal(await page.textContent("#notice"), "This link can’t be read: it was perhaps cut when it was copied. Ask for it again.");
  assert.equal(await visit.run("print(1)"), "Finished");
}, { path: "/#p=AAAA" });

visits("drafts and runs are kept in this browser", async (visit, page) => {
  await visit.type("print('draft')\n");
  await visit.run();
  if (served.has("javascript")) {
    await visit.choose("javascript");
    assert.match(await visit.code(), /console/);
    await visit.choose("python");
  }
  assert.equal((await visit.code()).trim(), "print('draft')");
  await page.reload();
  await visit.ready();
  assert.equal((await visit.code()).trim(), "print('draft')");
  await visit.type("print('another')");
  await page.click("#history");
  await page.locator("#history-list button").first().click();
  assert.equal((await visit.code()).trim(), "print('draft')");
  await page.click("#history");
  assert.match(await page.textContent("#history-list"), /another/, "what was in the editor is not lost");
  await page.click("#history-forget");
  await page.click("#history");
  assert.ok(await page.isVisible("#history-none"));
});

visits("ten megabytes of output do not stop the page", async (visit, page) => {
  await page.click("#tabs [data-name=options]");
  await page.fill("#outputMegabytes", "12");
  await visit.type("import sys\nline = 'x' * 99 + '\\n'\nfor _ in range(100_000): sys.stdout.write(line)\nprint('the end')");
  await visit.watchTasks();
  await page.click("#run");
  assert.equal(await visit.over(), "Finished");
  await visit.endsWith("the end");
  await visit.wasNeverFrozen();
  assert.equal((await visit.output()).length, 10_000_000 + 8);
  // The end is in sight, and so is what was typed meanwhile.
  await page.waitForFunction(() => {
    const { scrollTop, scrollHeight, clientHeight } = document.querySelector("#scroll");
    return scrollHeight - scrollTop - clientHeight < 50;
  });
  await visit.type("print('quick')");
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("#save-output")]);
  assert.equal((await readFile(await download.path())).length, 10_000_000 + 8);
});

for (const [what, code] of [
  ["one line of ten megabytes", "print('x' * 10_000_000)\nprint('the end')"],
  ["streams that take turns", "import os\nfor n in range(60_000):\n    os.write(1, b'out\\n')\n    os.write(2, b'err\\n')\nprint('the end')"],
  ["a line that is written over again and again", "for n in range(300_000): print(f'\\r{n}', end='')\nprint('\\rthe end')"],
  ["a colour for each letter", "for n in range(300_000): print(f'\\x1b[3{n % 7 + 1}mx', end='')\nprint('\\x1b[0m\\nthe end')"],
]) {
  visits(`${what} do not stop the page either`, async (visit, page) => {
    await page.click("#tabs [data-name=options]");
    await page.fill("#outputMegabytes", "12");
    await visit.type(code);
    await visit.watchTasks();
    await page.click("#run");
    assert.equal(await visit.over(), "Finished");
    await visit.endsWith("the end");
    await visit.wasNeverFrozen();
  });
}

visits("it is used by keyboard alone", async (visit, page) => {
  const focused = () => page.evaluate(() => document.activeElement.id);
  await page.locator("#code .cm-content").focus();
  await page.keyboard.press("Control+A");
  await page.keyboard.press("Delete");
  await page.keyboard.press("Tab");
  assert.equal(await visit.code(), "    ");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Tab");
  assert.notEqual(await focused(), "code", "Escape and Tab leave the editor");
  await page.keyboard.press("Shift+Tab");
  assert.equal(await focused(), "code");
  await page.keyboard.press("Control+A");
  await page.keyboard.insertText("print('keys')");
  await page.keyboard.press("Control+Enter");
  assert.equal(await visit.over(), "Finished");
  assert.equal(await visit.output(), "keys\n");
  // The language.
  await page.keyboard.press("Control+Shift+L");
  await page.waitForFunction(() => document.activeElement.id === "language-search");
  await page.keyboard.type("pyth");
  await page.keyboard.press("Enter");
  assert.match(await page.textContent("#language"), /Python/);
  // Tabs, the divider, and the way through all of the page and back.
  await page.focus("#tabs [aria-selected=true]");
  await page.keyboard.press("ArrowRight");
  assert.ok(await page.isVisible("#stdin"));
  await page.focus("#divider");
  await page.keyboard.press("ArrowRight");
  assert.equal(await page.getAttribute("#divider", "aria-valuenow"), "54");
  await page.focus("#language");
  const seen = new Set();
  for (let step = 0; step < 30; step += 1) {
    await page.keyboard.press("Tab");
    seen.add(await focused());
  }
  for (const id of ["run", "share", "history", "menu-button", "stdin", "scroll", "divider", "sandbox"]) {
    if (id !== "sandbox" || !server.isForeign) assert.ok(seen.has(id), `Tab does not reach ${id}: ${[...seen].join(" ")}`);
  }
});

visits("themes follow the system, and the choice", async (visit, page) => {
  const back = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await back();
  await page.click("#menu-button");
  await page.getByText("Light", { exact: true }).click();
  const light = await back();
  assert.notEqual(light, dark);
  await page.reload();
  await visit.ready();
  assert.equal(await back(), light);
  await page.click("#menu-button");
  await page.getByText("Stacked", { exact: true }).click();
  const [code, result] = await Promise.all(["#program", "#result"].map((id) => page.locator(id).boundingBox()));
  assert.ok(result.y > code.y + code.height - 1 && result.x === code.x);
}, { colorScheme: "dark" });

visits("a phone has room for all of it", async (visit, page) => {
  const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
  assert.ok(await fits());
  assert.equal(await visit.run("print('x' * 500)"), "Finished");
  assert.ok(await fits());
  for (const id of ["language", "run", "share", "menu-button"]) {
    const box = await page.locator(`#${id}`).boundingBox();
    assert.ok(box.x >= 0 && box.x + box.width <= 360 && box.height >= 32, `${id}: ${JSON.stringify(box)}`);
  }
  for (const sheet of ["input", "options", "tests"]) {
    await page.click(`#tabs [data-name=${sheet}]`);
    assert.ok(await fits(), sheet);
  }
  await page.click("#menu-button");
  await page.click("[data-action=history]");
  assert.ok(await page.isVisible("#history-dialog"));
}, { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });

visits("the smallest phone cuts neither a tab nor what came of the tests", async (visit, page) => {
  await page.click("#tabs [data-name=tests]");
  for (const input of ["3", "4"]) {
    await page.click("#add-test");
    await page.locator("#test-list fieldset").last().locator("textarea").first().fill(input);
  }
  assert.equal(await visit.run("print(input())"), "0 of 2 tests passed");
  const status = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.querySelector("#status");
    return scrollWidth <= clientWidth;
  });
  assert.ok(status, "the summary is whole");
  const tabs = await page.locator("#tabs").boundingBox();
  for (const tab of await page.getByRole("tab").all()) {
    const box = await tab.boundingBox();
    assert.ok(box.x >= tabs.x - 1 && box.x + box.width <= tabs.x + tabs.width + 1, `${await tab.textContent()}: ${JSON.stringify(box)}`);
  }
}, { viewport: { width: 320, height: 640 }, hasTouch: true, isMobile: true });

visits("whoever has no keys is told to tap", async (visit, page) => {
  assert.equal((await page.innerText("#hint")).replace(/\s+/g, " "), "Tap Run to run the program. What it writes appears here, as it is written.");
}, { viewport: { width: 390, height: 740 }, hasTouch: true, isMobile: true });

test("keys are called what they are called on the machine", async () => {
  for (const [platform, name] of [["Linux x86_64", "Ctrl"], ["MacIntel", "Cmd"]]) {
    const context = await browser.newContext();
    await context.addInitScript((is) => Object.defineProperty(Navigator.prototype, "platform", { get: () => is }), platform);
    const page = await context.newPage();
    await page.goto(server.url);
    await page.waitForSelector("#run:not([disabled])");
    assert.match((await page.innerText("#hint")).replace(/\s+/g, " "), new RegExp(`^Press ${name} Enter to run`));
    assert.equal(await page.getAttribute("#run", "title"), `Run (${name}+Enter)`);
    await context.close();
  }
});

visits("it opens without a network, and keeps what is written", async (visit, page) => {
  await page.evaluate(() => navigator.serviceWorker.ready);
  // A page that was open before the worker is served by it from the next time on.
  await page.reload();
  await visit.ready();
  await visit.context.setOffline(true);
  await page.reload();
  await visit.ready();
  assert.ok(await page.isVisible("#offline"));
  await visit.type("print('written on a train')\n");
  await page.click("#run");
  await page.waitForFunction(() => document.querySelector("#error").textContent.includes("can’t be reached"));
  await page.reload();
  await visit.ready();
  assert.equal((await visit.code()).trim(), "print('written on a train')");
  await visit.context.setOffline(false);
  assert.equal(await visit.run(), "Finished");
}, { mayComplain: true });

visits("a server that is gone is told of", async (visit, page) => {
  await page.route("**/api/v1/runs", (route) => route.abort());
  await page.click("#run");
  await page.waitForFunction(() => document.querySelector("#error").textContent.includes("can’t be reached"));
  assert.equal(await page.textContent("#run-word"), "Run");
}, { mayComplain: true });
