// The page at `/embed`: one program in a frame of somebody else's page. It runs when Run is pressed in it, never by itself.

import { type Language, languages as askLanguages } from "./api";
import { listenForCrosses, withKey } from "./asking";
import { element } from "./dom";
import { Editor } from "./editor";
import { COMMAND, nameKeys } from "./keyboard";
import { modeOf } from "./modes";
import { languageNamed } from "./picker";
import { type Project, fragmentOf, projectIn, projectOf, requestOf } from "./project";
import { Result } from "./result";
import { sentence } from "./telling";

let project: Project | undefined;
let language: Language | undefined;

const isReadOnly = new URLSearchParams(location.search).has("readonly");
const editor = new Editor({
  host: element("code"),
  changed: (text) => {
    const main = project?.files[0];
    if (main !== undefined) main.content = text;
  },
  run: () => void run(),
  isReadOnly,
});
const result = new Result({
  goTo: (_, line, column) => editor.goTo(line, column),
  changed: showRunning,
  again: () => {
    if (project !== undefined) project.interactive = true;
    void run();
  },
});

async function run(): Promise<void> {
  if (result.isRunning || project === undefined || language === undefined) return;
  element("result").hidden = false;
  const whole = structuredClone(project);
  const [main] = whole.files;
  // A block shows no empty line at its end, and some compilers want one.
  if (main !== undefined && !main.content.endsWith("\n")) main.content += "\n";
  await result.start(whole, requestOf(whole, language.fileName));
}

function showRunning(): void {
  const { isRunning } = result;
  element("run").classList.toggle("stops", isRunning);
  element("run-word").textContent = isRunning ? "Stop" : "Run";
  element("run-icon").setAttribute("href", isRunning ? "#icon-stop" : "#icon-run");
  element("run").title = isRunning ? "Stop" : `Run (${COMMAND}+Enter)`;
}

async function load(): Promise<void> {
  const asked = new URLSearchParams(location.search).get("language") ?? undefined;
  const sent = await projectIn(location.hash);
  const name = sent === undefined || sent.language === "" ? (asked ?? "python") : sent.language;
  // It is there to be read, whatever becomes of the rest.
  element("language-name").textContent = name;
  const [first] = sent?.files ?? [];
  if (first !== undefined) editor.open(first.name, first.content);
  const languages = await withKey(askLanguages);
  language = languageNamed(languages, name);
  if (language === undefined) throw new Error(`this server does not run ${name}: the program can be read here, and not run`);
  project = { ...(sent ?? projectOf(name, language.fileName, language.example)), language: language.selector };
  const [main] = project.files;
  if (main === undefined) return;
  if (main.name === "") main.name = language.fileName;
  element("language-name").textContent = `${language.name} ${language.version}`;
  editor.open(main.name, main.content);
  editor.highlight(await modeOf(language));
  element<HTMLButtonElement>("run").disabled = false;
}

/** The whole program in a tab of its own, as it stands by now. */
async function openPage(event: MouseEvent): Promise<void> {
  if (project === undefined) return;
  event.preventDefault();
  const page = new URL("./", document.baseURI);
  window.open(`${page.href}#${await fragmentOf(project)}`, "_blank", "noopener");
}

listenForCrosses();
nameKeys();
showRunning();
element("run").addEventListener("click", () => void (result.isRunning ? result.stop() : run()));
element("open").addEventListener("click", (event) => void openPage(event));
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  void run();
});

// The page around it is told how high it is, and nothing else.
new ResizeObserver(() => {
  parent.postMessage({ locusHeight: element("frame").getBoundingClientRect().height }, "*");
}).observe(element("frame"));

load().catch((failure: unknown) => {
  element("result").hidden = false;
  result.cannot("Can’t be run", sentence(failure instanceof Error ? failure.message : String(failure)));
});
