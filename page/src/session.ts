// One run after another: started, followed, stopped, given input.

import { Problem, type Run, type RunEvent, cancelBehind, cancelRun, createRun, runEvents, sendInput } from "./api";
import { withKey } from "./asking";

export interface SessionOptions {
  /** Something has happened to the run. */
  told: (event: RunEvent) => void;
}

export class Session {
  private run: Run | undefined;
  private following: AbortController | undefined;
  private sent = 0;
  /** Pieces of input go one after the other. */
  private sending: Promise<void> = Promise.resolve();

  constructor(private readonly options: SessionOptions) {}

  get isRunning(): boolean {
    return this.following !== undefined;
  }

  get id(): string | undefined {
    return this.run?.id;
  }

  /** Runs a program to its end. */
  async start(request: Record<string, unknown>): Promise<void> {
    const following = new AbortController();
    this.following = following;
    [this.run, this.sent, this.sending] = [undefined, 0, Promise.resolve()];
    try {
      this.run = await this.create(request);
      this.options.told({ type: "state", data: this.run });
      // Stop was pressed before the server had answered.
      if (following.signal.aborted) await cancelRun(this.run.id);
      for await (const event of runEvents(this.run.id, new AbortController().signal)) this.options.told(event);
    } finally {
      this.following = undefined;
    }
  }

  /** Asks the run to stop: its end is told as any other. */
  async stop(): Promise<void> {
    this.following?.abort();
    if (this.run !== undefined && this.isRunning) await cancelRun(this.run.id);
  }

  /** Stops the run of somebody who leaves: nobody would hear of its end. The request outlives the page. */
  leave(): void {
    // Whoever comes back to a page that the browser has kept finds it stopped, also where it had no name by then.
    this.following?.abort();
    if (this.run !== undefined && this.isRunning) cancelBehind(this.run.id);
  }

  /** Sends input; an end may follow it. */
  async send(text: string, end = false): Promise<void> {
    const { run } = this;
    if (run === undefined) return;
    const data = new TextEncoder().encode(text);
    const at = this.sent;
    this.sent += data.length;
    const after = this.sending.then(() => persistently(() => sendInput(run.id, data, at, end)));
    this.sending = after.catch(() => undefined);
    await after;
  }

  private async create(request: Record<string, unknown>): Promise<Run> {
    const name = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return await withKey(() => createRun(request, name));
  }
}

/** A program that does not read has its input wait; so does this. */
async function persistently(send: () => Promise<void>): Promise<void> {
  for (let pause = 50; ; pause = Math.min(1000, pause * 2)) {
    try {
      return await send();
    } catch (failure) {
      if (!(failure instanceof Problem) || failure.status !== 429) throw failure;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}
