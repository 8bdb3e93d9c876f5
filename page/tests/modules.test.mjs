// Modules of the page by themselves.

import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";

import { moduleOf, root } from "./lib.mjs";

test("every language has a grammar, and each grammar loads", async () => {
  const { MODES } = await moduleOf("modes.ts");
  const ids = new Set();
  for (const folder of await readdir(join(root, "languages"), { withFileTypes: true })) {
    if (!folder.isDirectory()) continue;
    const text = await readFile(join(root, "languages", folder.name, "language.yaml"), "utf8").catch(() => "");
    const id = /^id: (\S+)$/m.exec(text)?.[1];
    if (id !== undefined) ids.add(id);
  }
  assert.ok(ids.size >= 40, `only ${ids.size} languages were found`);
  assert.deepEqual([...ids].filter((id) => !Object.hasOwn(MODES, id)), [], "languages without a grammar");
  const alone = Object.keys(MODES).filter((name) => !ids.has(name));
  assert.deepEqual(alone.sort(), ["json", "shell", "sql"], "grammars that no language has");
  for (const [name, load] of Object.entries(MODES)) assert.ok(await load(), name);
});

test("tables of words tell keywords, texts, numbers and comments apart", async () => {
  const { tokens } = await moduleOf("../tests/tokens.ts");
  for (const [language, code, expected] of [
    ["zig", 'const x: u8 = 42; // "no"', { const: "keyword", u8: "typeName", 42: "number", '// "no"': "comment" }],
    ["ada", 'BEGIN Put ("a -- b"); -- end', { BEGIN: "keyword", '"a -- b"': "string", "-- end": "comment" }],
    ["elixir", 'def f(:ok), do: "a"', { def: "keyword", ":ok": "atom", '"a"': "string" }],
    ["nim", "#[ a\nb ]# echo 'x'", { "#[ a": "comment", "b ]#": "comment", echo: "variableName.standard", "'x'": "atom" }],
    ["prolog", "p(X) :- member(X, L). % c", { X: "variableName.special", "% c": "comment" }],
    ["raku", "my $x = 'a';", { my: "keyword", $x: "atom", "'a'": "string" }],
    ["awk", "BEGIN { print $1 } # c", { BEGIN: "keyword", $1: "atom", "# c": "comment" }],
  ]) {
    const found = Object.fromEntries(tokens(language, code));
    for (const [text, kind] of Object.entries(expected)) assert.equal(found[text], kind, `${text} in ${language}`);
  }
});

test("terminal colours become styles, and everything else of a terminal is left out", async () => {
  const { Ansi } = await moduleOf("ansi.ts");
  const read = (...parts) => {
    const ansi = new Ansi();
    return parts.flatMap((part) => ansi.read(part)).map(({ text, style, restart }) => {
      const set = Object.entries(style ?? {}).filter(([, value]) => value !== false && value !== undefined);
      return [text, Object.fromEntries(set), ...(restart ? ["restart"] : [])];
    });
  };
  assert.deepEqual(read("plain"), [["plain", {}]]);
  assert.deepEqual(read("a\x1b[1;31mb\x1b[0mc"), [["a", {}], ["b", { bold: true, color: 1 }], ["c", {}]]);
  assert.deepEqual(read("\x1b[38;5;208mx\x1b[48;2;1;2;999my"), [["x", { color: "rgb(255 135 0)" }], ["y", { color: "rgb(255 135 0)", back: "rgb(1 2 255)" }]]);
  assert.deepEqual(read("\x1b[97mx\x1b[39my"), [["x", { color: 15 }], ["y", {}]]);
  // Cut anywhere, it reads the same.
  assert.deepEqual(read("a\x1b", "[3", "1", "mb").filter(([text]) => text !== ""), [["a", {}], ["b", { color: 1 }]]);
  assert.deepEqual(read("\x1b]0;title\x07a\x1b[2Jb\x1b[10;5Hc\x1b(Bd"), [["abcd", {}]]);
  assert.deepEqual(read("a\r\nb"), [["a\nb", {}]].map(([text, style]) => [text, style]));
  assert.deepEqual(read("10%\r20%"), [["10%", {}], ["20%", {}, "restart"]]);
  assert.deepEqual(read("10%\r", "20%"), [["10%", {}], ["20%", {}, "restart"]]);
  assert.deepEqual(read("a\x00b\x07c"), [["a␀bc", {}]]);
  // An escape that never ends is not waited for for ever.
  assert.ok(read("\x1b]" + "x".repeat(1000)).length > 0);
});

test("a project survives its link, and a damaged link is refused", async () => {
  const { fragmentOf, projectIn, projectOf } = await moduleOf("project.ts");
  const plain = projectOf("python", "main.py", "print('ö')\n");
  assert.deepEqual(await projectIn(`#${await fragmentOf(plain)}`), plain);
  const full = {
    ...plain,
    files: [...plain.files, { name: "a.bin", content: "/w==", encoding: "base64" }],
    stdin: "1\n",
    args: ["a b", "-"],
    env: ["A=b=c"],
    interactive: true,
    outputFiles: ["*.csv"],
    timeoutSeconds: 3,
    tests: [{ name: "n", stdin: "1", expectedStdout: "2", checker: "float" }],
  };
  assert.deepEqual(await projectIn(await fragmentOf(full)), full);
  assert.equal(await projectIn(""), undefined);
  const short = await fragmentOf(projectOf("python", "main.py", "print(1)\n".repeat(2000)));
  assert.ok(short.length < 400, `${short.length} characters`);
  const written = await projectIn("#language=c%2B%2B&code=int%20x%3B&arg=a&arg=b");
  assert.deepEqual([written.language, written.files[0].content, written.args], ["c++", "int x;", ["a", "b"]]);
  const cut = (await fragmentOf(full)).slice(0, -9);
  for (const damaged of ["#p=AAAA", `#${cut}`, "#p=%", "#p=", "#p=q1YqAQA"]) {
    await assert.rejects(projectIn(damaged), { message: "This link can’t be read: it was perhaps cut when it was copied. Ask for it again." }, damaged);
  }
  await assert.rejects(projectIn(`#${await fragmentOf(projectOf("python", "a", "x".repeat(5 << 20)))}`), /more than a program may/);
});

test("a request holds what was changed and nothing else", async () => {
  const { projectOf, requestOf } = await moduleOf("project.ts");
  const project = { ...projectOf("python", "main.py", "x"), outputFiles: [] };
  assert.deepEqual(requestOf(project, "main.py"), { language: "python", code: "x" });
  const limited = { ...project, timeoutSeconds: 1.5, memoryMegabytes: 2048, env: ["A=b=c"] };
  assert.deepEqual(requestOf(limited, "main.py"), {
    language: "python",
    code: "x",
    env: [{ name: "A", value: "b=c" }],
    limits: { timeoutSeconds: 1.5, cpuSeconds: 1.5, memoryBytes: 2147483648 },
  });
  // Tests bring input of their own.
  const tests = [{ name: "", stdin: "1", expectedStdout: "2", checker: "exact" }];
  assert.deepEqual(requestOf({ ...project, tests, stdin: "x", interactive: true }, "main.py"), {
    language: "python",
    code: "x",
    tests: [{ stdin: "1", expectedStdout: "2", checker: "exact" }],
  });
});

test("sizes and times are told in the units of the command line", async () => {
  const { bytes, seconds } = await moduleOf("telling.ts");
  const sizes = [0, 1023, 1024, 9 << 20, 1023.9 * 2 ** 20, 2 ** 31].map(bytes);
  assert.deepEqual(sizes, ["0 B", "1023 B", "1.0 KiB", "9.0 MiB", "1.0 GiB", "2.0 GiB"]);
  assert.deepEqual([0.0312, 0.9996, 1.25, 61].map(seconds), ["31 ms", "1.00 s", "1.25 s", "61.0 s"]);
});
