// Measures how long the page itself was kept from answering.
// @ts-check

const STEP = 8;

/**
 * Begins to measure. Browsers that tell of long tasks are asked (they tell of 50 ms and more); elsewhere a timer that comes
 * late says so.
 * @returns {{ end: () => { longest: number, isExact: boolean } }}
 */
export const measure = () => {
  let [longest, isOver] = [0, false];
  const isExact = PerformanceObserver.supportedEntryTypes.includes("longtask");
  const take = entries => {
    for (const { duration } of entries) longest = Math.max(longest, duration);
  };
  const observer = isExact ? new PerformanceObserver(list => take(list.getEntries())) : undefined;
  observer?.observe({ type: "longtask" });
  let last = performance.now();
  const look = () => {
    const now = performance.now();
    if (!isExact) longest = Math.max(longest, now - last - STEP);
    last = now;
    if (!isOver) setTimeout(look, STEP);
  };
  if (!isExact) setTimeout(look, STEP);
  return {
    end: () => {
      isOver = true;
      if (observer) take(observer.takeRecords());
      observer?.disconnect();
      return { longest, isExact };
    },
  };
};
