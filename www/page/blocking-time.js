// Measures how long the page itself was kept from answering.
// @ts-check

/** How often a timer looks. */
const STEP = 10;

/**
 * The longest block in milliseconds; where the browser tells of long tasks it is exact, and 0 below 50. Elsewhere it is how
 * late a timer came, which says the same and what else the machine was busy with.
 * @typedef {{ longest: number, isExact: boolean, late: number }} Pause
 */

/**
 * Begins to measure.
 * @returns {{ end: () => Pause }}
 */
export const measure = () => {
  let [task, late, isOver] = [0, 0, false];
  const isExact = PerformanceObserver.supportedEntryTypes.includes("longtask");
  const take = (/** @type {PerformanceEntryList} */ entries) => {
    for (const { duration } of entries) task = Math.max(task, duration);
  };
  const observer = isExact ? new PerformanceObserver(list => take(list.getEntries())) : undefined;
  observer?.observe({ type: "longtask" });
  let last = performance.now();
  const look = () => {
    const now = performance.now();
    // In the background timers come late by themselves.
    if (document.visibilityState === "visible") late = Math.max(late, now - last - STEP);
    last = now;
    if (!isOver) setTimeout(look, STEP);
  };
  setTimeout(look, STEP);
  return {
    end: () => {
      isOver = true;
      if (observer) take(observer.takeRecords());
      observer?.disconnect();
      return { longest: isExact ? task : late, isExact, late };
    },
  };
};
