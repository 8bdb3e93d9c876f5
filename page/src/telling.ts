// What a run has come to, in words and figures.

import type { Case, Run, Usage } from "./api";
import type { Limit, Project } from "./project";

export type Mood = "good" | "bad" | "busy" | "quiet";

const OUTCOMES: Record<string, string> = {
  Completed: "Finished",
  NonZeroExit: "Failed",
  Signaled: "Crashed",
  TimedOut: "Out of time",
  OutOfMemory: "Out of memory",
  OutputLimitExceeded: "Too much output",
  CompileFailed: "Does not compile",
  TestsFailed: "Tests failed",
  Cancelled: "Stopped",
  UnknownLanguage: "Unknown language",
  InvalidRequest: "Can’t be run",
  ImagePullFailed: "The image of the language can’t be had",
  PodRejected: "No node took the run",
  PodEvicted: "The cluster took the pod away",
  RunnerFailed: "The runner failed",
  NodeLost: "The node is gone",
};

/** How a run ended, in a few words. */
export function ending(run: Run): string {
  const { outcome = "", exitCode, signal, tests } = run;
  if (outcome === "Completed" && tests !== undefined) return `${tests.passed} of ${tests.total} tests passed`;
  if (outcome === "TestsFailed" && tests !== undefined) return `${tests.passed} of ${tests.total} tests passed`;
  if (outcome === "NonZeroExit" && exitCode !== undefined) return `Exit code ${exitCode}`;
  if (outcome === "Signaled" && signal !== undefined) return `Ended by ${signal}`;
  return OUTCOMES[outcome] ?? (outcome || run.reason);
}

/** What a run waits for or does. */
export function progress(run: Run): string {
  const what = run.reason === "Queued" ? "Waiting for its turn" : run.reason === "PodPending" ? "A pod is starting" : "Running";
  return run.error === "" ? what : `${what}: ${run.error}`;
}

const VERDICTS = { Passed: "passed", WrongOutput: "wrong output", Failed: "failed", NotRun: "not run" };

export function verdict({ verdict: kind, outcome, exitCode, signal }: Case): string {
  if (kind !== "Failed") return VERDICTS[kind];
  if (outcome === "NonZeroExit" && exitCode !== undefined) return `exit code ${exitCode}`;
  if (outcome === "Signaled" && signal !== undefined) return `ended by ${signal}`;
  return (OUTCOMES[outcome ?? ""] ?? VERDICTS.Failed).toLowerCase();
}

/** What a run has used, each figure with what it means. */
export function figures(usage: Usage): { label: string; value: string; meaning: string }[] {
  return [
    { label: "wall", value: seconds(usage.wallSeconds), meaning: "Time from its start to its end" },
    { label: "cpu", value: seconds(usage.cpuSeconds), meaning: "Time that it kept processors busy" },
    { label: "memory", value: bytes(usage.memoryPeakBytes), meaning: "The most memory that it had at a time" },
  ];
}

/** What the server gives of a limit that was asked for, where that is less: each in words. */
export function cuts({ limits }: Run, project: Project): Partial<Record<Limit, string>> {
  if (limits === undefined) return {};
  const { timeoutSeconds, memoryMegabytes, outputMegabytes } = project;
  const less = (asked: number | undefined, given: number) => asked !== undefined && given < asked;
  const mebibytes = (count: number) => `${Number((count / 2 ** 20).toFixed(2))} MiB`;
  return {
    ...(less(timeoutSeconds, limits.timeoutSeconds) ? { timeoutSeconds: `${limits.timeoutSeconds} s` } : {}),
    ...(less(memoryMegabytes, limits.memoryBytes / 2 ** 20) ? { memoryMegabytes: `${mebibytes(limits.memoryBytes)} of memory` } : {}),
    ...(less(outputMegabytes, limits.outputBytes / 2 ** 20) ? { outputMegabytes: `${mebibytes(limits.outputBytes)} of output` } : {}),
  };
}

/** A message of the server as a sentence. */
export function sentence(text: string): string {
  if (text === "") return "";
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}

export function seconds(value: number): string {
  if (value < 0.9995) return `${Math.round(value * 1000)} ms`;
  return `${value.toFixed(value < 10 ? 2 : 1)} s`;
}

export function bytes(value: number): string {
  if (value < 1024) return `${value} B`;
  const units = ["KiB", "MiB", "GiB"];
  let [amount, unit] = [value / 1024, 0];
  while (amount >= 1023.5 && unit < units.length - 1) [amount, unit] = [amount / 1024, unit + 1];
  return `${amount.toFixed(amount < 10 ? 1 : 0)} ${units[unit]}`;
}
