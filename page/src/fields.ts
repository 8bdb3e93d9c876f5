// The fields of the options: what is wrong with what stands in one, and what the server makes of it, is said beside it.

import { element } from "./dom";
import { LIMITS, type Limit, isLimit, wrongVariable } from "./project";

const NUMBERS: Record<Limit, string> = {
  timeoutSeconds: "A number of seconds, such as 10 or 0.5.",
  memoryMegabytes: "A whole number of MiB, from 1 on.",
  outputMegabytes: "A whole number of MiB, from 1 on.",
};

/** The fields that can be wrong. */
const CHECKED = ["env", ...LIMITS] as const;

/** What is wrong with what stands in a field, in a sentence; nothing where it is right. */
function wrongIn(id: (typeof CHECKED)[number]): string {
  const field = element<HTMLInputElement>(id);
  if (id === "env") {
    const line = wrongVariable(field.value.split("\n"));
    return line === 0 ? "" : `Line ${line} has to be NAME=value.`;
  }
  // What is no number at all reads as nothing.
  const isEmpty = field.value === "" && !field.validity.badInput;
  return isEmpty || isLimit(id, Number(field.value || "none")) ? "" : NUMBERS[id];
}

/** The limit that stands in a field, if one does. */
export function limitIn(id: Limit): number | undefined {
  const limit = Number(element<HTMLInputElement>(id).value || "none");
  return isLimit(id, limit) ? limit : undefined;
}

/** Says what is wrong with each field, and gives the first one that is. */
export function checkFields(): HTMLElement | undefined {
  for (const id of CHECKED) tell(id, wrongIn(id), true);
  return CHECKED.map((id) => element(id)).find((field) => field.getAttribute("aria-invalid") === "true");
}

/** Says it of a field when somebody leaves it, and no longer when it is right. */
export function listenForFields(): void {
  for (const id of CHECKED) {
    element(id).addEventListener("change", () => tell(id, wrongIn(id), true));
    element(id).addEventListener("input", () => {
      if (wrongIn(id) === "") tell(id, "", false);
    });
  }
}

/** Says what the server gives where that is less than what was asked for. */
export function showGiven(given: Partial<Record<Limit, string>>): void {
  for (const id of LIMITS) {
    const amount = given[id];
    if (amount !== undefined) tell(id, `The server gives ${amount} at most.`, false);
  }
}

function tell(id: string, text: string, isWrong: boolean): void {
  const note = element(`${id}-note`);
  note.textContent = text;
  note.classList.toggle("wrong", isWrong);
  element(id).setAttribute("aria-invalid", String(isWrong && text !== ""));
}
