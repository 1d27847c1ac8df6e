// Shared by the extension's pages: runs the user's actions, and shows messages.
// @ts-check
import { byId } from "./shared/dom.js";
import { remedyOf, REMEDY_LABELS, messageOf } from "./shared/user-messages.js";

/** @param {string} id */
export const input = id => /** @type {HTMLInputElement} */ (byId(id));

/** @param {string} id */
export const button = id => /** @type {HTMLButtonElement} */ (byId(id));

/** @param {string} text */
export const showStatus = text => {
  byId("status").textContent = text;
  byId("problem").textContent = "";
  button("remedy").hidden = true;
  hideUndo();
};

/** @type {Map<import("./shared/user-messages.js").Remedy, () => void>} */
const remedies = new Map();

/**
 * Sets the action of a remedy's button.
 * @param {import("./shared/user-messages.js").Remedy} remedy
 * @param {() => void} work
 */
export const setRemedy = (remedy, work) => void remedies.set(remedy, work);

/**
 * Shows a problem, and the button of its remedy.
 * @param {import("./shared/user-messages.js").Problem} error
 * @param {string} [code] the code whose remedy is offered
 */
export const showProblem = (error, code = error.code) => {
  byId("status").textContent = "";
  byId("problem").textContent = messageOf(error);
  hideUndo();
  const remedy = byId("device").hidden ? undefined : remedyOf(code);
  const work = remedy && remedies.get(remedy);
  button("remedy").hidden = !work;
  if (!remedy || !work) return;
  button("remedy").textContent = REMEDY_LABELS[remedy];
  button("remedy").onclick = work;
};

const hideUndo = () => {
  const undo = document.getElementById("undo");
  if (undo) undo.hidden = true;
};

/**
 * Runs an action of the user; shows its error.
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T | undefined>}
 */
export const runAction = async work => {
  try {
    return await work();
  } catch (error) {
    showProblem(/** @type {import("./shared/user-messages.js").Problem} */ (error));
    return undefined;
  }
};
