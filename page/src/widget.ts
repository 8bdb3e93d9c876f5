// `/embed.js`: the element <locus-run>, which makes a block of code in any page one that can be run. The program runs in a
// frame of the server's own, and only when somebody presses Run in it.

const script = document.currentScript instanceof HTMLScriptElement ? document.currentScript.src : location.href;
/** How far outside of the window a block is made ready. */
const AHEAD = "400px";

class LocusRun extends HTMLElement {
  private frame: HTMLIFrameElement | undefined;
  private server = new URL("./", script);

  connectedCallback(): void {
    // The script may come before the end of the page: then the code is not there yet.
    if (document.readyState === "loading") addEventListener("DOMContentLoaded", () => this.prepare(), { once: true });
    else this.prepare();
  }

  private prepare(): void {
    if (this.shadowRoot !== null || !this.isConnected) return;
    const server = this.getAttribute("server");
    // With or without a slash at its end.
    if (server !== null) this.server = new URL(`${server.replace(/\/$/, "")}/`, location.href);
    // What the page has stays in sight until the frame is there, and if it never is.
    this.attachShadow({ mode: "open" }).append(document.createElement("slot"));
    this.style.display ||= "block";
    const seen = new IntersectionObserver(
      (entries) => {
        if (!entries.some((entry) => entry.isIntersecting)) return;
        seen.disconnect();
        this.load();
      },
      { rootMargin: AHEAD },
    );
    seen.observe(this);
  }

  private load(): void {
    const frame = document.createElement("iframe");
    this.frame = frame;
    frame.title = "A program that can be run";
    frame.allow = "clipboard-write";
    frame.src = this.address();
    Object.assign(frame.style, { display: "block", width: "100%", height: "0", border: "0", borderRadius: "10px" });
    addEventListener("message", (event) => this.heard(event));
    this.shadowRoot?.append(frame);
  }

  private address(): string {
    const block = this.querySelector("code") ?? this.querySelector("pre, textarea, script");
    const written = block instanceof HTMLTextAreaElement ? block.value : (block?.textContent ?? this.textContent ?? "");
    const named = /\blang(?:uage)?-([\w+#.-]+)/.exec(block?.className ?? "")?.[1];
    const program = new URLSearchParams({
      language: this.getAttribute("language") ?? named ?? "",
      code: written.replace(/^\n/, "").trimEnd(),
    });
    const stdin = this.getAttribute("stdin");
    if (stdin !== null) program.set("stdin", stdin);
    for (const arg of this.getAttribute("args")?.split(/\s+/).filter(Boolean) ?? []) program.append("arg", arg);
    if (this.hasAttribute("interactive")) program.set("interactive", "");
    const look = new URLSearchParams();
    for (const name of ["theme", "readonly"]) {
      const value = this.getAttribute(name);
      if (value !== null) look.set(name, value);
    }
    return `${new URL("embed", this.server)}?${look}#${program}`;
  }

  private heard({ source, origin, data }: MessageEvent): void {
    const { frame } = this;
    if (frame === undefined || source !== frame.contentWindow || origin !== this.server.origin) return;
    const height: unknown = (data as { locusHeight?: unknown } | null)?.locusHeight;
    if (typeof height !== "number" || !Number.isFinite(height)) return;
    this.shadowRoot?.querySelector("slot")?.remove();
    frame.style.height = `${Math.min(2000, Math.max(0, Math.ceil(height)))}px`;
  }
}

if (!customElements.get("locus-run")) customElements.define("locus-run", LocusRun);
