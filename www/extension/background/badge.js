// The badge on the extension's button: the number of unread pages, or an exclamation mark if the user has to act.
// @ts-check
import { api } from "../browser.js";
import { load } from "../storage.js";
import { counted } from "../shared/user-messages.js";
import { device, isJoined } from "./device.js";

/** Maximum number that fits into the badge. */
const MAX_NUMBER = 999;

const COLOURS = { unread: "#17605b", alarm: "#a3261c" };

/** Updates the badge. */
export const showBadge = async () => {
  const { last } = await load("last");
  const found = (await isJoined()) ? await device() : undefined;
  const unread = found ? await found.list.unread() : 0;
  const alarm = found && last?.needsPerson ? last.said : undefined;
  const number = unread > MAX_NUMBER ? `${MAX_NUMBER}+` : String(unread || "");
  const description = alarm ?? (unread ? `${counted(unread, "page")} to read` : "nothing to read");
  await api.action.setBadgeBackgroundColor({ color: alarm ? COLOURS.alarm : COLOURS.unread });
  await api.action.setBadgeTextColor?.({ color: "#ffffff" });
  await api.action.setBadgeText({ text: alarm ? "!" : number });
  await api.action.setTitle({ title: `Reading list: ${description}` });
};
