// @ts-check
// Messages to the Firefox that shows this page (docs/protocol/accounts-server.md §3).

const CHANNEL = "account_updates";
/** Milliseconds after which a browser that does not answer is none that takes these messages. */
const TIMEOUT = 3000;

let last = 0;

/** Sends a message and returns the answer's data; null without an answer. @param {string} command @param {object} data */
export function ask(command, data) {
  last += 1;
  const messageId = `${Date.now()}-${last}`;
  return new Promise((resolve, reject) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("WebChannelMessageToContent", answered);
    };
    /** @param {Event} event */
    const answered = (event) => {
      const { id, message } = /** @type {CustomEvent} */ (event).detail ?? {};
      if (id !== CHANNEL || message?.messageId !== messageId) return;
      done();
      if (message.data?.error) reject(new Error("the browser refused the message"));
      else resolve(message.data ?? {});
    };
    const timer = setTimeout(() => { done(); resolve(null); }, TIMEOUT);
    addEventListener("WebChannelMessageToContent", answered);
    tell(command, data, messageId);
  });
}

/** Sends a message that has no answer. @param {string} command @param {object} data @param {string} [messageId] */
export function tell(command, data, messageId = "") {
  const detail = JSON.stringify({ id: CHANNEL, message: { command: `fxaccounts:${command}`, messageId, data } });
  dispatchEvent(new CustomEvent("WebChannelMessageToChrome", { detail }));
}
