// The side that shows what comes of a run: its state, output, verdicts and files, and the line to type input in.

import { type Case, Problem, type Run, type RunEvent, type Text, Unreachable, outputFile } from "./api";
import { Console } from "./console";
import { copy, download, element, icon, make } from "./dom";
import { PICTURES, type Project } from "./project";
import { Session } from "./session";
import { type Mood, bytes, cuts, ending, figures, progress, seconds, sentence, verdict } from "./telling";

export interface ResultOptions {
  goTo: (file: string, line: number, column: number | undefined) => void;
  /** A run has begun or ended. */
  changed: () => void;
  /** A run has come to its end. */
  ended?: (run: Run, project: Project) => void;
  /** Runs the program again with input typed to it. */
  again: () => void;
}

/** What programs say that wanted input and found none. */
const WANTED_INPUT = /EOFError|EOF when reading|NoSuchElementException|end of file|unexpected EOF|UnexpectedEof/i;
/** Characters of a case's output that are shown. */
const CASE_CHARACTERS_MAX = 64 << 10;
/** How long something passing is said, in milliseconds. */
const SAID_FOR = 2_000;
/** Bytes of a text file that are shown. */
const SHOWN_MAX = 64 << 10;

export class Result {
  private readonly session: Session;
  private readonly console: Console;
  private readonly compiler: Console;
  private project: Project | undefined;
  private cases: { stdout: string; stderr: string }[] = [];
  private case = -1;
  private began = 0;
  private state = "";
  private urls: string[] = [];

  constructor(private readonly options: ResultOptions) {
    const { goTo } = options;
    this.console = new Console({ host: element("output"), scroller: element("scroll"), goTo });
    this.compiler = new Console({ host: element("compiler-output"), goTo });
    this.session = new Session({ told: (event) => this.told(event) });
    const all = (of: Console) => of.text("stdout") + of.text("stderr");
    element("copy-output").addEventListener("click", () => void this.copied("The output is copied", all(this.console)));
    element("save-output").addEventListener("click", () => this.saveOutput());
    element("copy-compiler").addEventListener("click", () => void this.copied("The messages are copied", all(this.compiler)));
    element("save-compiler").addEventListener("click", () => download("compiler.txt", [all(this.compiler)], "text/plain"));
    this.listenForInput();
    addEventListener("pagehide", () => this.session.leave());
  }

  get isRunning(): boolean {
    return this.session.isRunning;
  }

  /** Says something where the state of a run stands. */
  say(text: string, mood: Mood): void {
    const status = element("status");
    status.textContent = text;
    status.dataset.mood = mood;
  }

  /** Says why nothing can be run, in place of how to run something. */
  cannot(state: string, why: string): void {
    element("hint").hidden = true;
    this.say(state, "bad");
    this.fail(why);
  }

  /** Says what is wrong; nothing takes it away. */
  fail(text: string): void {
    const error = element("error");
    error.textContent = text;
    error.hidden = text === "";
  }

  async start(project: Project, request: Record<string, unknown>): Promise<void> {
    if (this.isRunning) return;
    this.clear(project);
    this.state = "Sending";
    this.began = performance.now();
    this.say(this.state, "busy");
    const clock = setInterval(() => this.tick(), 100);
    const running = this.session.start(request);
    this.options.changed();
    try {
      await running;
    } catch (failure) {
      this.failed(failure);
    } finally {
      clearInterval(clock);
      element("elapsed").textContent = "";
      element("typing").hidden = true;
      this.options.changed();
    }
  }

  async stop(): Promise<void> {
    this.state = "Stopping";
    this.say(this.state, "busy");
    await this.session.stop().catch((failure: unknown) => this.failed(failure));
  }

  private clear(project: Project): void {
    const names = project.files.map(({ name }) => name);
    this.project = project;
    this.console.clear(names);
    this.compiler.clear(names);
    this.cases = project.tests.map(() => ({ stdout: "", stderr: "" }));
    this.case = -1;
    this.urls.splice(0).forEach((url) => URL.revokeObjectURL(url));
    this.fail("");
    element("figures").replaceChildren();
    element("files").replaceChildren();
    element("verdicts").replaceChildren();
    for (const id of ["hint", "compiler", "verdicts", "files", "offer"]) element(id).hidden = true;
    this.tools();
    if (project.tests.length > 0) this.showCases(project.tests.map(() => undefined));
  }

  /** How long it has taken by now: beside the state, which alone is read out. */
  private tick(): void {
    element("elapsed").textContent = seconds(Math.round((performance.now() - this.began) / 100) / 10);
  }

  private told(event: RunEvent): void {
    if (event.type === "state") {
      const state = progress(event.data);
      if (this.state !== state && this.state !== "Stopping") this.say(state, "busy");
      if (this.state !== "Stopping") this.state = state;
      if (event.data.phase === "Running" && this.project?.interactive === true && this.project.tests.length === 0) this.openInput();
    } else if (event.type === "stdout" || event.type === "stderr") {
      this.wrote(event.type, event.data);
    } else if (event.type === "caseStarted") {
      this.case = event.data.index;
    } else if (event.type === "file") {
      void this.showFile(event.data.name, event.data.size);
    } else if (event.type === "finished") {
      this.finished(event.data);
    }
  }

  private wrote(stream: "stdout" | "stderr", text: Text): void {
    const output = this.cases[this.case];
    if (output === undefined) {
      this.console.write(stream, text);
      this.tools();
      return;
    }
    if (output[stream].length > CASE_CHARACTERS_MAX) return;
    output[stream] += text.text ?? new TextDecoder().decode(Uint8Array.from(atob(text.base64 ?? ""), (c) => c.charCodeAt(0)));
  }

  private finished(run: Run): void {
    const isGood = run.outcome === "Completed";
    const isQuiet = run.outcome === "Cancelled";
    this.say(ending(run), isGood ? "good" : isQuiet ? "quiet" : "bad");
    this.showFigures(run);
    this.showCompiler(run);
    if (run.tests !== undefined) this.showCases(run.tests.cases ?? []);
    // The state says as much where the program itself ended.
    const isSaid = isGood || isQuiet || ["NonZeroExit", "TestsFailed", "CompileFailed"].includes(run.outcome ?? "");
    if (!isSaid) this.fail(sentence(run.error));
    for (const stream of ["stdout", "stderr"] as const) {
      if (run[`${stream}Truncated`] === true) this.console.note(`${stream} was cut here: it is longer than its limit.`);
    }
    this.showMissing(run);
    const given = Object.values(this.project === undefined ? {} : cuts(run, this.project));
    if (given.length > 0) this.console.note(`This server gives a run at most ${given.join(", ")}: it ran with that.`);
    if (this.console.isEmpty && run.tests === undefined && isGood) this.console.note("The program wrote nothing.");
    const wantedInput = !isGood && this.project?.interactive === false && this.project.stdin === "" && run.tests === undefined &&
      WANTED_INPUT.test(this.console.tail("stderr"));
    if (wantedInput) this.offerInput();
    if (this.project !== undefined) this.options.ended?.(run, this.project);
  }

  private failed(failure: unknown): void {
    const message = failure instanceof Error ? failure.message : String(failure);
    this.say(failure instanceof Problem && failure.status === 429 ? "Too busy" : "Not run", "bad");
    this.fail(failure instanceof Unreachable ? `The server can’t be reached: ${message}` : sentence(message));
  }

  private showFigures(run: Run): void {
    if (run.usage === undefined) return;
    const items = figures(run.usage).map(({ label, value, meaning }) =>
      make("div", { title: meaning }, make("dt", {}, label), make("dd", {}, value)));
    if (run.prestarted === true) {
      const why = "The interpreter was started before the code was known";
      items.push(make("div", { title: why }, make("dt", {}, "start"), make("dd", {}, "warm")));
    } else if (run.outcome === "Completed") {
      items.push(make("div", { title: "Nothing was started before the run" }, make("dt", {}, "start"), make("dd", {}, "cold")));
    }
    element("figures").replaceChildren(...items);
  }

  private showCompiler({ outcome, compile }: Run): void {
    if (compile === undefined || compile.stdout + compile.stderr === "") return;
    const details = element<HTMLDetailsElement>("compiler");
    details.hidden = false;
    details.open = outcome === "CompileFailed" || this.console.isEmpty;
    this.compiler.write("stdout", { text: compile.stdout });
    this.compiler.write("stderr", { text: compile.stderr });
  }

  private showCases(cases: (Case | undefined)[]): void {
    const tests = this.project?.tests ?? [];
    const rows = tests.map((test, index) => {
      const come = cases[index];
      const name = test.name === "" ? `Test ${index + 1}` : test.name;
      const output = this.cases[index] ?? { stdout: "", stderr: "" };
      const isWrong = come?.verdict === "WrongOutput";
      const part = (title: string, text: string) =>
        text === "" ? undefined : make("div", {}, make("h4", {}, title), make("pre", {}, text));
      const details = make(
        "details",
        { open: come !== undefined && come.verdict !== "Passed" && come.verdict !== "NotRun" },
        make("summary", {}, name),
        part("input", test.stdin),
        isWrong ? part("expected", test.expectedStdout) : undefined,
        part(isWrong ? "but it wrote" : "output", output.stdout),
        part("stderr", output.stderr),
        come?.error === undefined || come.error === "" ? undefined : make("p", { class: "quiet" }, sentence(come.error)),
      );
      const mood = come === undefined || come.verdict === "NotRun" ? "quiet" : come.verdict === "Passed" ? "good" : "bad";
      const word = make("span", { class: "verdict", "data-mood": mood }, come === undefined ? "waits" : verdict(come));
      const time = come?.usage === undefined ? "" : seconds(come.usage.wallSeconds);
      return make("tr", {}, make("td", {}, details), make("td", {}, word), make("td", { class: "number" }, time));
    });
    const heads = ["Test", "Verdict", "Time"].map((head) => make("th", { scope: "col" }, head));
    const table = make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows));
    element("verdicts").replaceChildren(table);
    element("verdicts").hidden = false;
  }

  private async showFile(name: string, size: number): Promise<void> {
    const { id } = this.session;
    if (id === undefined) return;
    const save = make("button", { type: "button", class: "small", title: `Download ${name}`, "aria-label": `Download ${name}` }, icon("save"));
    const figure = make("figure", {}, make("figcaption", {}, make("span", {}, name), make("span", { class: "quiet" }, bytes(size)), save));
    element("files").append(figure);
    element("files").hidden = false;
    try {
      const file = await outputFile(id, name);
      save.addEventListener("click", () => download(name, [file], file.type));
      figure.prepend(...(await this.looks(name, file)));
      element("scroll").scrollTop = element("scroll").scrollHeight;
    } catch (failure) {
      figure.append(make("p", { class: "wrong" }, failure instanceof Error ? failure.message : String(failure)));
    }
  }

  /** What a file looks like: pictures as images, in which nothing can act; texts as text. */
  private async looks(name: string, file: Blob): Promise<HTMLElement[]> {
    if (file.type.startsWith("image/")) {
      const url = URL.createObjectURL(file);
      this.urls.push(url);
      const image = make("img", { src: url, alt: `Picture ${name} of the program` });
      await image.decode().catch(() => undefined);
      return [image];
    }
    if (/^text\/|json|xml/.test(file.type)) return [make("pre", {}, await file.slice(0, SHOWN_MAX).text())];
    return [];
  }

  private showMissing(run: Run): void {
    const usual = new Set(PICTURES);
    for (const { name, why } of run.filesLeft ?? []) {
      if (!usual.has(name)) this.console.note(`${name} is not shown: ${why}`);
    }
  }

  private offerInput(): void {
    const click = () => this.options.again();
    const again = make("button", { type: "button", class: "link", click }, "Run it again and type the input");
    element("offer").replaceChildren("The program wanted input and there was none. ", again);
    element("offer").hidden = false;
  }

  private listenForInput(): void {
    const line = element<HTMLInputElement>("line");
    const send = (text: string, end: boolean) => {
      this.console.echo(text);
      this.session.send(text, end).catch((failure: unknown) => {
        // A program that has ended meanwhile reads nothing any more.
        if (this.isRunning && !(failure instanceof Problem && failure.status === 409)) this.failed(failure);
      });
    };
    element("typing").addEventListener("submit", (event) => {
      event.preventDefault();
      send(`${line.value}\n`, false);
      line.value = "";
    });
    const end = () => {
      send(line.value, true);
      element("typing").hidden = true;
      element("scroll").focus();
    };
    element("end-input").addEventListener("click", end);
    line.addEventListener("keydown", (event) => {
      if (event.key.toLowerCase() !== "d" || !event.ctrlKey) return;
      event.preventDefault();
      end();
    });
  }

  private openInput(): void {
    const form = element("typing");
    if (!form.hidden) return;
    form.hidden = false;
    element<HTMLInputElement>("line").value = "";
    element("line").focus();
  }

  private tools(): void {
    for (const id of ["copy-output", "save-output"]) element<HTMLButtonElement>(id).disabled = this.console.isEmpty;
  }

  private async copied(said: string, text: string): Promise<void> {
    const { textContent: state, dataset: { mood } } = element("status");
    try {
      await copy(text);
      this.say(said, "quiet");
      // What came of the run stands there again.
      setTimeout(() => {
        if (element("status").textContent === said) this.say(state ?? "", mood as Mood);
      }, SAID_FOR);
    } catch (failure) {
      this.failed(failure);
    }
  }

  private saveOutput(): void {
    for (const stream of ["stdout", "stderr"] as const) {
      const parts = this.console.parts(stream);
      if (parts.length > 0) download(`${stream}.txt`, parts, "text/plain");
    }
  }
}
