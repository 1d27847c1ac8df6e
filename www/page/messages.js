// The page's messages: what was done, and problems.
// @ts-check
import { byId } from "../shared/dom.js";
import { remedyOf, REMEDY_LABELS, messageOf } from "../shared/user-messages.js";

/** @param {string} id */
export const input = id => /** @type {HTMLInputElement} */ (byId(id));
/** @param {string} id */
export const button = id => /** @type {HTMLButtonElement} */ (byId(id));

/**
 * Shows what was done.
 * @param {string} text
 */
export const showStatus = text => {
  byId("status").textContent = text;
  byId("problem").textContent = "";
  button("undo").hidden = true;
  button("remedy").hidden = true;
};

/** @type {Map<import("../shared/user-messages.js").Remedy, () => void>} */
const remedies = new Map();

/**
 * Sets the action of a remedy's button.
 * @param {import("../shared/user-messages.js").Remedy} remedy
 * @param {() => void} work
 */
export const setRemedy = (remedy, work) => void remedies.set(remedy, work);

/**
 * Shows a problem, and the button of its remedy.
 * @param {import("../shared/user-messages.js").Problem} problem
 * @param {string} [code] the code whose remedy is offered
 */
export const showProblem = (problem, code = problem.code) => {
  byId("status").textContent = "";
  byId("problem").textContent = messageOf(problem);
  const remedy = byId("device").hidden ? undefined : remedyOf(code);
  const work = remedy && remedies.get(remedy);
  button("remedy").hidden = !work;
  if (!remedy || !work) return;
  button("remedy").textContent = REMEDY_LABELS[remedy];
  button("remedy").onclick = work;
};

/** Lets the browser draw and handle input before the next step. */
export const yieldToBrowser = () => new Promise(resolve => setTimeout(resolve));

/**
 * Runs an action of the user, with its buttons disabled meanwhile; shows its error.
 * @template T
 * @param {() => Promise<T>} work
 * @param {...HTMLButtonElement} controls
 * @returns {Promise<T | undefined>}
 */
export const runAction = async (work, ...controls) => {
  for (const control of controls) control.disabled = true;
  try {
    return await work();
  } catch (error) {
    showProblem(/** @type {Error} */ (error));
    return undefined;
  } finally {
    for (const control of controls) control.disabled = false;
  }
};
