// The page of Locus: a program, a button, its output. What a program writes is only ever set as text.
"use strict";

const element = (id) => document.getElementById(id);
const language = element("language");
const code = element("code");
const run = element("run");
const status = element("status");

// By the selectors that requests name them by.
const languages = new Map();
let example = "";
let running = false;

function showLanguage() {
  const known = languages.get(language.value);
  show("libraries", known.libraries.length === 0 ? "" : `with ${known.libraries.join(", ")}`);
  // What someone typed is never replaced.
  if (code.value !== example) return;
  code.value = known.example;
  example = code.value;
}

// The choice stands in the address, to be sent to others, and is remembered for the next visit.
function keepLanguage() {
  history.replaceState(null, "", `?language=${encodeURIComponent(language.value)}`);
  try {
    localStorage.setItem("language", language.value);
  } catch {
    // A browser that keeps nothing still runs programs.
  }
}

function rememberedLanguage() {
  try {
    return localStorage.getItem("language");
  } catch {
    return null;
  }
}

// The selector of the first language that a name stands for: an id or alias, alone or with a version.
function selectorOf(name) {
  const [wanted, version] = (name ?? "").toLowerCase().split("@");
  const meant = [...languages.values()].find((known) =>
    (known.id === wanted || known.aliases.includes(wanted)) &&
    (version === undefined || `${known.version}.`.startsWith(`${version}.`)));
  return meant?.selector;
}

function show(id, text) {
  element(id).textContent = text;
  (element(`${id}-part`) ?? element(id)).hidden = text === "";
}

function showAnswer({ stdout, stderr, error }) {
  show("stdout", stdout);
  show("stderr", stderr);
  show("error", error);
}

async function answerOf(response) {
  try {
    return await response.json();
  } catch {
    throw new Error(`the server answered ${response.status} ${response.statusText}`.trim());
  }
}

async function execute() {
  if (running || language.value === "") return;
  running = true;
  const focused = document.activeElement === run;
  run.disabled = true;
  run.textContent = "Running…";
  status.textContent = "Running…";
  showAnswer({ stdout: "", stderr: "", error: "" });
  const began = performance.now();
  const seconds = () => `${((performance.now() - began) / 1000).toFixed(2)} s`;
  try {
    const response = await fetch("execute", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ language: language.value, code: code.value }),
    });
    const { stdout = "", stderr = "", error = "" } = await answerOf(response);
    showAnswer({ stdout, stderr, error });
    const ended = error !== "" ? "Failed after" : stdout + stderr === "" ? "Finished without output in" : "Finished in";
    status.textContent = `${ended} ${seconds()}`;
  } catch (failure) {
    showAnswer({ stdout: "", stderr: "", error: `The server can't be reached: ${failure.message}` });
    status.textContent = `No answer after ${seconds()}`;
  } finally {
    running = false;
    run.disabled = false;
    run.textContent = "Run";
    if (focused) run.focus();
  }
}

// Tab indents. Escape and then Tab leaves, so that nobody who has only a keyboard is kept in the editor.
let leaving = false;
code.addEventListener("keydown", (event) => {
  if (event.key === "Tab" && !event.shiftKey && !event.ctrlKey && !event.altKey && !event.metaKey && !leaving) {
    event.preventDefault();
    // The old command is the one way that keeps undo.
    if (!document.execCommand("insertText", false, "    ")) {
      code.setRangeText("    ", code.selectionStart, code.selectionEnd, "end");
    }
  }
  leaving = event.key === "Escape";
});
code.addEventListener("blur", () => {
  leaving = false;
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    execute();
  }
});
run.addEventListener("click", execute);
language.addEventListener("change", () => {
  showLanguage();
  keepLanguage();
  if (!running) status.textContent = "Ready";
});

async function loadLanguages() {
  try {
    const answer = await answerOf(await fetch("api/v1/languages"));
    if (answer.languages === undefined) throw new Error(answer.message);
    // By name, and the version that the name alone means before others.
    const byName = (a, b) => a.name.localeCompare(b.name, "en") || b.default - a.default ||
      b.version.localeCompare(a.version, "en", { numeric: true });
    for (const known of answer.languages.sort(byName)) {
      languages.set(known.selector, known);
      language.add(new Option(`${known.name} ${known.version}`, known.selector));
    }
    if (languages.size === 0) {
      status.textContent = "No language is installed on the server.";
      return;
    }
    // A plus sign that nobody has encoded, as in c++, reads as a blank.
    const asked = new URLSearchParams(location.search).get("language")?.replaceAll(" ", "+");
    // Python is what most visitors try first.
    const first = [asked, rememberedLanguage(), "python"].map(selectorOf).find((selector) => selector !== undefined);
    language.value = first ?? language.value;
    language.disabled = false;
    run.disabled = false;
    status.textContent = asked && selectorOf(asked) === undefined ? `There is no language ${asked} here.` : "Ready";
    showLanguage();
  } catch (failure) {
    show("error", `The languages can't be loaded: ${failure.message}`);
    status.textContent = "Not ready";
  }
}

async function loadSandbox() {
  try {
    const { sandbox } = await answerOf(await fetch("readyz"));
    if (sandbox === undefined) return;
    const names = sandbox.layers.filter(({ inForce }) => inForce).map(({ name }) => name);
    const layers = `In force around a program: ${names.join(", ")}.`;
    const weak = sandbox.weakness !== undefined;
    element("sandbox").classList.toggle("weak", weak);
    show("sandbox", weak ? `Not safe for strangers' code. ${layers}` : layers);
  } catch {
    // The languages come from the same server, and their failure is shown.
  }
}

loadLanguages();
loadSandbox();
