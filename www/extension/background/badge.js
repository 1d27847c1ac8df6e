// The badge on the extension's button: how many pages are unread, or that somebody has to do something.
// @ts-check
import { api } from "../browser.js";
import { kept } from "../storage.js";
import { counted } from "../shared/sentences.js";
import { device, isJoined } from "./device.js";

/** No more than fits. */
const MOST = 999;

const COLOURS = { unread: "#17605b", alarm: "#a3261c" };

/** Shows what there is to show. */
export const showBadge = async () => {
  const { last } = await kept("last");
  const found = (await isJoined()) ? await device() : undefined;
  const unread = found ? await found.list.unread() : 0;
  const alarm = found && last?.needsPerson ? last.said : undefined;
  const number = unread > MOST ? `${MOST}+` : String(unread || "");
  const said = alarm ?? (unread ? `${counted(unread, "page")} to read` : "nothing to read");
  await api.action.setBadgeBackgroundColor({ color: alarm ? COLOURS.alarm : COLOURS.unread });
  await api.action.setBadgeTextColor?.({ color: "#ffffff" });
  await api.action.setBadgeText({ text: alarm ? "!" : number });
  await api.action.setTitle({ title: `Reading list: ${said}` });
};
