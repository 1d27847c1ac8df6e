// What browsers call their extension API.
// @ts-check

/** @type {typeof chrome} */
export const api = globalThis.browser ?? globalThis.chrome;
