// What the extension's pages have in common: they do what a person asks for, and say what came of it.
// @ts-check
import { byId } from "./shared/dom.js";
import { remedyOf, REMEDY_NAMES, sentence } from "./shared/sentences.js";

/** @param {string} id */
export const input = id => /** @type {HTMLInputElement} */ (byId(id));

/** @param {string} id */
export const button = id => /** @type {HTMLButtonElement} */ (byId(id));

/** @param {string} text */
export const say = text => {
  byId("status").textContent = text;
  byId("problem").textContent = "";
  button("remedy").hidden = true;
  hideUndo();
};

/** @type {Map<import("./shared/sentences.js").Remedy, () => void>} */
const remedies = new Map();

/**
 * Offers something that a person can do about a problem.
 * @param {import("./shared/sentences.js").Remedy} remedy
 * @param {() => void} work
 */
export const offer = (remedy, work) => void remedies.set(remedy, work);

/**
 * Says what went wrong, and offers what a person can do about it.
 * @param {import("./shared/sentences.js").Problem} error
 * @param {string} [code] the one that tells what to offer
 */
export const complain = (error, code = error.code) => {
  byId("status").textContent = "";
  byId("problem").textContent = sentence(error);
  hideUndo();
  const remedy = byId("device").hidden ? undefined : remedyOf(code);
  const work = remedy && remedies.get(remedy);
  button("remedy").hidden = !work;
  if (!remedy || !work) return;
  button("remedy").textContent = REMEDY_NAMES[remedy];
  button("remedy").onclick = work;
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
