// What the extension's pages say of syncs.
// @ts-check
import { ago } from "./shared/moments.js";
import { counted } from "./shared/sentences.js";

/**
 * How far a sync is.
 * @param {Partial<import("./selvedge/selvedge.js").SyncProgress>} progress
 */
export const stageOf = ({ stage, received, sent }) => {
  if (received !== undefined) return `${counted(received, "page")} received so far`;
  if (sent !== undefined) return `${counted(sent, "page")} sent so far`;
  if (stage === "collection" || stage === "records") return "Comparing the list with the server's";
  return "Asking the server";
};

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
