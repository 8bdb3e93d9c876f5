// The kinds of words in a program, as the tests want them.

import { StringStream } from "@codemirror/language";

import { parserOf } from "../src/words";

export function tokens(language: string, code: string): [string, string][] {
  const parser = parserOf(language);
  const state = parser.startState!(4);
  const found: [string, string][] = [];
  for (const line of code.split("\n")) {
    const stream = new StringStream(line, 4, 4);
    const first = found.length;
    while (!stream.eol()) {
      stream.start = stream.pos;
      const kind = parser.token(stream, state);
      const last = found.at(-1);
      // Texts and comments are read in two steps.
      if (found.length > first && (kind === "string" || kind === "comment") && last?.[1] === kind) last[0] += stream.current();
      else if (kind !== null) found.push([stream.current(), kind]);
    }
  }
  return found;
}
