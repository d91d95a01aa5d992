/** How long a page's main thread works in one go, by its own time: what another program does to the clock meanwhile doesn't count. */

/**
 * @param {import('playwright-core').Browser} browser in which there is one page
 * @param {() => Promise<void>} work done while tasks are watched
 * @returns {Promise<number>} milliseconds of the longest task of the page's main thread
 */
export async function longestTask(browser, work) {
  const session = await browser.newBrowserCDPSession();
  const events = [];
  session.on('Tracing.dataCollected', ({ value }) => {
    events.push(...value);
  });
  const traceConfig = { includedCategories: ['toplevel', '__metadata'] };
  await session.send('Tracing.start', { transferMode: 'ReportEvents', traceConfig });
  try {
    await work();
  } finally {
    const complete = new Promise((resolve) => session.once('Tracing.tracingComplete', resolve));
    await session.send('Tracing.end');
    await complete;
    await session.detach();
  }
  const place = ({ pid, tid }) => `${pid} ${tid}`;
  const mains = new Set(
    events.filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain').map((event) => place(event)),
  );
  const tasks = events.filter((event) => event.name.endsWith('RunTask') && event.tdur !== undefined && mains.has(place(event)));
  if (tasks.length === 0) throw new Error('The browser tells nothing of the tasks of its page.');
  return Math.max(...tasks.map(({ tdur }) => tdur)) / 1000;
}
