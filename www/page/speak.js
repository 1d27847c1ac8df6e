// What the page says to a person: what was done, and what went wrong.
// @ts-check
import { byId } from "../shared/dom.js";
import { sentence } from "../shared/sentences.js";

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
};

/**
 * Says what went wrong.
 * @param {import("../shared/sentences.js").Problem} problem
 */
export const complain = problem => {
  byId("status").textContent = "";
  byId("problem").textContent = sentence(problem);
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
