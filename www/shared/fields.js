// What is wrong with what a person has typed stands beside the field, with what to do about it.
// @ts-check
import { byId, element } from "./dom.js";
import { sentence } from "./sentences.js";

/** Nothing is wrong with the field itself then: trying again may help. */
const ELSEWHERE = ["network", "wait", "conflict", "setup-race", "cancelled", "stopped", "store-busy", "store-full"];

/**
 * Says what is wrong beside a field, and goes there. The page has a place with the field's id and `-problem`.
 * @param {string} id
 * @param {import("./sentences.js").Problem} problem
 * @param {() => void} [again] does what was asked for once more
 */
export const complainAt = (id, problem, again) => {
  const [field, place] = [byId(id), byId(`${id}-problem`)];
  const isElsewhere = ELSEWHERE.includes(problem.code ?? "");
  place.replaceChildren(sentence(problem));
  if (problem.url) place.append(" ", element("a", { href: problem.url }, "Open that page"));
  if (isElsewhere && again) {
    const button = element("button", { type: "button" }, "Try again");
    button.onclick = again;
    place.append(" ", button);
  }
  if (!isElsewhere) field.setAttribute("aria-invalid", "true");
  field.addEventListener("input", () => settle(id), { once: true });
  field.focus();
};

/**
 * Nothing is wrong with a field any more.
 * @param {string} id
 */
export const settle = id => {
  byId(`${id}-problem`).replaceChildren();
  byId(id).removeAttribute("aria-invalid");
};
