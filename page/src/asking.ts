// Dialogs: those that close by a cross, and the one that asks for the key of the server.

import { setKey } from "./api";
import { element } from "./dom";

/** Lets the cross of each dialog, and a click beside it, close it. */
export function listenForCrosses(): void {
  for (const dialog of document.querySelectorAll("dialog")) {
    dialog.querySelector(".close")?.addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close();
    });
  }
}

/** Asks for an API key; whether one was given. */
export async function askKey(): Promise<boolean> {
  const dialog = element<HTMLDialogElement>("key-dialog");
  const field = element<HTMLInputElement>("key");
  field.value = "";
  dialog.returnValue = "";
  dialog.showModal();
  const given = new Promise<string>((resolve) => {
    const submitted = () => {
      resolve(field.value.trim());
    };
    element("key-form").addEventListener("submit", submitted, { once: true });
    dialog.addEventListener(
      "close",
      () => {
        element("key-form").removeEventListener("submit", submitted);
        resolve("");
      },
      { once: true },
    );
  });
  const key = await given;
  if (key !== "") setKey(key);
  return key !== "";
}
