// Modes for languages that CodeMirror has none of: a table of words each, and one reader for all.

import { StreamLanguage, type StreamParser } from "@codemirror/language";

interface Words {
  keywords: string;
  /** Constants such as true. */
  atoms?: string;
  types?: string;
  builtins?: string;
  /** What a comment to the end of the line begins with. */
  line?: string;
  /** The ends of a comment that may go over lines. */
  block?: [string, string];
  /** Quotes around texts. */
  quotes: string;
  /** What a name is made of, where it is more than usual. */
  name?: RegExp;
  /** Names that are variables, and others that are types. */
  variable?: RegExp;
  type?: RegExp;
  /** Further things that are texts or constants, such as characters and atoms. */
  atom?: RegExp;
  ignoreCase?: boolean;
}

interface State {
  /** What ends the text or comment that goes on: none, outside of both. */
  until: string;
  isComment: boolean;
}

function parser(words: Words): StreamParser<State> {
  const set = (text = "") => new Set(text.split(" "));
  const kinds: [string, Set<string>][] = [
    ["keyword", set(words.keywords)],
    ["atom", set(words.atoms)],
    ["typeName", set(words.types)],
    ["variableName.standard", set(words.builtins)],
  ];
  const name = words.name ?? /^[A-Za-z_][\w]*/;
  return {
    languageData: {
      commentTokens: {
        ...(words.line === undefined ? {} : { line: words.line }),
        ...(words.block === undefined ? {} : { block: { open: words.block[0], close: words.block[1] } }),
      },
    },
    startState: () => ({ until: "", isComment: false }),
    token(stream, state) {
      if (state.until !== "") {
        while (!stream.eol()) {
          if (stream.match(state.until)) {
            state.until = "";
            break;
          }
          if (!state.isComment && stream.peek() === "\\") stream.next();
          stream.next();
        }
        // Only triple quotes and comments go over lines.
        const kind = state.isComment ? "comment" : "string";
        if (stream.eol() && !state.isComment && state.until.length === 1) state.until = "";
        if (state.until === "") state.isComment = false;
        return kind;
      }
      if (stream.eatSpace()) return null;
      if (words.block !== undefined && stream.match(words.block[0])) {
        [state.until, state.isComment] = [words.block[1], true];
        return "comment";
      }
      if (words.line !== undefined && stream.match(words.line)) {
        stream.skipToEnd();
        return "comment";
      }
      if (words.atom !== undefined && stream.match(words.atom)) return "atom";
      const quote = stream.peek() ?? "";
      if (words.quotes.includes(quote)) {
        state.until = stream.match(quote.repeat(3)) ? quote.repeat(3) : quote;
        if (state.until.length === 1) stream.next();
        return "string";
      }
      if (stream.match(/^(0[xob][\da-f_]+|\d[\d_]*(\.\d[\d_]*)?(e[+-]?\d+)?)/i)) return "number";
      const found = stream.match(name);
      if (found && typeof found !== "boolean") {
        const word = words.ignoreCase === true ? found[0].toLowerCase() : found[0];
        const kind = kinds.find(([, known]) => known.has(word));
        if (kind !== undefined) return kind[0];
        if (words.variable?.test(word) === true) return "variableName.special";
        if (words.type?.test(word) === true) return "typeName";
        return /^\s*\(/.test(stream.string.slice(stream.pos)) ? "variableName.function" : "variableName";
      }
      stream.next();
      return /[-+*/<>=!&|^%~?:@]/.test(quote) ? "operator" : null;
    },
  };
}

const TABLES: Record<string, Words> = {
  ada: {
    keywords:
      "abort abs abstract accept access aliased all and array at begin body case constant declare delay delta digits do else " +
      "elsif end entry exception exit for function generic goto if in interface is limited loop mod new not of or others out " +
      "overriding package parallel pragma private procedure protected raise range record rem renames requeue return reverse " +
      "select separate some subtype synchronized tagged task terminate then type until use when while with xor",
    atoms: "true false null",
    types: "integer natural positive float boolean character string duration long_integer long_float",
    line: "--",
    quotes: '"',
    atom: /^'.'/,
    ignoreCase: true,
  },
  awk: {
    keywords:
      "BEGIN BEGINFILE END ENDFILE break case continue default delete do else exit for function func getline if in next " +
      "nextfile print printf return switch while",
    builtins:
      "length substr index split sub gsub gensub match sprintf sin cos atan2 exp log sqrt int rand srand tolower toupper " +
      "system close fflush strftime systime mktime asort asorti and or xor lshift rshift compl strtonum",
    atoms: "NR NF FS OFS RS ORS FNR FILENAME SUBSEP ARGC ARGV ENVIRON RSTART RLENGTH RT PROCINFO IGNORECASE FPAT CONVFMT OFMT",
    line: "#",
    quotes: '"',
    atom: /^\$(\d+|[A-Za-z_]\w*)?/,
  },
  elixir: {
    keywords:
      "after alias and case catch cond def defdelegate defexception defguard defguardp defimpl defmacro defmacrop defmodule " +
      "defoverridable defp defprotocol defstruct do else end fn for if import in not or quote raise receive require rescue " +
      "reraise super throw try unless unquote use when with",
    atoms: "true false nil",
    line: "#",
    quotes: "\"'",
    name: /^[A-Za-z_]\w*[?!]?/,
    type: /^[A-Z]/,
    atom: /^(:[A-Za-z_]\w*[?!]?|:"[^"]*"|[a-z_]\w*[?!]?:(?=\s)|@\w+)/,
  },
  nim: {
    keywords:
      "addr and as asm bind block break case cast concept const continue converter defer discard distinct div do elif else end " +
      "enum except export finally for from func if import in include interface is isnot iterator let macro method mixin mod " +
      "nil not notin object of or out proc ptr raise ref return shl shr static template try tuple type using var when while " +
      "xor yield",
    atoms: "true false nil",
    types: "int int8 int16 int32 int64 uint uint8 uint16 uint32 uint64 float float32 float64 bool char string seq array set void",
    builtins: "echo len add inc dec low high ord chr repr",
    line: "#",
    block: ["#[", "]#"],
    quotes: '"',
    type: /^[A-Z]/,
    atom: /^'(\\.|[^'])'/,
  },
  prolog: {
    keywords: "is mod rem div not dynamic discontiguous initialization module use_module ensure_loaded",
    atoms: "true false fail halt nl",
    builtins:
      "write writeln print format read assert asserta assertz retract findall bagof setof forall member append length between " +
      "atom number var nonvar call once catch throw nth0 nth1 msort sort maplist foldl sumlist sum_list atom_codes atom_chars",
    line: "%",
    block: ["/*", "*/"],
    quotes: "\"'`",
    variable: /^[A-Z_]/,
    atom: /^(0'.|:-|-->)/,
  },
  raku: {
    keywords:
      "my our has state constant sub method submethod multi proto only class role grammar token rule regex module package enum " +
      "subset if elsif else unless with orwith without for while until loop repeat given when default do try gather take start " +
      "await react whenever supply emit return returns last next redo die fail use need import is does of where and or not xor " +
      "so MAIN BEGIN END",
    atoms: "True False Nil Inf NaN self",
    types: "Int Num Rat Str Bool Array Hash List Seq Range Any Mu Cool Complex Set Bag Promise Supply Channel",
    builtins: "say put print note printf sprintf push pop shift map grep sort reduce sum min max join split lines words elems",
    line: "#",
    quotes: "\"'",
    name: /^[A-Za-z_][\w]*([-'][A-Za-z_]\w*)*/,
    atom: /^([$@%&][.!*?^]?[A-Za-z_][\w]*([-'][A-Za-z_]\w*)*|\$[_/!\d])/,
  },
  zig: {
    keywords:
      "addrspace align allowzero and anyframe anytype asm break callconv catch comptime const continue defer else enum errdefer " +
      "error export extern fn for if inline linksection noalias noinline nosuspend opaque or orelse packed pub resume return " +
      "struct suspend switch test threadlocal try union unreachable usingnamespace var volatile while",
    atoms: "true false null undefined",
    types: "i8 u8 i16 u16 i32 u32 i64 u64 i128 u128 isize usize f16 f32 f64 f80 f128 bool void noreturn type anyerror anyopaque comptime_int comptime_float",
    line: "//",
    quotes: '"',
    type: /^[A-Z]/,
    atom: /^('(\\.[^']*|[^'])'|@[A-Za-z_]\w*|\\\\.*)/,
  },
};

/** What reads a language that has a table. */
export function parserOf(language: string): StreamParser<State> {
  const words = TABLES[language];
  if (words === undefined) throw new Error(`there is no table for ${language}`);
  return parser(words);
}

/** The mode of a language that has a table. */
export function mode(language: string): StreamLanguage<State> {
  return StreamLanguage.define(parserOf(language));
}
