// Terminal colours in what programs write. The answer is pieces of text with a style each, never HTML.

/** How a piece of text looks. */
export interface Style {
  bold: boolean;
  dim: boolean;
  italic: boolean;
  underline: boolean;
  inverse: boolean;
  /** 0 to 15 of the theme, or an `rgb(…)`. */
  color: number | string | undefined;
  back: number | string | undefined;
}

/** A piece of text; `restart` says that what stands on the line by now is written over. */
export interface Piece {
  text: string;
  style: Style | undefined;
  restart: boolean;
}

const PLAIN: Style = {
  bold: false,
  dim: false,
  italic: false,
  underline: false,
  inverse: false,
  color: undefined,
  back: undefined,
};

/** The longest escape sequence that is waited for. */
const SEQUENCE_MAX = 256;

// What follows an ESC: a control sequence, a string up to its end (titles, links), or one character.
const SEQUENCE = /^(?:\[([0-?]*)[ -/]*([@-~])|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]+[0-~]|[0-OQ-WYZ\\`a-~])/;
// The same, not yet whole.
const BEGUN = /^(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b]*\x1b?|[ -/]*)$/;
const SPECIAL = /[\x00-\x08\x0b-\x1f\x7f]/g;

/** Reads one stream; what stands at the end of a part and is not whole waits for the next. */
export class Ansi {
  private style = PLAIN;
  private rest = "";

  read(text: string): Piece[] {
    const whole = this.rest + text;
    this.rest = "";
    const pieces: Piece[] = [];
    let [plain, restart, at] = ["", false, 0];
    const flush = () => {
      if (plain !== "" || restart) {
        pieces.push({ text: plain, style: this.style === PLAIN ? undefined : this.style, restart });
      }
      [plain, restart] = ["", false];
    };
    SPECIAL.lastIndex = 0;
    for (let found = SPECIAL.exec(whole); found !== null; found = SPECIAL.exec(whole)) {
      const [character] = found;
      plain += whole.slice(at, found.index);
      at = found.index + 1;
      if (character === "\x1b") {
        const behind = whole.slice(at, at + SEQUENCE_MAX);
        const sequence = SEQUENCE.exec(behind);
        if (sequence !== null) {
          at += sequence[0].length;
          if (sequence[2] === "m") {
            flush();
            this.style = styled(this.style, sequence[1] ?? "");
          }
        } else if (BEGUN.test(behind) && behind.length < SEQUENCE_MAX) {
          this.rest = whole.slice(found.index);
          flush();
          return pieces;
        }
      } else if (character === "\r") {
        // Its line feed may stand in the next part.
        if (at === whole.length) {
          this.rest = "\r";
          break;
        }
        if (whole[at] !== "\n") {
          flush();
          restart = true;
        }
      } else if (character === "\b") {
        plain = plain.slice(0, -1);
      } else if (character !== "\x07" && character !== "\x0e" && character !== "\x0f") {
        plain += picture(character);
      }
      SPECIAL.lastIndex = at;
    }
    plain += whole.slice(at);
    if (this.rest === "\r") plain = plain.replace(/\r$/, "");
    flush();
    return pieces;
  }
}

/** The sign for a control character. */
function picture(character: string): string {
  const code = character.charCodeAt(0);
  return String.fromCharCode(code === 0x7f ? 0x2421 : 0x2400 + code);
}

function styled(style: Style, parameters: string): Style {
  const codes = parameters.split(/[;:]/).map((text) => (text === "" ? 0 : Number(text)));
  let next = { ...style };
  for (let index = 0; index < codes.length; index += 1) {
    const code = codes[index] ?? 0;
    if (code === 0) next = { ...PLAIN };
    else if (code === 1) next.bold = true;
    else if (code === 2) next.dim = true;
    else if (code === 3) next.italic = true;
    else if (code === 4) next.underline = true;
    else if (code === 7) next.inverse = true;
    else if (code === 22) [next.bold, next.dim] = [false, false];
    else if (code === 23) next.italic = false;
    else if (code === 24) next.underline = false;
    else if (code === 27) next.inverse = false;
    else if (code >= 30 && code <= 37) next.color = code - 30;
    else if (code >= 90 && code <= 97) next.color = code - 82;
    else if (code === 39) next.color = undefined;
    else if (code >= 40 && code <= 47) next.back = code - 40;
    else if (code >= 100 && code <= 107) next.back = code - 92;
    else if (code === 49) next.back = undefined;
    else if (code === 38 || code === 48) {
      const [color, taken] = extended(codes.slice(index + 1));
      if (code === 38) next.color = color;
      else next.back = color;
      index += taken;
    }
  }
  return Object.entries(next).every(([name, value]) => value === PLAIN[name as keyof Style]) ? PLAIN : next;
}

/** A colour of 256 or of all, and how many numbers it took. */
function extended([kind, ...numbers]: number[]): [number | string | undefined, number] {
  const byte = (value = 0) => Math.max(0, Math.min(255, Math.trunc(value) || 0));
  if (kind === 2) return [`rgb(${numbers.slice(0, 3).map(byte).join(" ")})`, 4];
  if (kind !== 5) return [undefined, 1];
  const number = byte(numbers[0]);
  if (number < 16) return [number, 2];
  if (number > 231) return [`rgb(${Array(3).fill(8 + (number - 232) * 10).join(" ")})`, 2];
  const level = (step: number) => (step === 0 ? 0 : 55 + step * 40);
  const cube = number - 16;
  return [`rgb(${level(Math.floor(cube / 36))} ${level(Math.floor(cube / 6) % 6)} ${level(cube % 6)})`, 2];
}
