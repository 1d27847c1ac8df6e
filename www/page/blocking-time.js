// Measures how long the page's main thread was blocked.
// @ts-check

/** Interval of the timer, in milliseconds. */
const INTERVAL = 10;

/**
 * The longest block in milliseconds. If the browser reports long tasks it is exact, and 0 below 50. Otherwise it is the delay of
 * a timer, which also includes other load of the machine.
 * @typedef {{ longest: number, isExact: boolean, late: number }} BlockingTime
 */

/**
 * Starts a measurement.
 * @returns {{ end: () => BlockingTime }}
 */
export const measure = () => {
  let [task, late, isOver] = [0, 0, false];
  const isExact = PerformanceObserver.supportedEntryTypes.includes("longtask");
  const addEntries = (/** @type {PerformanceEntryList} */ entries) => {
    for (const { duration } of entries) task = Math.max(task, duration);
  };
  const observer = isExact ? new PerformanceObserver(list => addEntries(list.getEntries())) : undefined;
  observer?.observe({ type: "longtask" });
  let last = performance.now();
  const check = () => {
    const now = performance.now();
    // In the background, browsers delay timers.
    if (document.visibilityState === "visible") late = Math.max(late, now - last - INTERVAL);
    last = now;
    if (!isOver) setTimeout(check, INTERVAL);
  };
  setTimeout(check, INTERVAL);
  return {
    end: () => {
      isOver = true;
      if (observer) addEntries(observer.takeRecords());
      observer?.disconnect();
      return { longest: isExact ? task : late, isExact, late };
    },
  };
};
