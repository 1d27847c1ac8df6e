// The badge on the extension's button: how many pages are unread, or that somebody has to do something.
// @ts-check
import { api } from "../browser.js";
import { counted } from "../shared/sentences.js";
import { device, isJoined } from "./device.js";

/** No more than fits. */
const MOST = 999;

const COLOURS = { unread: "#17605b", alarm: "#a3261c" };

/** Shows what there is to show. */
export const showBadge = async () => {
  const { last } = await api.storage.local.get("last");
  const found = (await isJoined()) ? await device() : undefined;
  const unread = found ? await found.list.unread() : 0;
  const needsPerson = Boolean(found && last?.needsPerson);
  const number = unread > MOST ? `${MOST}+` : String(unread || "");
  const said = needsPerson ? last.said : unread ? `${counted(unread, "page")} to read` : "nothing to read";
  await api.action.setBadgeBackgroundColor({ color: needsPerson ? COLOURS.alarm : COLOURS.unread });
  await api.action.setBadgeTextColor?.({ color: "#ffffff" });
  await api.action.setBadgeText({ text: needsPerson ? "!" : number });
  await api.action.setTitle({ title: `Reading list: ${said}` });
};
