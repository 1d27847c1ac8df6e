// Times, durations and sizes for people.
// @ts-check

const STEPS = /** @type {const} */ ([
  ["second", 60],
  ["minute", 60],
  ["hour", 24],
  ["day", 7],
]);

/** Numbers and words are those of the sentences that they stand in; dates and hours are the reader's. */
export const LANGUAGE = "en";

const relative = new Intl.RelativeTimeFormat(LANGUAGE, { numeric: "auto" });

/**
 * How long ago something was, or in how long it will be.
 * @param {number} time milliseconds since the Unix epoch
 * @param {number} [now]
 */
export const ago = (time, now = Date.now()) => {
  let amount = (time - now) / 1000;
  if (Math.abs(amount) < 10) return "just now";
  for (const [unit, size] of STEPS) {
    if (Math.abs(amount) < size) return relative.format(Math.round(amount), unit);
    amount /= size;
  }
  return new Date(time).toLocaleDateString();
};

/**
 * A moment: the time, and the day unless it is today.
 * @param {number} time milliseconds since the Unix epoch
 */
export const moment = time => {
  const date = new Date(time);
  const isToday = date.toDateString() === new Date().toDateString();
  return isToday ? date.toLocaleTimeString() : date.toLocaleString();
};

/**
 * A duration.
 * @param {number} milliseconds
 */
export const duration = milliseconds =>
  milliseconds < 1000
    ? `${Math.round(milliseconds)} ms`
    : `${(milliseconds / 1000).toLocaleString(LANGUAGE, { maximumFractionDigits: 1 })} s`;

/**
 * A number of bytes.
 * @param {number} bytes
 */
export const size = bytes => {
  const one = { maximumFractionDigits: 1 };
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${(bytes / 1000).toLocaleString(LANGUAGE, one)} kB`;
  return `${(bytes / 1_000_000).toLocaleString(LANGUAGE, one)} MB`;
};
