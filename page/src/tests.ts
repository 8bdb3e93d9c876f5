// The list in which test cases are written.

import { element, icon, make } from "./dom";
import { CHECKERS, type TestCase } from "./project";

const MEANINGS: Record<(typeof CHECKERS)[number], string> = {
  trimmed: "white space at ends of lines is ignored",
  exact: "the same to the byte",
  tokens: "the same words",
  float: "numbers may differ a little",
};

export class TestEditor {
  private tests: TestCase[] = [];

  constructor(private readonly changed: () => void) {
    element("add-test").addEventListener("click", () => {
      this.tests.push({ name: "", stdin: "", expectedStdout: "", checker: "trimmed" });
      this.draw();
      this.changed();
      element("test-list").querySelector<HTMLElement>("fieldset:last-child textarea")?.focus();
    });
  }

  /** Shows tests, and writes into the list itself what is changed of them. */
  open(tests: TestCase[]): void {
    this.tests = tests;
    this.draw();
  }

  private draw(): void {
    element("test-list").replaceChildren(...this.tests.map((test, index) => this.fields(test, index)));
  }

  private fields(test: TestCase, index: number): HTMLElement {
    const text = (field: "stdin" | "expectedStdout", title: string) => {
      const area = make("textarea", { class: "mono", rows: 3, spellcheck: "false", autocapitalize: "off" });
      area.value = test[field];
      area.addEventListener("input", () => {
        test[field] = area.value;
        this.changed();
      });
      return make("label", {}, title, area);
    };
    const name = make("input", { "aria-label": `Name of test ${index + 1}`, placeholder: `Test ${index + 1}` });
    name.value = test.name;
    name.addEventListener("input", () => {
      test.name = name.value;
      this.changed();
    });
    const options = CHECKERS.map((checker) =>
      make("option", { value: checker, selected: checker === test.checker }, `${checker}: ${MEANINGS[checker]}`));
    const checker = make("select", { "aria-label": `What counts as the same in test ${index + 1}` }, ...options);
    checker.addEventListener("change", () => {
      test.checker = CHECKERS.find((known) => known === checker.value) ?? "trimmed";
      this.changed();
    });
    const remove = () => {
      this.tests.splice(index, 1);
      this.draw();
      this.changed();
      element("add-test").focus();
    };
    const title = `Remove test ${index + 1}`;
    const cross = make("button", { type: "button", class: "small", title, "aria-label": title, click: remove }, icon("cross"));
    return make(
      "fieldset",
      {},
      make("legend", { class: "unseen" }, `Test ${index + 1}`),
      make("div", { class: "row" }, name, checker, cross),
      make("div", { class: "row halves" }, text("stdin", "Input"), text("expectedStdout", "Expected output")),
    );
  }
}
