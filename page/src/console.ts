// What a program writes, as it is written. Ten megabytes of it must not stop the page: the text is added in parts, a part for
// each picture that the browser draws, in blocks that it lays out only when they come into view.

import { Ansi, type Piece, type Style } from "./ansi";
import type { Text } from "./api";
import { make } from "./dom";

export type Stream = "stdout" | "stderr";

/** Milliseconds of a picture that the page may spend on adding, and characters that it adds before it looks at the clock. */
const BUSY = 10;
const PART = 32 << 10;
/** Lines and characters of a block. */
const BLOCK_LINES = 200;
const BLOCK_CHARACTERS = 16 << 10;
/** Styled pieces of one run that are made elements; what comes after them is shown plain. */
const STYLED_MAX = 20_000;
/** Blocks of one run; where streams take turns more often, they share them. */
const BLOCKS_MAX = 20_000;
/** Links to lines of one run. */
const LINKS_MAX = 1_000;
/** Whoever is as near to the end, in pixels, follows it. */
const END = 40;
/** The height of a line in the units of the style sheet. */
const LINE_HEIGHT = 1.5;

export interface ConsoleOptions {
  host: HTMLElement;
  /** What is scrolled to the end as long as it stands there. */
  scroller?: HTMLElement;
  /** Goes to a line of a file of the program. */
  goTo: (file: string, line: number, column: number | undefined) => void;
}

interface Waiting {
  stream: Stream | "input" | "note";
  text: string;
}

interface Block {
  stream: Waiting["stream"];
  element: HTMLElement;
  lines: number;
  characters: number;
}

/** The output of one run at a time. */
export class Console {
  private waiting: Waiting[] = [];
  private readonly raw: Record<Stream, (string | Uint8Array<ArrayBuffer>)[]> = { stdout: [], stderr: [] };
  private ansi: Record<Stream, Ansi> = { stdout: new Ansi(), stderr: new Ansi() };
  private block: Block | undefined;
  private drawing: number | undefined;
  /** Whether what comes next stands where the line began. */
  private writesOver = false;
  private blocks = 0;
  private styles = 0;
  private links = 0;
  private pattern: RegExp | undefined;

  private follows = true;
  private top = 0;

  constructor(private readonly options: ConsoleOptions) {
    const { host, scroller } = options;
    if (scroller === undefined) return;
    scroller.addEventListener("scroll", () => {
      const isAtEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < END;
      if (isAtEnd) this.follows = true;
      // It is never scrolled up but by a reader.
      else if (scroller.scrollTop < this.top) this.follows = false;
      this.top = scroller.scrollTop;
    });
    // A block that comes into view may turn out higher than it was taken to be.
    new ResizeObserver(() => this.follow()).observe(host);
  }

  /** Begins anew; the names are those of the files whose lines can be gone to. */
  clear(names: string[] = []): void {
    if (this.drawing !== undefined) cancelAnimationFrame(this.drawing);
    this.waiting = [];
    this.raw.stdout = [];
    this.raw.stderr = [];
    this.ansi = { stdout: new Ansi(), stderr: new Ansi() };
    [this.block, this.drawing, this.blocks, this.styles, this.links] = [undefined, undefined, 0, 0, 0];
    [this.follows, this.top, this.writesOver] = [true, 0, false];
    this.pattern = placesIn(names);
    this.options.host.replaceChildren();
  }

  write(stream: Stream, { text, base64 }: Text): void {
    if (base64 === undefined) {
      this.raw[stream].push(text ?? "");
      this.wait(stream, text ?? "");
    } else {
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
      this.raw[stream].push(bytes);
      this.wait(stream, new TextDecoder().decode(bytes));
    }
  }

  /** Shows what was typed, behind what asked for it. */
  echo(text: string): void {
    this.wait("input", text);
  }

  /** A line of the page's own. */
  note(text: string): void {
    this.wait("note", `${text}\n`);
  }

  /** All that came of a stream, bytes as they were. */
  parts(stream: Stream): (string | Uint8Array<ArrayBuffer>)[] {
    return this.raw[stream];
  }

  /** The end of a stream's text. */
  tail(stream: Stream): string {
    const parts = this.raw[stream].slice(-64).map((part) => (typeof part === "string" ? part : ""));
    return parts.join("").slice(-4096);
  }

  /** The text of a stream. */
  text(stream: Stream): string {
    return this.raw[stream].map((part) => (typeof part === "string" ? part : new TextDecoder().decode(part))).join("");
  }

  get isEmpty(): boolean {
    return this.raw.stdout.length + this.raw.stderr.length === 0;
  }

  private wait(stream: Waiting["stream"], text: string): void {
    if (text === "") return;
    const last = this.waiting.at(-1);
    // A line that comes in bits is whole when it is looked at for places.
    if (last?.stream === stream && last.text.length < PART) last.text += text;
    else this.waiting.push({ stream, text });
    this.drawing ??= requestAnimationFrame(() => this.draw());
  }

  /** Keeps the end in sight of whoever has not scrolled away from it. */
  private follow(): void {
    const { scroller } = this.options;
    if (scroller !== undefined && this.follows) scroller.scrollTop = scroller.scrollHeight;
  }

  private draw(): void {
    const began = performance.now();
    while (performance.now() - began < BUSY) {
      const next = this.waiting.shift();
      if (next === undefined) break;
      const { stream } = next;
      const end = wholeCharacters(next.text, PART);
      if (next.text.length > end) this.waiting.unshift({ stream, text: next.text.slice(end) });
      const text = next.text.slice(0, end);
      const isOutput = stream === "stdout" || stream === "stderr";
      const pieces = isOutput ? this.ansi[stream].read(text) : [{ text, style: undefined, restart: false }];
      pieces.forEach((piece, at) => {
        const isWrittenOver = pieces[at + 1]?.restart === true;
        this.put(stream, isWrittenOver ? { ...piece, text: piece.text.slice(0, piece.text.lastIndexOf("\n") + 1) } : piece);
      });
    }
    this.follow();
    this.drawing = this.waiting.length > 0 ? requestAnimationFrame(() => this.draw()) : undefined;
  }

  private put(stream: Waiting["stream"], { text, style, restart }: Piece): void {
    this.writesOver ||= restart;
    if (this.writesOver && text !== "") {
      this.dropLine();
      this.writesOver = false;
    }
    for (let at = 0; at < text.length; ) {
      const block = this.blockFor(stream);
      const to = endOfPart(text, at, BLOCK_LINES - block.lines, BLOCK_CHARACTERS - block.characters);
      const part = text.slice(at, to);
      at = to;
      if (stream === "input") block.element.append(make("span", { class: "typed" }, part));
      else this.append(block.element, part, style);
      block.lines += linesIn(part);
      block.characters += part.length;
      // Where the browser has not laid a block out, this is how high it takes it to be.
      block.element.style.containIntrinsicSize = `auto ${Math.max(1, block.lines) * LINE_HEIGHT}em`;
    }
  }

  private blockFor(stream: Waiting["stream"]): Block {
    const { block } = this;
    // Typed input stands behind the question.
    if (stream === "input" && block !== undefined) return block;
    const isFull = block !== undefined && (block.lines >= BLOCK_LINES || block.characters >= BLOCK_CHARACTERS);
    if (block !== undefined && !isFull && (block.stream === stream || this.blocks >= BLOCKS_MAX)) return block;
    this.blocks += 1;
    const element = make("div", { class: `block ${stream}` });
    this.options.host.append(element);
    this.block = { stream, element, lines: 0, characters: 0 };
    return this.block;
  }

  private append(parent: HTMLElement, text: string, style: Style | undefined): void {
    const target = style !== undefined && this.styles < STYLED_MAX ? this.styled(parent, style) : parent;
    if (this.pattern === undefined || this.links >= LINKS_MAX) {
      target.append(text);
      return;
    }
    let at = 0;
    this.pattern.lastIndex = 0;
    for (let found = this.pattern.exec(text); found !== null && this.links < LINKS_MAX; found = this.pattern.exec(text)) {
      const [whole, file, line, column] = found;
      target.append(text.slice(at, found.index), this.link(whole, file ?? "", Number(line), column));
      at = found.index + whole.length;
    }
    target.append(text.slice(at));
  }

  private link(text: string, file: string, line: number, column: string | undefined): HTMLElement {
    this.links += 1;
    const click = () => this.options.goTo(file, line, column === undefined ? undefined : Number(column));
    return make("button", { type: "button", class: "place", title: `Go to line ${line} of ${file}`, click }, text);
  }

  private styled(parent: HTMLElement, style: Style): HTMLElement {
    this.styles += 1;
    const [color, back] = style.inverse ? [style.back ?? "back", style.color ?? "text"] : [style.color, style.back];
    const classes = (["bold", "dim", "italic", "underline"] as const).filter((name) => style[name]).map((name) => `ansi-${name}`);
    if (typeof color === "number") classes.push(`ansi-${color}`);
    if (typeof back === "number") classes.push(`ansi-on-${back}`);
    if (color === "back") classes.push("ansi-inverse");
    if (back === "text") classes.push("ansi-on-text");
    const span = make("span", { class: classes.join(" ") });
    if (typeof color === "string" && color !== "back") span.style.color = color;
    if (typeof back === "string" && back !== "text") span.style.backgroundColor = back;
    parent.append(span);
    return span;
  }

  /** Takes away what stands on the last line: a carriage return writes over it. */
  private dropLine(): void {
    const element = this.block?.element;
    for (let last = element?.lastChild; last; last = element?.lastChild) {
      const text = last.textContent ?? "";
      const at = text.lastIndexOf("\n");
      if (at < 0) {
        last.remove();
        continue;
      }
      if (at < text.length - 1) last.textContent = text.slice(0, at + 1);
      break;
    }
  }
}

/** Where a part of a text ends that a block has room for: behind a line if it can be. */
function endOfPart(text: string, from: number, lines: number, characters: number): number {
  const most = Math.max(from + 1, wholeCharacters(text, Math.min(text.length, from + Math.max(2, characters))));
  let at = from;
  for (let count = 0; count < lines; count += 1) {
    const end = text.indexOf("\n", at);
    if (end < 0 || end >= most) {
      // A line that is longer than a block goes on in the next one.
      return at > from && most < text.length ? at : most;
    }
    at = end + 1;
  }
  return at;
}

/** Where to cut a text, at a place or one before it: no character is cut in two. */
function wholeCharacters(text: string, at: number): number {
  if (at >= text.length) return text.length;
  const before = text.charCodeAt(at - 1);
  return before >= 0xd800 && before <= 0xdbff ? at - 1 : at;
}

function linesIn(text: string): number {
  let lines = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) lines += 1;
  return lines;
}

/** Finds the ways in which compilers and interpreters name a line: `a.c:3:5`, `a.py", line 3`, `a.pas(3,5)`. */
function placesIn(names: string[]): RegExp | undefined {
  if (names.length === 0) return undefined;
  const known = names.map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|");
  return new RegExp(`(?<![\\w.-])(${known})(?:"?,? (?:on )?line |"? line |: line |:|\\()(\\d{1,6})(?:[:,](\\d{1,5}))?\\)?`, "g");
}
