// What the page says to a person: what was done, and what went wrong.
// @ts-check
import { byId } from "../shared/dom.js";
import { remedyOf, REMEDY_NAMES, sentence } from "../shared/sentences.js";

/** @param {string} id */
export const input = id => /** @type {HTMLInputElement} */ (byId(id));
/** @param {string} id */
export const button = id => /** @type {HTMLButtonElement} */ (byId(id));

/**
 * Says what was done.
 * @param {string} text
 */
export const say = text => {
  byId("status").textContent = text;
  byId("problem").textContent = "";
  button("undo").hidden = true;
  button("remedy").hidden = true;
};

/** @type {Map<import("../shared/sentences.js").Remedy, () => void>} */
const remedies = new Map();

/**
 * Offers something that a person can do about a problem.
 * @param {import("../shared/sentences.js").Remedy} remedy
 * @param {() => void} work
 */
export const offer = (remedy, work) => void remedies.set(remedy, work);

/**
 * Says what went wrong, and offers what a person can do about it.
 * @param {import("../shared/sentences.js").Problem} problem
 * @param {string} [code] the one that tells what to offer
 */
export const complain = (problem, code = problem.code) => {
  byId("status").textContent = "";
  byId("problem").textContent = sentence(problem);
  const remedy = byId("device").hidden ? undefined : remedyOf(code);
  const work = remedy && remedies.get(remedy);
  button("remedy").hidden = !work;
  if (!remedy || !work) return;
  button("remedy").textContent = REMEDY_NAMES[remedy];
  button("remedy").onclick = work;
};

/** Lets the browser draw and answer before there is more to do. */
export const breath = () => new Promise(resolve => setTimeout(resolve));

/**
 * Does what a person asked for, with its buttons out of reach meanwhile; what goes wrong is said.
 * @template T
 * @param {() => Promise<T>} work
 * @param {...HTMLButtonElement} controls
 * @returns {Promise<T | undefined>}
 */
export const act = async (work, ...controls) => {
  for (const control of controls) control.disabled = true;
  try {
    return await work();
  } catch (error) {
    complain(/** @type {Error} */ (error));
    return undefined;
  } finally {
    for (const control of controls) control.disabled = false;
  }
};
