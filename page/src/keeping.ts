// What this browser keeps: drafts, the runs of late, how the page is to look. One that keeps nothing still runs programs.

import { type Project, projectFrom } from "./project";

/** A run that this browser has asked for. */
export interface Past {
  at: number;
  name: string;
  ending: string;
  isGood: boolean;
  project: Project;
}

const PREFIX = "locus.";
const PAST_MAX = 50;
/** Characters that all past runs may take together. */
const PAST_CHARACTERS_MAX = 1 << 20;

function read(name: string): unknown {
  try {
    return JSON.parse(localStorage.getItem(PREFIX + name) ?? "null");
  } catch {
    return null;
  }
}

function write(name: string, value: unknown): void {
  try {
    if (value === undefined) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // It is full, or shut.
  }
}

/** The draft in a language, by the language's id. */
export function draft(language: string): Project | undefined {
  return projectFrom(read(`draft.${language}`));
}

export function keepDraft(language: string, project: Project | undefined): void {
  write(`draft.${language}`, project);
}

export type Setting = "language" | "theme" | "layout" | "split" | "wrap";

export function setting(name: Setting): string | undefined {
  const value = read(name);
  return typeof value === "string" ? value : undefined;
}

export function keepSetting(name: Setting, value: string): void {
  write(name, value);
}

/** The runs of late, the newest first. */
export function past(): Past[] {
  const kept = read("past");
  return (Array.isArray(kept) ? kept : []).flatMap((entry: Partial<Past> | null) => {
    const project = projectFrom(entry?.project);
    if (entry === null || project === undefined) return [];
    const { at = 0, name = "", ending = "", isGood = false } = entry;
    return [{ at: Number(at), name: String(name), ending: String(ending), isGood: isGood === true, project }];
  });
}

export function keepPast(run: Past): void {
  const same = JSON.stringify(run.project);
  // The same program again takes the place of the time before.
  const runs = [run, ...past().filter((other) => JSON.stringify(other.project) !== same)].slice(0, PAST_MAX);
  while (runs.length > 1 && JSON.stringify(runs).length > PAST_CHARACTERS_MAX) runs.pop();
  write("past", runs);
}

export function forgetPast(): void {
  write("past", undefined);
}
