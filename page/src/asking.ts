// Dialogs: those that close by a cross, and the one that asks for the key of the server.

import { Problem, hasKey, setKey } from "./api";
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

/** Does what may need an API key: asks for one as long as that is refused and another one is given. */
export async function withKey<T>(what: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await what();
    } catch (failure) {
      const wantsKey = failure instanceof Problem && failure.status === 401;
      if (!wantsKey || !(await askKey(hasKey()))) throw failure;
    }
  }
}

/** Asks for an API key, perhaps since the one before was refused; whether one was given. */
export async function askKey(wasRefused = false): Promise<boolean> {
  const dialog = element<HTMLDialogElement>("key-dialog");
  const field = element<HTMLInputElement>("key");
  field.value = "";
  field.setAttribute("aria-invalid", String(wasRefused));
  element("key-wrong").textContent = wasRefused ? "The server does not know this key. Is it whole?" : "";
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
