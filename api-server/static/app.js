// The page of Locus: a program, a button, its output. What a program writes is only ever set as text.
"use strict";

const EXAMPLES = {
  python: `# Greets each planet.
planets = ["Mercury", "Venus", "Earth", "Mars"]

for number, name in enumerate(planets, start=1):
    print(f"{number}. Hello, {name}!")
`,
  javascript: `// Greets each planet.
const planets = ["Mercury", "Venus", "Earth", "Mars"];

planets.forEach((name, index) => {
  console.log(\`\${index + 1}. Hello, \${name}!\`);
});
`,
};

const element = (id) => document.getElementById(id);
const language = element("language");
const code = element("code");
const run = element("run");
const status = element("status");

let example = "";
let running = false;

function showExample() {
  // What someone typed is never replaced.
  if (code.value !== example) return;
  example = EXAMPLES[language.value] ?? "";
  code.value = example;
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
language.addEventListener("change", showExample);

async function loadLanguages() {
  try {
    const { languages } = await answerOf(await fetch("api/v1/languages"));
    for (const { id, name, version } of languages) {
      language.add(new Option(`${name} ${version}`, id));
    }
    if (languages.length === 0) {
      status.textContent = "No language is installed on the server.";
      return;
    }
    // Python is what most visitors try first.
    if (languages.some(({ id }) => id === "python")) language.value = "python";
    language.disabled = false;
    run.disabled = false;
    status.textContent = "Ready";
    showExample();
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
