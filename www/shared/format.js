// Formats times, durations and sizes for users.
// @ts-check

const STEPS = /** @type {const} */ ([
  ["second", 60],
  ["minute", 60],
  ["hour", 24],
  ["day", 7],
]);

/** Numbers and words have the language of the page's texts; dates and times have the format of the user's locale. */
export const LANGUAGE = "en";

const relative = new Intl.RelativeTimeFormat(LANGUAGE, { numeric: "auto" });

/**
 * A time relative to now, like "2 hours ago" or "in 2 hours".
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
 * The time of day, and the date unless it is today.
 * @param {number} time milliseconds since the Unix epoch
 */
export const formatTime = time => {
  const date = new Date(time);
  const isToday = date.toDateString() === new Date().toDateString();
  return isToday ? date.toLocaleTimeString() : date.toLocaleString();
};

/**
 * A duration, in ms or s.
 * @param {number} milliseconds
 */
export const duration = milliseconds =>
  milliseconds < 1000
    ? `${Math.round(milliseconds)} ms`
    : `${(milliseconds / 1000).toLocaleString(LANGUAGE, { maximumFractionDigits: 1 })} s`;

/**
 * A number of bytes, in B, kB or MB.
 * @param {number} bytes
 */
export const size = bytes => {
  const options = { maximumFractionDigits: 1 };
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${(bytes / 1000).toLocaleString(LANGUAGE, options)} kB`;
  return `${(bytes / 1_000_000).toLocaleString(LANGUAGE, options)} MB`;
};
