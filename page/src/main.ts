// The page at `/`. Read this first: it brings together the choice of a language, the workspace and the result.

import { type Language, type Run, type Sandbox, languages as askLanguages, readiness } from "./api";
import { askKey, listenForCrosses, withKey } from "./asking";
import { copy, download, element, make } from "./dom";
import { showGiven } from "./fields";
import { draft, forgetPast, keepDraft, keepPast, keepSetting, past, setting } from "./keeping";
import { COMMAND, nameKeys } from "./keyboard";
import { listenForLayout } from "./layout";
import { Picker, languageNamed } from "./picker";
import { type Project, fragmentOf, projectIn, projectOf, requestOf } from "./project";
import { Result } from "./result";
import { bytes, cuts, ending, sentence } from "./telling";
import { Workspace } from "./workspace";

/** How long after the last key a draft is kept. */
const KEEP_AFTER = 300;

let languages: Language[] = [];
let language: Language | undefined;
let project: Project | undefined;
let keeping: ReturnType<typeof setTimeout> | undefined;

const picker = new Picker((chosen) => choose(chosen));
const workspace = new Workspace({ changed, run: () => void run(), refused: notice });
const result = new Result({
  goTo: (file, line, column) => workspace.goTo(file, line, column),
  changed: showRunning,
  ended: (ended, ran) => {
    keepRun(ended, ran);
    showGiven(cuts(ended, ran));
  },
  again: () => {
    workspace.typeInput();
    void run();
  },
});

/** What a language begins with, unless there is a draft. */
function exampleOf(of: Language): Project {
  return projectOf(of.selector, of.fileName, of.example);
}

/** Changes the language: what was written in the one before is kept, and comes back with it. */
function choose(chosen: Language): void {
  keepNow();
  open(chosen, draft(chosen.id) ?? exampleOf(chosen));
  if (!result.isRunning) result.say("Ready", "quiet");
  workspace.focus();
}

function open(of: Language, opened: Project): void {
  [language, project] = [of, { ...opened, language: of.selector }];
  picker.show(of);
  workspace.open(project, languages);
  keepSetting("language", of.selector);
  showAddress();
}

/** The choice stands in the address, to be sent to others. */
function showAddress(fragment = ""): void {
  const query = new URLSearchParams({ language: language?.selector ?? "" });
  history.replaceState(null, "", `?${query}${fragment}`);
}

function changed(): void {
  // From here on it is not what the link holds.
  if (location.hash !== "") showAddress();
  clearTimeout(keeping);
  keeping = setTimeout(keepNow, KEEP_AFTER);
}

/** Keeps the draft; an example that nobody has changed needs none. */
function keepNow(): void {
  clearTimeout(keeping);
  if (language === undefined || project === undefined || keeping === undefined) return;
  keeping = undefined;
  const isExample = JSON.stringify(project) === JSON.stringify(exampleOf(language));
  keepDraft(language.id, isExample ? undefined : project);
}

async function run(): Promise<void> {
  if (result.isRunning || language === undefined || project === undefined) return;
  keepNow();
  notice("");
  if (!workspace.isRight()) return;
  await result.start(structuredClone(project), requestOf(project, language.fileName));
}

function keepRun(ended: Run, ran: Project): void {
  const name = languageNamed(languages, ran.language)?.name ?? ran.language;
  keepPast({ at: Date.now(), name, ending: ending(ended), isGood: ended.outcome === "Completed", project: ran });
}

function showRunning(): void {
  const { isRunning } = result;
  element("run").classList.toggle("stops", isRunning);
  element("run-word").textContent = isRunning ? "Stop" : "Run";
  element("run-icon").setAttribute("href", isRunning ? "#icon-stop" : "#icon-run");
  element("run").title = isRunning ? `Stop (${COMMAND}+Shift+X)` : `Run (${COMMAND}+Enter)`;
}

function notice(text: string): void {
  element("notice").textContent = text;
  element("notice").hidden = text === "";
}

/** Shows the link and the lines for a page, and copies one of them. */
async function share(copied: "link" | "embed" = "link"): Promise<void> {
  if (project === undefined) return;
  const fragment = `#${await fragmentOf(project)}`;
  showAddress(fragment);
  const link = location.href;
  element<HTMLTextAreaElement>("share-link").value = link;
  element<HTMLTextAreaElement>("share-embed").value = snippet(project);
  const done = element("share-done");
  element<HTMLDialogElement>("share-dialog").showModal();
  const field = element<HTMLTextAreaElement>(`share-${copied}`);
  try {
    await copy(field.value);
    done.textContent = copied === "link" ? `The link is copied (${bytes(link.length)}).` : "The lines for your page are copied.";
  } catch (failure) {
    done.textContent = sentence(failure instanceof Error ? failure.message : String(failure));
    field.select();
  }
}

/** What someone writes into a page of theirs. */
function snippet({ language: name, files }: Project): string {
  const code = (files[0]?.content ?? "").replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const script = new URL("embed.js", new URL("./", document.baseURI)).href;
  return `<locus-run language="${name}"><pre><code>${code.trimEnd()}</code></pre></locus-run>\n<script src="${script}" async></script>`;
}

function showHistory(): void {
  const runs = past();
  const items = runs.map((one) => {
    const [first = ""] = (one.project.files[0]?.content ?? "").split("\n").filter((line) => line.trim() !== "");
    const time = new Date(one.at).toLocaleString(undefined, { dateStyle: "short", timeStyle: "short" });
    const click = () => {
      const known = languageNamed(languages, one.project.language);
      element<HTMLDialogElement>("history-dialog").close();
      if (known === undefined) return notice(`There is no language ${one.project.language} here.`);
      keepNow();
      keepBefore(known);
      open(known, structuredClone(one.project));
      changed();
    };
    return make(
      "li",
      {},
      make(
        "button",
        { type: "button", click },
        make("span", { class: "verdict", "data-mood": one.isGood ? "good" : "bad" }, one.ending),
        make("span", { class: "name" }, one.name),
        make("code", {}, first),
        make("time", { class: "quiet" }, time),
      ),
    );
  });
  element("history-list").replaceChildren(...items);
  element("history-none").hidden = items.length > 0;
  element("history-forget").hidden = items.length === 0;
  element<HTMLDialogElement>("history-dialog").showModal();
}

/** Keeps the draft that something else takes the place of. */
function keepBefore(of: Language): void {
  const before = draft(of.id);
  if (before !== undefined) keepPast({ at: Date.now(), name: of.name, ending: "Draft", isGood: true, project: before });
}

function saveProgram(): void {
  for (const { name, content, encoding } of project?.files ?? []) {
    const isBinary = encoding === "base64";
    download(name, [isBinary ? Uint8Array.from(atob(content), (c) => c.charCodeAt(0)) : content]);
  }
}

const ACTIONS: Record<string, () => void> = {
  history: showHistory,
  download: saveProgram,
  example: () => {
    if (language === undefined) return;
    keepBefore(language);
    open(language, exampleOf(language));
    changed();
  },
  embed: () => void share("embed"),
  keys: () => element<HTMLDialogElement>("keys-dialog").showModal(),
  key: () => void askKey(),
};

function listen(): void {
  listenForCrosses();
  listenForLayout();
  nameKeys();
  showRunning();
  element("run").addEventListener("click", () => void (result.isRunning ? result.stop() : run()));
  element("share").addEventListener("click", () => void share());
  element("history").addEventListener("click", showHistory);
  element("history-forget").addEventListener("click", () => {
    forgetPast();
    element<HTMLDialogElement>("history-dialog").close();
  });
  element("menu").addEventListener("click", (event) => {
    const action = (event.target as Element).closest<HTMLElement>("[data-action]")?.dataset.action;
    if (action === undefined) return;
    element("menu").hidePopover();
    ACTIONS[action]?.();
  });
  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
    const keys: Record<string, () => void> = {
      Enter: () => void run(),
      s: () => void share(),
      "shift+x": () => void result.stop(),
      "shift+l": () => picker.open(),
    };
    const key = `${event.shiftKey ? "shift+" : ""}${event.key.length === 1 ? event.key.toLowerCase() : event.key}`;
    if (keys[key] === undefined || document.querySelector("dialog[open]") !== null) return;
    event.preventDefault();
    if (key !== "shift+x" || result.isRunning) keys[key]?.();
  });
  addEventListener("pagehide", keepNow);
  addEventListener("hashchange", () => void openLink());
  const online = () => {
    element("offline").hidden = navigator.onLine;
  };
  addEventListener("online", online);
  addEventListener("offline", online);
  online();
}

/** Opens what stands in the address, if anything does. */
async function openLink(): Promise<boolean> {
  try {
    const sent = await projectIn(location.hash);
    if (sent === undefined) return false;
    const asked = new URLSearchParams(location.search).get("language") ?? undefined;
    const known = languageNamed(languages, sent.language === "" ? asked : sent.language);
    if (known === undefined) throw new Error(`There is no language ${sent.language || asked} here, so that the link can’t be opened.`);
    for (const file of sent.files) if (file.name === "") file.name = known.fileName;
    const { hash } = location;
    keepNow();
    keepBefore(known);
    open(known, sent);
    showAddress(hash);
    return true;
  } catch (failure) {
    notice(failure instanceof Error ? failure.message : String(failure));
    return false;
  }
}

async function loadLanguages(): Promise<void> {
  try {
    languages = await withKey(askLanguages);
  } catch (failure) {
    const why = failure instanceof Error ? failure.message : String(failure);
    return result.cannot("Not ready", `The languages can’t be loaded: ${sentence(why)}`);
  }
  if (languages.length === 0) {
    return result.cannot("Not ready", "No language is installed on the server, so that nothing can be run.");
  }
  picker.offer(languages);
  const asked = new URLSearchParams(location.search).get("language") ?? undefined;
  if (!(await openLink())) {
    // Python is what most visitors try first.
    const first = [asked, setting("language"), "python"].map((name) => languageNamed(languages, name)).find((known) => known !== undefined);
    const known = first ?? languages[0];
    if (known === undefined) return;
    open(known, draft(known.id) ?? exampleOf(known));
    if (asked !== undefined && languageNamed(languages, asked) === undefined) notice(`There is no language ${asked} here.`);
  }
  element<HTMLButtonElement>("run").disabled = false;
  result.say("Ready", "quiet");
  workspace.focus();
}

async function loadSandbox(): Promise<void> {
  const { backend, sandbox } = await readiness();
  if (sandbox === undefined) {
    element("sandbox").hidden = backend === undefined;
    element("sandbox").replaceWith(make("span", { id: "sandbox", class: "quiet" }, backend === undefined ? "" : "Programs run in pods of a cluster"));
    return;
  }
  showSandbox(sandbox);
}

function showSandbox({ layers, weakness }: Sandbox): void {
  const inForce = layers.filter((layer) => layer.inForce);
  const button = element("sandbox");
  button.textContent = `Sandbox: ${inForce.length} of ${layers.length} layers in force`;
  button.hidden = false;
  button.addEventListener("click", () => element<HTMLDialogElement>("sandbox-dialog").showModal());
  const items = layers.map(({ name, detail, inForce: holds }) =>
    make(
      "li",
      {},
      make("span", { class: "verdict", "data-mood": holds ? "good" : "bad" }, holds ? "in force" : "missing"),
      make("strong", {}, name),
      make("span", { class: "quiet" }, detail),
    ));
  element("sandbox-list").replaceChildren(...items);
  if (weakness === undefined) return;
  element("weak").textContent = `Not safe for strangers’ code: ${weakness}`;
  element("weak").hidden = false;
}

interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL: (url: string) => string }): { createScriptURL(url: string): unknown };
}

/** Not every browser has them. */
function trustedTypes(): TrustedTypes | undefined {
  return (window as { trustedTypes?: TrustedTypes }).trustedTypes;
}

/** Keeps the page itself for times without a network, where the browser lets it: on https and on this machine. */
async function keepForLater(): Promise<void> {
  const url = new URL("sw.js", new URL("./", document.baseURI)).href;
  // The policy of the page takes the address of a script from nowhere else.
  const trusted = trustedTypes()?.createPolicy("locus", { createScriptURL: () => url }).createScriptURL(url);
  // In a browser that holds nothing of it the page works all the same.
  await navigator.serviceWorker?.register((trusted ?? url) as string).catch(() => undefined);
}

listen();
void loadLanguages();
void loadSandbox();
void keepForLater();
