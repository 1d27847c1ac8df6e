// Texts about syncs in the extension's pages.
// @ts-check
import { ago } from "./shared/format.js";
import { counted } from "./shared/user-messages.js";

export { progressOf as stageOf } from "./shared/user-messages.js";

/**
 * The time of the last sync and of the next one.
 * @param {{ lastSync?: number | null, pending?: number, next?: import("./selvedge/selvedge.js").NextSync }} known
 */
export const sinceLast = ({ lastSync, pending, next }) =>
  [lastSync ? `Synced ${ago(lastSync)}.` : "Never synced.", pending ? `${counted(pending, "change")} to send.` : "", nextOf(next)]
    .filter(Boolean)
    .join(" ");

/**
 * The time of the next sync.
 * @param {import("./selvedge/selvedge.js").NextSync | undefined} next
 */
export const nextOf = next => {
  if (next?.next === "wait") return `Next ${ago(next.until)}.`;
  if (next?.next === "person") return "Syncing is paused until you act.";
  return "";
};
