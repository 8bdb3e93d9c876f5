// The server: what it is asked, and what it tells of a run.

import type { Parting } from "./parting";

/** A language that is served. */
export interface Language {
  id: string;
  name: string;
  version: string;
  default: boolean;
  selector: string;
  aliases: string[];
  fileName: string;
  editor: string | null;
  libraries: string[];
  example: string;
}

export interface Usage {
  wallSeconds: number;
  cpuSeconds: number;
  memoryPeakBytes: number;
}

/** What came of a case. */
export interface Case {
  name?: string;
  verdict: "Passed" | "WrongOutput" | "Failed" | "NotRun";
  outcome?: string;
  error?: string;
  exitCode?: number;
  signal?: string;
  usage?: Usage;
}

/** A run, as far as it is known. */
export interface Run {
  id: string;
  phase: "Pending" | "Running" | "Succeeded" | "Failed";
  reason: string;
  outcome?: string;
  error: string;
  exitCode?: number;
  signal?: string;
  stdoutTruncated?: boolean;
  stderrTruncated?: boolean;
  compile?: { stdout: string; stderr: string; exitCode?: number };
  tests?: { passed: number; total: number; cases?: Case[] };
  filesLeft?: { name: string; why: string }[];
  usage?: Usage;
  /** Those in force, which may be less than what was asked for. */
  limits?: { timeoutSeconds: number; memoryBytes: number; outputBytes: number };
  prestarted?: boolean;
}

export type Text = { text?: string; base64?: string };

/** What is told of a run. */
export type RunEvent =
  | { type: "state"; data: Run }
  | { type: "stdout" | "stderr"; data: Text }
  | { type: "caseStarted"; data: { index: number } }
  | { type: "caseEnded"; data: { index: number; outcome: string; error: string; usage?: Usage } }
  | { type: "file"; data: { name: string; size: number } }
  | { type: "finished"; data: Run };

/** What stands around a program on the server's own machine. */
export interface Sandbox {
  layers: { name: string; detail: string; inForce: boolean }[];
  weakness?: string;
}

/** An answer that says what is wrong. */
export class Problem extends Error {
  constructor(readonly status: number, readonly reason: string, message: string) {
    super(message);
  }
}

/** The server is not there, or the way to it is not. */
export class Unreachable extends Error {}

const KEY = "locus.key";

/** The API key of this tab; it is gone with it. */
export function setKey(key: string): void {
  try {
    sessionStorage.setItem(KEY, key);
  } catch {
    kept = key;
  }
}

let kept = "";

/** Whether this tab has a key, right or wrong. */
export function hasKey(): boolean {
  return key() !== "";
}

function key(): string {
  try {
    return sessionStorage.getItem(KEY) ?? kept;
  } catch {
    return kept;
  }
}

/** Where the server is: a page may stand below a path of its own. */
const base = new URL("./", document.baseURI);

async function call(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  if (key() !== "") headers.set("Authorization", `Bearer ${key()}`);
  let response: Response;
  try {
    response = await fetch(new URL(path, base), { ...init, headers });
  } catch (failure) {
    if (init.signal?.aborted === true) throw failure;
    throw new Unreachable(failure instanceof Error ? failure.message : String(failure));
  }
  if (response.ok) return response;
  const plain = `the server answered ${response.status} ${response.statusText}`.trim();
  const body = (await response.json().catch(() => ({}))) as { reason?: string; message?: string };
  throw new Problem(response.status, body.reason ?? "", body.message ?? plain);
}

export async function languages(): Promise<Language[]> {
  const answer = (await (await call("api/v1/languages")).json()) as { languages: Language[] };
  return answer.languages;
}

export async function readiness(): Promise<{ backend?: string; sandbox?: Sandbox }> {
  try {
    return (await (await call("readyz")).json()) as { backend?: string; sandbox?: Sandbox };
  } catch {
    // The languages come from the same server, and their failure is shown.
    return {};
  }
}

/** Takes a run. Asked again under the same name, after a lost answer, it is the same run. */
export async function createRun(request: Record<string, unknown>, name: string): Promise<Run> {
  const headers = { "Content-Type": "application/json", "Idempotency-Key": name };
  const response = await call("api/v1/runs", { method: "POST", headers, body: JSON.stringify(request) });
  return (await response.json()) as Run;
}

export async function cancelRun(id: string): Promise<void> {
  await call(`api/v1/runs/${id}`, { method: "DELETE" });
}

/** The same from a page that goes away, and hears of nothing any more. */
export function cancelBehind(id: string): void {
  void call(`api/v1/runs/${id}`, { method: "DELETE", keepalive: true }).catch(() => undefined);
  // What passes through a page's worker may end with the page. The worker itself does not, and to stop twice is to stop.
  navigator.serviceWorker?.controller?.postMessage({ cancel: id, key: key() } satisfies Parting);
}

/** Sends input; `at` says how much came before, so that a repeated piece is taken once. */
export async function sendInput(id: string, data: Uint8Array<ArrayBuffer>, at: number, end: boolean): Promise<void> {
  await call(`api/v1/runs/${id}/stdin?at=${at}&end=${end}`, { method: "POST", body: data });
}

/** A file that the program has left. */
export async function outputFile(id: string, name: string): Promise<Blob> {
  const path = name.split("/").map(encodeURIComponent).join("/");
  return await (await call(`api/v1/runs/${id}/files/${path}`)).blob();
}

/** How long to wait before the events are asked for again, by how often in a row that has failed. */
const PAUSES = [200, 500, 1000, 2000, 4000];

/** All that is told of a run, to its end: a connection that breaks is taken up where it was. */
export async function* runEvents(id: string, signal: AbortSignal): AsyncGenerator<RunEvent> {
  let last = "";
  for (let failures = 0; ; failures += 1) {
    try {
      const headers: Record<string, string> = { Accept: "text/event-stream" };
      if (last !== "") headers["Last-Event-ID"] = last;
      const response = await call(`api/v1/runs/${id}/events`, { headers, signal });
      // There is nothing more to tell.
      if (response.status === 204 || response.body === null) return;
      for await (const { id: position, type, data } of serverSentEvents(response.body)) {
        failures = 0;
        if (position !== "") last = position;
        const event = { type, data: JSON.parse(data) } as RunEvent;
        yield event;
        if (event.type === "finished") return;
      }
    } catch (failure) {
      if (signal.aborted || (failure instanceof Problem && failure.status < 500 && failure.status !== 429)) throw failure;
      if (failures >= PAUSES.length) throw failure;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSES[Math.min(failures, PAUSES.length - 1)]));
  }
}

/** How long the page may be kept busy before it can draw and hear keys again, in milliseconds. */
const BUSY = 12;

async function* serverSentEvents(body: ReadableStream<Uint8Array<ArrayBuffer>>) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let began = performance.now();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      rest += value;
      let from = 0;
      for (let to = rest.indexOf("\n\n"); to >= 0; to = rest.indexOf("\n\n", from)) {
        const event = parsed(rest.slice(from, to));
        from = to + 2;
        if (event !== undefined) yield event;
        if (performance.now() - began > BUSY) {
          await new Promise((resolve) => setTimeout(resolve));
          began = performance.now();
        }
      }
      rest = rest.slice(from);
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function parsed(block: string): { id: string; type: string; data: string } | undefined {
  let [id, type] = ["", "message"];
  const data: string[] = [];
  for (const line of block.split("\n")) {
    const at = line.indexOf(":");
    const [field, value] = at < 0 ? [line, ""] : [line.slice(0, at), line.slice(at + 1).replace(/^ /, "")];
    if (field === "id") id = value;
    else if (field === "event") type = value;
    else if (field === "data") data.push(value);
  }
  return data.length === 0 ? undefined : { id, type, data: data.join("\n") };
}
