// What the extension's pages say of syncs.
// @ts-check
import { ago } from "./shared/moments.js";
import { counted } from "./shared/sentences.js";

export { progressOf as stageOf } from "./shared/sentences.js";

/**
 * When the last sync was and when the next will be.
 * @param {{ lastSync?: number | null, pending?: number, next?: import("./selvedge/selvedge.js").NextSync }} known
 */
export const sinceLast = ({ lastSync, pending, next }) =>
  [lastSync ? `Synced ${ago(lastSync)}.` : "Never synced.", pending ? `${counted(pending, "change")} to send.` : "", nextOf(next)]
    .filter(Boolean)
    .join(" ");

/**
 * When the next sync will be.
 * @param {import("./selvedge/selvedge.js").NextSync | undefined} next
 */
export const nextOf = next => {
  if (next?.next === "wait") return `Next ${ago(next.until)}.`;
  if (next?.next === "person") return "No sync before somebody has looked at this.";
  return "";
};
