// The editor: CodeMirror in a shadow root, where its styles are style sheets that no policy has to allow as inline ones.

import { closeBrackets, closeBracketsKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { HighlightStyle, bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { Compartment, EditorSelection, EditorState, type Extension, Prec } from "@codemirror/state";
import {
  EditorView,
  drawSelection,
  highlightActiveLine,
  highlightActiveLineGutter,
  highlightSpecialChars,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";

export interface EditorOptions {
  host: HTMLElement;
  changed: (text: string) => void;
  run: () => void;
  /** Files that were dragged in. */
  dropped?: (files: File[]) => void;
  isReadOnly?: boolean;
}

/** The page chooses a language with what would select all that is found. */
const searching = searchKeymap.filter(({ key }) => key !== "Mod-Shift-l");

const color = (name: string) => `var(--code-${name})`;

const highlighting = HighlightStyle.define([
  { tag: [tags.keyword, tags.modifier, tags.operatorKeyword, tags.controlKeyword], color: color("keyword") },
  { tag: [tags.string, tags.special(tags.string), tags.regexp, tags.character], color: color("string") },
  { tag: [tags.number, tags.bool, tags.atom, tags.null, tags.unit], color: color("number") },
  { tag: [tags.comment, tags.lineComment, tags.blockComment, tags.docComment], color: color("comment"), fontStyle: "italic" },
  { tag: [tags.function(tags.variableName), tags.function(tags.propertyName), tags.macroName], color: color("function") },
  { tag: tags.standard(tags.variableName), color: color("function") },
  { tag: [tags.typeName, tags.className, tags.namespace, tags.tagName], color: color("type") },
  { tag: [tags.meta, tags.annotation, tags.processingInstruction, tags.labelName], color: color("meta") },
  { tag: tags.special(tags.variableName), color: color("meta") },
  { tag: tags.invalid, color: "var(--bad)" },
]);

const theme = EditorView.theme({
  "&": { height: "var(--editor-height, 100%)", maxHeight: "var(--editor-max, none)", color: "var(--text)", backgroundColor: "transparent", fontSize: "var(--code-size)" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55", overflow: "auto" },
  ".cm-content": { padding: "10px 0", caretColor: "var(--accent)" },
  ".cm-line": { padding: "0 16px 0 6px" },
  ".cm-gutters": { backgroundColor: "transparent", color: "var(--quiet)", border: "none" },
  ".cm-lineNumbers .cm-gutterElement": { padding: "0 8px 0 12px", minWidth: "34px" },
  ".cm-activeLineGutter": { backgroundColor: "transparent", color: "var(--text)" },
  ".cm-activeLine": { backgroundColor: "transparent" },
  "&.cm-focused .cm-activeLine": { backgroundColor: "var(--line-back)" },
  ".cm-cursor, .cm-dropCursor": { borderLeftColor: "var(--accent)", borderLeftWidth: "2px" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "var(--selection)",
  },
  ".cm-selectionMatch": { backgroundColor: "var(--match)" },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--match)", outline: "1px solid var(--line)" },
  "&.cm-focused .cm-nonmatchingBracket": { backgroundColor: "var(--bad-back)" },
  ".cm-searchMatch": { backgroundColor: "var(--match)", outline: "1px solid var(--line)" },
  ".cm-searchMatch-selected": { backgroundColor: "var(--selection)" },
  ".cm-panels": { backgroundColor: "var(--bar)", color: "var(--text)", borderColor: "var(--line)" },
  ".cm-panels.cm-panels-top": { borderBottom: "1px solid var(--line)" },
  ".cm-panel.cm-search": { padding: "6px 28px 6px 8px", fontFamily: "var(--sans)" },
  ".cm-panel.cm-search label": { fontSize: "12px" },
  ".cm-panel.cm-search [name=close]": { color: "var(--quiet)", fontSize: "18px", width: "24px", height: "24px", right: "4px" },
  ".cm-textfield": { backgroundColor: "var(--card)", color: "var(--text)", border: "1px solid var(--line)", borderRadius: "4px" },
  ".cm-button": {
    backgroundImage: "none",
    backgroundColor: "var(--card)",
    color: "var(--text)",
    border: "1px solid var(--line)",
    borderRadius: "4px",
  },
});

/** One editor for all files: each keeps its own history of changes. */
export class Editor {
  private readonly view: EditorView;
  private readonly mode = new Compartment();
  private readonly indent = new Compartment();
  private readonly label = new Compartment();
  private readonly states = new Map<string, EditorState>();
  private name = "";
  private readonly basics: Extension;

  constructor(options: EditorOptions) {
    const root = options.host.attachShadow({ mode: "open" });
    const run = () => {
      options.run();
      return true;
    };
    this.basics = [
      Prec.highest(keymap.of([{ key: "Mod-Enter", run }])),
      lineNumbers(),
      highlightActiveLineGutter(),
      highlightActiveLine(),
      highlightSpecialChars(),
      history(),
      drawSelection(),
      EditorState.allowMultipleSelections.of(true),
      indentOnInput(),
      bracketMatching(),
      closeBrackets(),
      highlightSelectionMatches(),
      search({ top: true }),
      syntaxHighlighting(highlighting),
      theme,
      keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...searching, ...historyKeymap, indentWithTab]),
      EditorState.readOnly.of(options.isReadOnly === true),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) options.changed(update.state.doc.toString());
      }),
      EditorView.domEventHandlers({
        drop: (event) => {
          const files = [...(event.dataTransfer?.files ?? [])];
          if (files.length === 0 || options.dropped === undefined) return false;
          event.preventDefault();
          options.dropped(files);
          return true;
        },
      }),
    ];
    this.view = new EditorView({ root, parent: root });
  }

  /** Shows a file; one that was shown before comes back as it was left, unless its text has become another one. */
  open(name: string, text: string): void {
    if (this.name !== "") this.states.set(this.name, this.view.state);
    const known = this.states.get(name);
    const state = known?.doc.toString() === text ? known : this.fresh(name, text);
    this.name = name;
    this.view.setState(state);
  }

  /** Forgets all files. */
  clear(): void {
    this.states.clear();
    this.name = "";
  }

  rename(from: string, to: string): void {
    const state = this.states.get(from);
    this.states.delete(from);
    if (state !== undefined) this.states.set(to, state);
    if (this.name !== from) return;
    this.name = to;
    this.view.dispatch({ effects: this.label.reconfigure(labelled(to)) });
  }

  /** Highlights the file that is shown. */
  highlight(mode: Extension): void {
    this.view.dispatch({ effects: this.mode.reconfigure(mode) });
  }

  /** Puts the cursor on a line, and a column where there is one. */
  goTo(line: number, column: number | undefined): void {
    const { doc } = this.view.state;
    const at = doc.line(Math.max(1, Math.min(line, doc.lines)));
    const position = column === undefined ? at.from : Math.min(at.from + Math.max(0, column - 1), at.to);
    const effects = EditorView.scrollIntoView(position, { y: "center" });
    this.view.dispatch({ selection: EditorSelection.cursor(position), effects });
    this.view.focus();
  }

  focus(): void {
    this.view.focus();
  }

  /** How high all of the text is. */
  get height(): number {
    return this.view.contentHeight;
  }

  private fresh(name: string, text: string): EditorState {
    return EditorState.create({
      doc: text,
      extensions: [
        this.basics,
        this.mode.of([]),
        this.indent.of(indentUnit.of(indentOf(text))),
        this.label.of(labelled(name)),
      ],
    });
  }
}

function labelled(name: string): Extension {
  return EditorView.contentAttributes.of({ "aria-label": `Code of ${name}`, spellcheck: "false", autocapitalize: "off" });
}

/** The indentation of the first line that has one. */
function indentOf(text: string): string {
  const found = /^(\t|  +)\S/m.exec(text)?.[1] ?? "    ";
  return found.length > 4 ? "    " : found;
}
