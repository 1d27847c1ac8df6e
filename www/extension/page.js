// What the extension's pages have in common: they do what a person asks for, and say what came of it.
// @ts-check
import { byId } from "./shared/dom.js";
import { sentence } from "./shared/sentences.js";

/** @param {string} id */
export const input = id => /** @type {HTMLInputElement} */ (byId(id));

/** @param {string} id */
export const button = id => /** @type {HTMLButtonElement} */ (byId(id));

/** @param {string} text */
export const say = text => {
  byId("status").textContent = text;
  byId("problem").textContent = "";
  hideUndo();
};

/** @param {import("./shared/sentences.js").Problem} error */
export const complain = error => {
  byId("status").textContent = "";
  byId("problem").textContent = sentence(error);
  hideUndo();
};

const hideUndo = () => {
  const undo = document.getElementById("undo");
  if (undo) undo.hidden = true;
};

/**
 * Does something; what goes wrong is said.
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T | undefined>}
 */
export const act = async work => {
  try {
    return await work();
  } catch (error) {
    complain(/** @type {import("./shared/sentences.js").Problem} */ (error));
    return undefined;
  }
};
