// Which grammar highlights which language. Each is a file of its own that comes when it is needed.

import { StreamLanguage, type StreamParser } from "@codemirror/language";
import type { Extension } from "@codemirror/state";

import type { Language } from "./api";

type Loader = () => Promise<Extension>;

const stream = (parser: StreamParser<unknown>): Extension => StreamLanguage.define(parser);
const own = (id: string): Loader => async () => (await import("./words")).mode(id);

/** By language id, and by the names of modes that a language may ask for in `editor`. */
export const MODES: Record<string, Loader> = {
  ada: own("ada"),
  assembly: async () => stream((await import("@codemirror/legacy-modes/mode/gas")).gas),
  awk: own("awk"),
  bash: async () => stream((await import("@codemirror/legacy-modes/mode/shell")).shell),
  c: async () => (await import("@codemirror/lang-cpp")).cpp(),
  clojure: async () => stream((await import("@codemirror/legacy-modes/mode/clojure")).clojure),
  cobol: async () => stream((await import("@codemirror/legacy-modes/mode/cobol")).cobol),
  coffeescript: async () => stream((await import("@codemirror/legacy-modes/mode/coffeescript")).coffeeScript),
  commonlisp: async () => stream((await import("@codemirror/legacy-modes/mode/commonlisp")).commonLisp),
  cpp: async () => (await import("@codemirror/lang-cpp")).cpp(),
  crystal: async () => stream((await import("@codemirror/legacy-modes/mode/crystal")).crystal),
  csharp: async () => stream((await import("@codemirror/legacy-modes/mode/clike")).csharp),
  d: async () => stream((await import("@codemirror/legacy-modes/mode/d")).d),
  elixir: own("elixir"),
  erlang: async () => stream((await import("@codemirror/legacy-modes/mode/erlang")).erlang),
  forth: async () => stream((await import("@codemirror/legacy-modes/mode/forth")).forth),
  fortran: async () => stream((await import("@codemirror/legacy-modes/mode/fortran")).fortran),
  go: async () => (await import("@codemirror/lang-go")).go(),
  groovy: async () => stream((await import("@codemirror/legacy-modes/mode/groovy")).groovy),
  haskell: async () => stream((await import("@codemirror/legacy-modes/mode/haskell")).haskell),
  java: async () => (await import("@codemirror/lang-java")).java(),
  javascript: async () => (await import("@codemirror/lang-javascript")).javascript(),
  kotlin: async () => stream((await import("@codemirror/legacy-modes/mode/clike")).kotlin),
  lua: async () => stream((await import("@codemirror/legacy-modes/mode/lua")).lua),
  nim: own("nim"),
  ocaml: async () => stream((await import("@codemirror/legacy-modes/mode/mllike")).oCaml),
  octave: async () => stream((await import("@codemirror/legacy-modes/mode/octave")).octave),
  pascal: async () => stream((await import("@codemirror/legacy-modes/mode/pascal")).pascal),
  perl: async () => stream((await import("@codemirror/legacy-modes/mode/perl")).perl),
  php: async () => (await import("@codemirror/lang-php")).php(),
  prolog: own("prolog"),
  python: async () => (await import("@codemirror/lang-python")).python(),
  r: async () => stream((await import("@codemirror/legacy-modes/mode/r")).r),
  racket: async () => stream((await import("@codemirror/legacy-modes/mode/scheme")).scheme),
  raku: own("raku"),
  ruby: async () => stream((await import("@codemirror/legacy-modes/mode/ruby")).ruby),
  rust: async () => (await import("@codemirror/lang-rust")).rust(),
  scala: async () => stream((await import("@codemirror/legacy-modes/mode/clike")).scala),
  scheme: async () => stream((await import("@codemirror/legacy-modes/mode/scheme")).scheme),
  sql: async () => (await import("@codemirror/lang-sql")).sql(),
  sqlite: async () => {
    const { sql, SQLite } = await import("@codemirror/lang-sql");
    return sql({ dialect: SQLite });
  },
  swift: async () => stream((await import("@codemirror/legacy-modes/mode/swift")).swift),
  tcl: async () => stream((await import("@codemirror/legacy-modes/mode/tcl")).tcl),
  typescript: async () => (await import("@codemirror/lang-javascript")).javascript({ typescript: true }),
  wasm: async () => (await import("@codemirror/lang-wast")).wast(),
  zig: own("zig"),
  // Names that only `editor` may have: those of languages that people add themselves.
  shell: async () => stream((await import("@codemirror/legacy-modes/mode/shell")).shell),
  json: async () => (await import("@codemirror/lang-javascript")).javascript(),
};

const loaded = new Map<string, Promise<Extension>>();

/** The highlighting of a language; nothing where it has none or where it can't be had now. */
export async function modeOf(language: Pick<Language, "id" | "editor">): Promise<Extension> {
  const name = [language.id, language.editor ?? ""].find((known) => Object.hasOwn(MODES, known));
  const load = name === undefined ? undefined : MODES[name];
  if (name === undefined || load === undefined) return [];
  let mode = loaded.get(name);
  if (mode === undefined) {
    mode = load();
    loaded.set(name, mode);
  }
  try {
    return await mode;
  } catch {
    // Away from the network a grammar that was never used is missing; the next try may find it.
    loaded.delete(name);
    return [];
  }
}
