// What someone works on: files, input and all that a run is asked for with; and its form in a link.

/** A file of a program. */
export interface SourceFile {
  name: string;
  content: string;
  encoding?: "base64";
}

/** A case that the program is tried with. */
export interface TestCase {
  name: string;
  stdin: string;
  expectedStdout: string;
  checker: Checker;
}

export const CHECKERS = ["trimmed", "exact", "tokens", "float"] as const;
export type Checker = (typeof CHECKERS)[number];

/** A program and how it is to be run. The first file is the main one. */
export interface Project {
  /** The selector of the language, such as `python` or `python@3.11`. */
  language: string;
  files: SourceFile[];
  stdin: string;
  /** Whether input is typed while the program runs. */
  interactive: boolean;
  args: string[];
  compileArgs: string[];
  /** `NAME=value`. */
  env: string[];
  /** Names and globs of files to show at the end. */
  outputFiles: string[];
  /** Where there is none, the server's own holds. */
  timeoutSeconds?: number;
  memoryMegabytes?: number;
  outputMegabytes?: number;
  tests: TestCase[];
}

export const LIMITS = ["timeoutSeconds", "memoryMegabytes", "outputMegabytes"] as const;
export type Limit = (typeof LIMITS)[number];

/** Whether something can be a limit: seconds may be parts of one, to the thousandth. */
export function isLimit(name: Limit, value: unknown): value is number {
  if (typeof value !== "number" || !Number.isFinite(value)) return false;
  return name === "timeoutSeconds" ? value >= 0.001 : value >= 1 && Number.isInteger(value);
}

/** The pictures that plotting libraries write. */
export const PICTURES = ["*.png", "*.jpg", "*.jpeg", "*.gif", "*.svg", "*.webp"];

/** A project of one file. */
export function projectOf(language: string, fileName: string, content: string): Project {
  return {
    language,
    files: [{ name: fileName, content }],
    stdin: "",
    interactive: false,
    args: [],
    compileArgs: [],
    env: [],
    outputFiles: PICTURES,
    tests: [],
  };
}

/** The body of the request for a run. */
export function requestOf(project: Project, mainName: string): Record<string, unknown> {
  const [main] = project.files;
  const isPlain = project.files.length === 1 && main !== undefined && main.name === mainName && main.encoding === undefined;
  const request: Record<string, unknown> = { language: project.language };
  if (isPlain) request.code = main.content;
  else request.files = project.files;
  if (project.tests.length > 0) request.tests = project.tests.map(caseOf);
  else if (project.interactive) request.interactive = true;
  if (project.tests.length === 0 && project.stdin !== "") request.stdin = project.stdin;
  if (project.args.length > 0) request.args = project.args;
  if (project.compileArgs.length > 0) request.compileArgs = project.compileArgs;
  if (project.env.length > 0) request.env = project.env.map(variableOf);
  if (project.outputFiles.length > 0 && project.tests.length === 0) request.outputFiles = project.outputFiles;
  const { timeoutSeconds, memoryMegabytes, outputMegabytes } = project;
  const limits = {
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds, cpuSeconds: timeoutSeconds }),
    ...(memoryMegabytes === undefined ? {} : { memoryBytes: memoryMegabytes * 2 ** 20 }),
    ...(outputMegabytes === undefined ? {} : { outputBytes: outputMegabytes * 2 ** 20 }),
  };
  if (Object.keys(limits).length > 0) request.limits = limits;
  return request;
}

function caseOf({ name, stdin, expectedStdout, checker }: TestCase): Record<string, unknown> {
  return { stdin, expectedStdout, checker, ...(name === "" ? {} : { name }) };
}

function variableOf(line: string): { name: string; value: string } {
  const at = line.indexOf("=");
  return { name: line.slice(0, at), value: line.slice(at + 1) };
}

/** The first line of an environment that is none, counted from one; 0 where all are right. */
export function wrongVariable(lines: string[]): number {
  return lines.findIndex((line) => line !== "" && line.indexOf("=") < 1) + 1;
}

/** A project out of something that was kept or sent by others: what is missing or odd becomes what is usual. */
export function projectFrom(value: unknown): Project | undefined {
  if (!isRecord(value) || typeof value.language !== "string" || !Array.isArray(value.files)) return undefined;
  const files = value.files.filter(isRecord).flatMap(({ name, content, encoding }) =>
    typeof name === "string" && typeof content === "string"
      ? [{ name, content, ...(encoding === "base64" ? { encoding: "base64" as const } : {}) }]
      : []);
  if (files.length === 0) return undefined;
  const texts = (list: unknown) => (Array.isArray(list) ? list.filter((text) => typeof text === "string") : []);
  const limit = (name: Limit) => {
    const given = value[name];
    return isLimit(name, given) ? { [name]: given } : {};
  };
  const text = (given: unknown) => (typeof given === "string" ? given : "");
  const tests = (Array.isArray(value.tests) ? value.tests : []).filter(isRecord).map((test) => ({
    name: text(test.name),
    stdin: text(test.stdin),
    expectedStdout: text(test.expectedStdout),
    checker: CHECKERS.find((checker) => checker === test.checker) ?? "trimmed",
  }));
  return {
    language: value.language,
    files,
    stdin: text(value.stdin),
    interactive: value.interactive === true,
    args: texts(value.args),
    compileArgs: texts(value.compileArgs),
    env: texts(value.env),
    outputFiles: Array.isArray(value.outputFiles) ? texts(value.outputFiles) : PICTURES,
    ...limit("timeoutSeconds"),
    ...limit("memoryMegabytes"),
    ...limit("outputMegabytes"),
    tests,
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What of a project differs from one that nobody has changed: links stay short. */
function essentials(project: Project): Record<string, unknown> {
  const usual: Record<string, unknown> = { ...projectOf("", "", "") };
  const differs = ([name, value]: [string, unknown]) => JSON.stringify(value) !== JSON.stringify(usual[name]);
  return Object.fromEntries(Object.entries(project).filter(differs));
}

/** The fragment of a link that holds the whole project. */
export async function fragmentOf(project: Project): Promise<string> {
  const json = new TextEncoder().encode(JSON.stringify(essentials(project)));
  const packed = await through(json, new CompressionStream("deflate-raw"));
  let binary = "";
  for (const byte of packed) binary += String.fromCharCode(byte);
  return `p=${btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`;
}

/** The most bytes that a link may unpack to: far more than a run may have. */
const UNPACKED_MAX = 4 << 20;

/**
 * The project in a link: packed behind `p=`, or plain as `language=…&code=…`, which people and programs can write.
 * Undefined where the fragment holds none; an error says in a sentence why it can't be read.
 */
export async function projectIn(fragment: string): Promise<Project | undefined> {
  const text = fragment.replace(/^#/, "");
  if (text === "") return undefined;
  const fields = new URLSearchParams(text);
  const packed = fields.get("p");
  if (packed === null) {
    const code = fields.get("code");
    if (code === null) return undefined;
    const project = projectOf(fields.get("language") ?? "", fields.get("file") ?? "", code);
    return { ...project, stdin: fields.get("stdin") ?? "", args: fields.getAll("arg"), interactive: fields.has("interactive") };
  }
  const project = await unpacked(packed).catch((failure: unknown) => {
    if (failure instanceof TooLarge) throw new Error("This link can’t be read: it holds more than a program may.");
    return undefined;
  });
  if (project === undefined) {
    throw new Error("This link can’t be read: it was perhaps cut when it was copied. Ask for it again.");
  }
  return project;
}

async function unpacked(packed: string): Promise<Project | undefined> {
  const binary = atob(packed.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  const json = new TextDecoder().decode(await through(bytes, new DecompressionStream("deflate-raw"), UNPACKED_MAX));
  return projectFrom(JSON.parse(json));
}

class TooLarge extends Error {}

async function through(
  bytes: Uint8Array<ArrayBuffer>,
  stream: CompressionStream | DecompressionStream,
  most = Number.MAX_SAFE_INTEGER,
): Promise<Uint8Array> {
  const reader = new Blob([bytes]).stream().pipeThrough(stream).getReader();
  const parts: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > most) throw new TooLarge();
    parts.push(value);
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
