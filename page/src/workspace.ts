// The side on which a program is written: a tab for each file, and tabs for its input, arguments and tests.

import type { Language } from "./api";
import { element, make } from "./dom";
import { Editor } from "./editor";
import { checkFields, limitIn, listenForFields } from "./fields";
import { modeOf } from "./modes";
import { LIMITS, type Project, type SourceFile } from "./project";
import { TestEditor } from "./tests";

/** The most bytes of a file that is dragged in: what a run may have in all. */
const FILE_BYTES_MAX = 512 << 10;

const SHEETS = ["input", "options", "tests"] as const;
type Sheet = (typeof SHEETS)[number];
const TITLES: Record<Sheet, string> = { input: "Input", options: "Arguments", tests: "Tests" };
/** Files of C whose names no language has as its own. */
const FURTHER: Record<string, string> = { h: "c", hpp: "cpp", mjs: "javascript", cjs: "javascript", json: "javascript" };

export interface WorkspaceOptions {
  changed: () => void;
  run: () => void;
  /** Something can't be done. */
  refused: (why: string) => void;
}

export class Workspace {
  private project: Project | undefined;
  private languages: Language[] = [];
  private shown: string | Sheet = "";
  private readonly editor: Editor;
  private readonly tests: TestEditor;

  constructor(private readonly options: WorkspaceOptions) {
    this.editor = new Editor({
      host: element("code"),
      changed: (text) => this.typed(text),
      run: options.run,
      dropped: (files) => void this.take(files),
    });
    this.tests = new TestEditor(() => this.changed());
    this.listen();
  }

  /** Opens a project. */
  open(project: Project, languages: Language[]): void {
    document.getElementById("first-paint")?.remove();
    this.project = project;
    this.languages = languages;
    this.editor.clear();
    const fields: Record<string, string> = {
      stdin: project.stdin,
      args: project.args.join("\n"),
      "compile-args": project.compileArgs.join("\n"),
      env: project.env.join("\n"),
      "output-files": project.outputFiles.join("\n"),
      ...Object.fromEntries(LIMITS.map((name) => [name, String(project[name] ?? "")])),
    };
    for (const [id, value] of Object.entries(fields)) element<HTMLInputElement>(id).value = value;
    element<HTMLInputElement>("interactive").checked = project.interactive;
    checkFields();
    this.tests.open(project.tests);
    this.show(project.files[0]?.name ?? "");
  }

  focus(): void {
    this.editor.focus();
  }

  /** Whether all that was written can be run; what can't is shown. */
  isRight(): boolean {
    const wrong = checkFields();
    if (wrong === undefined) return true;
    this.show("options");
    wrong.focus();
    return false;
  }

  /** From now on input is typed while the program runs. */
  typeInput(): void {
    element<HTMLInputElement>("interactive").checked = true;
    this.readFields();
  }

  goTo(name: string, line: number, column: number | undefined): void {
    this.show(name);
    this.editor.goTo(line, column);
  }

  private get files(): SourceFile[] {
    return this.project?.files ?? [];
  }

  private show(name: string | Sheet): void {
    const sheet = SHEETS.find((known) => known === name && !this.files.some((file) => file.name === name));
    const file = sheet === undefined ? (this.files.find((known) => known.name === name) ?? this.files[0]) : undefined;
    this.shown = sheet ?? file?.name ?? "";
    for (const id of SHEETS) element(id).hidden = id !== sheet;
    element("binary").hidden = file?.encoding === undefined;
    element("code").hidden = file === undefined || file.encoding !== undefined;
    if (file?.encoding === "base64") {
      const size = Math.floor((file.content.length * 3) / 4);
      element("binary").replaceChildren(make("p", { class: "quiet" }, `${file.name} is no text: ${size} bytes, which the program finds in its folder.`));
    } else if (file !== undefined) {
      this.editor.open(file.name, file.content);
      void this.highlight(file.name);
    }
    this.tabs();
  }

  private async highlight(name: string): Promise<void> {
    const language = this.languageOf(name);
    const mode = language === undefined ? [] : await modeOf(language);
    if (this.shown === name) this.editor.highlight(mode);
  }

  private languageOf(name: string): Language | undefined {
    const extension = (text: string) => (text.includes(".") ? text.slice(text.lastIndexOf(".") + 1).toLowerCase() : "");
    const own = this.languages.find(({ selector }) => selector === this.project?.language);
    if (name === this.files[0]?.name || extension(name) === extension(own?.fileName ?? "")) return own;
    const id = FURTHER[extension(name)];
    return this.languages.find((language) => (id === undefined ? extension(language.fileName) === extension(name) : language.id === id));
  }

  private tabs(): void {
    const { project } = this;
    if (project === undefined) return;
    const marks: Record<Sheet, string> = {
      input: project.interactive ? "live" : project.stdin === "" ? "" : "•",
      options: project.args.length + project.compileArgs.length + project.env.length === 0 ? "" : "•",
      tests: project.tests.length === 0 ? "" : String(project.tests.length),
    };
    const files = this.files.map(({ name }, index) => this.tab(name, name, "", index > 0));
    const sheets = SHEETS.map((sheet) => this.tab(sheet, TITLES[sheet], marks[sheet], false));
    const tabs = element("tabs");
    const hadFocus = tabs.contains(document.activeElement);
    tabs.replaceChildren(...files, ...sheets);
    const current = tabs.querySelector<HTMLElement>("[aria-selected=true]");
    if (hadFocus) current?.focus();
    current?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  private tab(name: string, title: string, mark: string, canGo: boolean): HTMLElement {
    const isFile = !SHEETS.some((sheet) => sheet === name) || this.files.some((file) => file.name === name);
    const isShown = this.shown === name;
    const panel = isFile ? (this.files.find((file) => file.name === name)?.encoding === undefined ? "code" : "binary") : name;
    const tab = make(
      "button",
      {
        type: "button",
        role: "tab",
        class: isFile ? "file" : name === "input" ? "first" : undefined,
        "data-name": name,
        "aria-selected": String(isShown),
        "aria-controls": panel,
        tabindex: isShown ? 0 : -1,
        title: isFile ? "Double-click or F2 renames" : undefined,
        click: (event: MouseEvent) => {
          if (canGo && (event.target as Element).closest(".remove") !== null) this.remove(name);
          else this.show(name);
        },
        dblclick: () => {
          if (isFile) this.askName(name);
        },
      },
      title,
    );
    if (mark !== "") tab.append(" ", make("span", { class: "mark" }, mark));
    if (canGo) tab.append(make("span", { class: "remove", "aria-hidden": "true", title: "Remove" }, "×"));
    return tab;
  }

  private listen(): void {
    element("tabs").addEventListener("keydown", (event) => this.tabKey(event));
    element("add-file").addEventListener("click", () => this.askName(undefined));
    element("name-form").addEventListener("submit", (event) => this.named(event));
    element("name-pick").addEventListener("click", () => element("pick-file").click());
    element("pick-file").addEventListener("change", () => {
      const field = element<HTMLInputElement>("pick-file");
      element<HTMLDialogElement>("name-dialog").close();
      void this.take([...(field.files ?? [])]);
      field.value = "";
    });
    for (const id of ["stdin", "args", "compile-args", "env", "output-files", ...LIMITS, "interactive"]) {
      element(id).addEventListener("input", () => this.readFields());
    }
    listenForFields();
    const pane = element("program");
    const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") === true;
    pane.addEventListener("dragover", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      pane.classList.add("dropping");
    });
    pane.addEventListener("dragleave", (event) => {
      if (!pane.contains(event.relatedTarget as Node | null)) pane.classList.remove("dropping");
    });
    pane.addEventListener("drop", (event) => {
      pane.classList.remove("dropping");
      if (event.defaultPrevented || !hasFiles(event)) return;
      event.preventDefault();
      void this.take([...(event.dataTransfer?.files ?? [])]);
    });
  }

  private tabKey(event: KeyboardEvent): void {
    const tabs = [...element("tabs").querySelectorAll<HTMLElement>("[role=tab]")];
    const at = tabs.findIndex((tab) => tab === document.activeElement);
    if (at < 0) return;
    const moves: Record<string, number> = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: tabs.length - 1 };
    const name = tabs[at]?.dataset.name ?? "";
    const isFile = this.files.some((file) => file.name === name);
    if (moves[event.key] !== undefined) this.show(tabs.at((moves[event.key] ?? 0) % tabs.length)?.dataset.name ?? "");
    else if (event.key === "F2" && isFile) this.askName(name);
    else if (event.key === "Delete" && isFile && this.files[0]?.name !== name) this.remove(name);
    else return;
    event.preventDefault();
  }

  private renaming: string | undefined;

  /** Asks for the name of a new file, or for another name of one that there is. */
  private askName(of: string | undefined): void {
    this.renaming = of;
    element("name-wrong").textContent = "";
    element("name-title").textContent = of === undefined ? "A new file" : `Another name for ${of}`;
    element("name-pick").hidden = of !== undefined;
    element("name-take").textContent = of === undefined ? "Add" : "Rename";
    const field = element<HTMLInputElement>("name");
    field.value = of ?? "";
    element<HTMLDialogElement>("name-dialog").showModal();
    field.select();
  }

  private named(event: SubmitEvent): void {
    const name = element<HTMLInputElement>("name").value.trim();
    const file = this.files.find((known) => known.name === this.renaming);
    const wrong = this.whyNot(name, file);
    if (wrong !== undefined) {
      event.preventDefault();
      element("name-wrong").textContent = wrong;
      return;
    }
    if (file === undefined) {
      this.files.push({ name, content: "" });
    } else {
      this.editor.rename(file.name, name);
      file.name = name;
    }
    this.changed();
    this.show(name);
    element("name-dialog").addEventListener("close", () => this.editor.focus(), { once: true });
  }

  private whyNot(name: string, file: SourceFile | undefined): string | undefined {
    const isPath = name.split("/").every((part) => part !== "" && part !== "." && part !== "..");
    if (!isPath || new TextEncoder().encode(name).length > 255) return "It must be a path without empty, “.” or “..” parts.";
    const clashes = ({ name: other }: SourceFile) => other === name || other.startsWith(`${name}/`) || name.startsWith(`${other}/`);
    return this.files.some((other) => other !== file && clashes(other)) ? "There is a file of that name already." : undefined;
  }

  private remove(name: string): void {
    const at = this.files.findIndex((file) => file.name === name);
    if (at <= 0) return;
    this.files.splice(at, 1);
    this.changed();
    this.show(this.shown === name ? (this.files[at - 1]?.name ?? "") : this.shown);
  }

  /** Takes files of this machine; one of a name that there is takes its place. */
  private async take(files: File[]): Promise<void> {
    for (const file of files) {
      if (file.size > FILE_BYTES_MAX) {
        this.options.refused(`${file.name} is too large: all files of a run together hold at most 512 KiB.`);
        continue;
      }
      const taken = await read(file);
      const at = this.files.findIndex(({ name }) => name === file.name);
      const wrong = at < 0 ? this.whyNot(file.name, undefined) : undefined;
      if (wrong !== undefined) {
        this.options.refused(`${file.name} can’t be taken. ${wrong}`);
        continue;
      }
      if (at < 0) this.files.push(taken);
      else this.files[at] = taken;
      this.changed();
      this.show(file.name);
    }
  }

  private typed(text: string): void {
    const file = this.files.find(({ name }) => name === this.shown);
    if (file === undefined || file.content === text) return;
    file.content = text;
    this.changed();
  }

  private readFields(): void {
    const { project } = this;
    if (project === undefined) return;
    const value = (id: string) => element<HTMLInputElement>(id).value;
    const lines = (id: string) => value(id).split("\n").filter((line) => line !== "");
    project.stdin = value("stdin");
    project.interactive = element<HTMLInputElement>("interactive").checked;
    project.args = lines("args");
    project.compileArgs = lines("compile-args");
    project.env = lines("env");
    project.outputFiles = lines("output-files");
    for (const name of LIMITS) {
      const limit = limitIn(name);
      if (limit === undefined) delete project[name];
      else project[name] = limit;
    }
    this.changed();
  }

  private changed(): void {
    this.tabs();
    this.options.changed();
  }
}

async function read(file: File): Promise<SourceFile> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  try {
    return { name: file.name, content: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    let binary = "";
    for (const byte of bytes) binary += String.fromCharCode(byte);
    return { name: file.name, content: btoa(binary), encoding: "base64" };
  }
}
