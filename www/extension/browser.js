// What browsers call their extension API.
// @ts-check

/** Firefox has it as `browser`, and as `chrome` for those who know it by that name: as far as this uses it, they are one. */
const { browser } = /** @type {{ browser?: typeof chrome }} */ (globalThis);

export const api = browser ?? chrome;
