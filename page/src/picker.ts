// The choice of a language: a button, and a list that is searched by typing.

import type { Language } from "./api";
import { element, icon, make } from "./dom";

export class Picker {
  private languages: Language[] = [];
  private shown: Language[] = [];
  private active = 0;
  private chosen: Language | undefined;
  private readonly button = element<HTMLButtonElement>("language");
  private readonly popup = element("languages");
  private readonly search = element<HTMLInputElement>("language-search");
  private readonly list = element("language-list");

  constructor(private readonly choose: (language: Language) => void) {
    // What is typed before the browser tells that the list is open must find it as it will be.
    this.popup.addEventListener("beforetoggle", (event) => {
      if ((event as ToggleEvent).newState !== "open") return;
      this.search.value = "";
      this.filter();
    });
    this.popup.addEventListener("toggle", (event) => {
      const isOpen = (event as ToggleEvent).newState === "open";
      this.button.setAttribute("aria-expanded", String(isOpen));
      if (isOpen) this.opened();
    });
    this.search.addEventListener("input", () => this.filter());
    this.search.addEventListener("keydown", (event) => this.key(event));
    this.button.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowDown") return;
      event.preventDefault();
      this.popup.showPopover();
    });
  }

  /** Offers languages: by name, and the version that the name alone means before others. */
  offer(languages: Language[]): void {
    this.languages = [...languages].sort((a, b) =>
      a.name.localeCompare(b.name, "en") || Number(b.default) - Number(a.default) ||
      b.version.localeCompare(a.version, "en", { numeric: true }));
    this.button.disabled = this.languages.length === 0;
  }

  show(language: Language): void {
    this.chosen = language;
    const version = make("span", { class: "version" }, language.version);
    element("language-name").replaceChildren(language.name, " ", version);
    this.button.title = language.libraries.length === 0 ? "" : `with ${language.libraries.join(", ")}`;
  }

  open(): void {
    this.popup.showPopover();
  }

  private opened(): void {
    const { left, bottom } = this.button.getBoundingClientRect();
    this.popup.style.top = `${bottom + 4}px`;
    this.popup.style.left = `${Math.max(8, Math.min(left, innerWidth - this.popup.offsetWidth - 8))}px`;
    this.mark();
    this.search.focus();
  }

  private filter(): void {
    const words = this.search.value.toLowerCase().split(/[\s@]+/).filter((word) => word !== "");
    const rank = ({ name, id, aliases, version }: Language) => {
      const names = [name.toLowerCase(), id, ...aliases];
      const [first = "", ...others] = words;
      if (!others.every((word) => version.startsWith(word) || names.some((known) => known.includes(word)))) return 3;
      if (names.includes(first)) return 0;
      if (names.some((known) => known.startsWith(first))) return 1;
      return names.some((known) => known.includes(first)) || version.startsWith(first) ? 2 : 3;
    };
    const ranked = this.languages.map((language) => ({ language, rank: words.length === 0 ? 1 : rank(language) }));
    this.shown = ranked.filter((item) => item.rank < 3).sort((a, b) => a.rank - b.rank).map((item) => item.language);
    const chosen = this.shown.findIndex(({ selector }) => selector === this.chosen?.selector);
    this.active = words.length === 0 ? Math.max(0, chosen) : 0;
    this.draw();
  }

  private draw(): void {
    const options = this.shown.map((language, index) =>
      make(
        "li",
        {
          id: `language-${index}`,
          role: "option",
          "data-selector": language.selector,
          "aria-selected": String(index === this.active),
          click: () => this.take(index),
        },
        make("span", { class: "name" }, language.name),
        make("span", { class: "version" }, language.version),
        language.libraries.length > 0 ? make("span", { class: "libraries" }, language.libraries.join(", ")) : undefined,
        language.selector === this.chosen?.selector ? icon("check") : undefined,
      ));
    this.list.replaceChildren(...options);
    element("language-none").hidden = options.length > 0;
    this.mark();
  }

  private mark(): void {
    [...this.list.children].forEach((option, index) => {
      option.setAttribute("aria-selected", String(index === this.active));
    });
    const option = this.list.children[this.active];
    if (option === undefined) this.search.removeAttribute("aria-activedescendant");
    else this.search.setAttribute("aria-activedescendant", option.id);
    option?.scrollIntoView({ block: "nearest" });
  }

  private key(event: KeyboardEvent): void {
    const last = this.shown.length - 1;
    const moves: Record<string, number> = {
      ArrowDown: Math.min(this.active + 1, last),
      ArrowUp: Math.max(this.active - 1, 0),
      PageDown: Math.min(this.active + 8, last),
      PageUp: Math.max(this.active - 8, 0),
    };
    if (event.key === "Enter") this.take(this.active);
    else if (event.key === "Tab") this.popup.hidePopover();
    else if (moves[event.key] !== undefined) {
      this.active = moves[event.key] ?? 0;
      this.mark();
    } else return;
    if (event.key !== "Tab") event.preventDefault();
  }

  private take(index: number): void {
    const language = this.shown[index];
    this.popup.hidePopover();
    this.button.focus();
    if (language !== undefined) this.choose(language);
  }
}

/** The first language that a name stands for: an id or alias, alone or with a version. */
export function languageNamed(languages: Language[], name: string | undefined): Language | undefined {
  if (name === undefined || name === "") return undefined;
  // A plus sign that nobody has encoded, as in c++, reads as a blank.
  const [wanted = "", version] = name.toLowerCase().replaceAll(" ", "+").split("@");
  const meant = languages.filter(({ id, aliases }) => id === wanted || aliases.includes(wanted));
  const exact = meant.filter((known) => version === undefined || `${known.version}.`.startsWith(`${version}.`));
  return exact.find((known) => known.default) ?? exact[0];
}
