// Between the page and its worker.

/** What the worker is told of a run that nobody waits for any more. */
export interface Parting {
  /** The run. */
  cancel: string;
  /** The API key of the tab, if it has one. */
  key: string;
}
