// Shows a problem with the user's input beside the field, with the remedy.
// @ts-check
import { byId, element } from "./dom.js";
import { messageOf } from "./user-messages.js";

/** Codes of problems that are not caused by the input: trying again may help. */
const NOT_BY_INPUT = ["network", "wait", "conflict", "setup-race", "cancelled", "stopped", "store-busy", "store-full"];

/**
 * Shows a problem beside a field, and focuses the field. The page has an element with the field's id and the suffix `-problem`.
 * @param {string} id
 * @param {import("./user-messages.js").Problem} problem
 * @param {() => void} [retry] tries again
 */
export const showFieldProblem = (id, problem, retry) => {
  const [field, container] = [byId(id), byId(`${id}-problem`)];
  const isByInput = !NOT_BY_INPUT.includes(problem.code ?? "");
  container.replaceChildren(messageOf(problem));
  if (problem.url) container.append(" ", element("a", { href: problem.url }, "Open that page"));
  if (!isByInput && retry) {
    const button = element("button", { type: "button" }, "Try again");
    button.onclick = retry;
    container.append(" ", button);
  }
  if (isByInput) field.setAttribute("aria-invalid", "true");
  field.addEventListener("input", () => clearFieldProblem(id), { once: true });
  field.focus();
};

/**
 * Removes the problem of a field.
 * @param {string} id
 */
export const clearFieldProblem = id => {
  byId(`${id}-problem`).replaceChildren();
  byId(id).removeAttribute("aria-invalid");
};
