// How the keys are called on the machine of whoever looks.

const isMac = /^(Mac|iP)/.test(navigator.platform);

/** The key that goes with the letters of commands. */
export const COMMAND = isMac ? "Cmd" : "Ctrl";

/** Writes its name wherever the page names it. */
export function nameKeys(): void {
  for (const key of document.querySelectorAll("kbd.command")) key.textContent = COMMAND;
}
