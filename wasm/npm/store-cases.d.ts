import type { Store } from "./selvedge.js";

/** What every store promises, one case a claim. */
export const storeCases: {
  /** The claim. */
  name: string;
  /** Tries an empty store; rejects with an error that says what it answered and what it should have. */
  run(store: Store): Promise<void>;
}[];
