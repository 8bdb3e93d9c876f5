// Makes api-server/static of src: `node build.mjs [FOLDER]`. What it makes is the same on every machine.

import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

import * as esbuild from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, "../api-server/static");
const source = (name) => readFile(join(here, "src", name), "utf8");

const common = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  target: ["es2022"],
  legalComments: "none",
  charset: "utf8",
  write: false,
  outdir: out,
  metafile: true,
  entryNames: "assets/[name]-[hash]",
};
const modules = await esbuild.build({
  ...common,
  entryPoints: ["src/main.ts", "src/embed.ts"],
  format: "esm",
  splitting: true,
  chunkNames: "assets/[name]-[hash]",
});
const others = await esbuild.build({ ...common, entryPoints: ["src/theme.ts", "src/style.css"], format: "iife" });
const widget = await esbuild.build({ ...common, entryPoints: ["src/widget.ts"], format: "iife" });

const files = new Map();
for (const { path, contents } of [...modules.outputFiles, ...others.outputFiles]) {
  files.set(relative(out, path).replaceAll("\\", "/"), Buffer.from(contents));
}
files.set("embed.js", Buffer.from(widget.outputFiles[0].contents));
files.set("icon.svg", Buffer.from(await source("icon.svg")));

const outputs = { ...modules.metafile.outputs, ...others.metafile.outputs };
const named = (path) => relative(out, join(here, path)).replaceAll("\\", "/");
const output = (entry) => {
  const [path] = Object.entries(outputs).find(([, { entryPoint }]) => entryPoint === entry) ?? [];
  if (path === undefined) throw new Error(`nothing was made of ${entry}`);
  return path;
};

/** The files that a page needs before it can do anything. */
function needed(path, found = new Set()) {
  if (found.has(path)) return found;
  found.add(path);
  for (const { kind, path: other } of outputs[path].imports) if (kind === "import-statement") needed(other, found);
  return found;
}

async function page(template, entry) {
  const main = output(entry);
  const chunks = [...needed(main)].filter((path) => path !== main).map(named).sort();
  const parts = {
    style: named(output("src/style.css")),
    theme: named(output("src/theme.ts")),
    main: named(main),
    preloads: chunks.map((path) => `<link rel="modulepreload" href="${path}">`).join("\n  "),
    icons: await source("icons.svg"),
    result: await source("result.html"),
    key: await source("key.html"),
    close:
      '<button type="button" class="small close" aria-label="Close"><svg class="icon" aria-hidden="true"><use href="#icon-cross"/></svg></button>',
  };
  let html = await source(template);
  // Parts may hold others.
  for (let round = 0; round < 2; round += 1) {
    html = html.replace(/\{\{(\w+)\}\}/g, (_, name) => {
      if (parts[name] === undefined) throw new Error(`${template} names {{${name}}}, which there is not`);
      return parts[name];
    });
  }
  files.set(template, Buffer.from(html));
  return [parts.style, parts.theme, parts.main, ...chunks];
}

const first = await page("index.html", "src/main.ts");
await page("embed.html", "src/embed.ts");

const kept = ["./", "icon.svg", ...first];
const version = createHash("sha256");
for (const name of ["index.html", "icon.svg", ...first].sort()) version.update(name).update(files.get(name));
const worker = await esbuild.build({
  ...common,
  entryPoints: ["src/sw.ts"],
  format: "iife",
  define: { FILES: JSON.stringify(kept), VERSION: JSON.stringify(version.digest("hex").slice(0, 12)) },
});
files.set("sw.js", Buffer.from(worker.outputFiles[0].contents));

await rm(out, { recursive: true, force: true });
for (const [name, contents] of [...files].sort()) {
  await mkdir(dirname(join(out, name)), { recursive: true });
  await writeFile(join(out, name), contents);
}
console.log(`${(await readdir(join(out, "assets"))).length + 5} files in ${relative(process.cwd(), out) || "."}`);
