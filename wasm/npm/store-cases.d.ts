import type { Store } from "./selvedge.js";

/** The contract of a store as test cases, one per promise. */
export const storeCases: {
  /** The promise that the case tests. */
  name: string;
  /** Runs the case on an empty store; rejects with an error that contains the store's answer and the expected one. */
  run(store: Store): Promise<void>;
}[];
