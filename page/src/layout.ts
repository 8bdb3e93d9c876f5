// How the page looks: its colours, whether its two sides stand beside or above each other, and where they meet.

import { element } from "./dom";
import { keepSetting, setting } from "./keeping";

const SPLIT_MIN = 20;
const SPLIT_MAX = 80;
const STEP = 4;

export function listenForLayout(): void {
  const root = document.documentElement;
  const choose = (name: "theme" | "layout", apply: (value: string) => void, usual: string) => {
    const kept = setting(name) ?? usual;
    apply(kept);
    for (const radio of document.querySelectorAll<HTMLInputElement>(`input[name=${name}]`)) {
      radio.checked = radio.value === kept;
      radio.addEventListener("change", () => {
        keepSetting(name, radio.value);
        apply(radio.value);
      });
    }
  };
  choose("theme", (value) => {
    if (value === "system") delete root.dataset.theme;
    else root.dataset.theme = value;
  }, "system");
  choose("layout", (value) => {
    root.dataset.layout = value;
    element("divider").setAttribute("aria-orientation", value === "rows" ? "horizontal" : "vertical");
  }, "columns");
  listenForWrap();
  listenForDivider();
}

function listenForWrap(): void {
  const button = element("wrap");
  const apply = (wraps: boolean) => {
    button.setAttribute("aria-pressed", String(wraps));
    element("scroll").classList.toggle("straight", !wraps);
  };
  apply(setting("wrap") !== "no");
  button.addEventListener("click", () => {
    const wraps = button.getAttribute("aria-pressed") !== "true";
    keepSetting("wrap", wraps ? "yes" : "no");
    apply(wraps);
  });
}

function listenForDivider(): void {
  const [divider, panes] = [element("divider"), element("panes")];
  const set = (split: number) => {
    const held = Math.max(SPLIT_MIN, Math.min(SPLIT_MAX, Math.round(split)));
    panes.style.setProperty("--split", `${held}fr`);
    panes.style.setProperty("--rest", `${100 - held}fr`);
    divider.setAttribute("aria-valuenow", String(held));
    return held;
  };
  let split = set(Number(setting("split") ?? 50) || 50);
  const keep = () => keepSetting("split", String(split));
  divider.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    divider.setPointerCapture(event.pointerId);
  });
  divider.addEventListener("pointermove", (event) => {
    if (!divider.hasPointerCapture(event.pointerId)) return;
    const { left, top, width, height } = panes.getBoundingClientRect();
    const isStacked = divider.offsetWidth > divider.offsetHeight;
    split = set(isStacked ? ((event.clientY - top) / height) * 100 : ((event.clientX - left) / width) * 100);
  });
  divider.addEventListener("pointerup", keep);
  divider.addEventListener("dblclick", () => {
    split = set(50);
    keep();
  });
  divider.addEventListener("keydown", (event) => {
    const steps: Record<string, number> = { ArrowLeft: -STEP, ArrowUp: -STEP, ArrowRight: STEP, ArrowDown: STEP };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    split = set(split + step);
    keep();
  });
}
