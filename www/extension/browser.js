// The browser's extension API.
// @ts-check

/** Firefox has it as `browser`, Chromium as `chrome`. The functions used here are the same. */
const { browser } = /** @type {{ browser?: typeof chrome }} */ (globalThis);

export const api = browser ?? chrome;
