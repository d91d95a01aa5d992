/**
 * `npm run bench web`: the built page in Chromium (Debian's, or the one that CHROMIUM names) for a minute before a pretended camera that shows the
 * example photos. Prints frames a second that were looked at, the longest task of the page's main thread by the clock (and how many took 50 ms and
 * more) and by its own time (of ten more seconds), and memory at the beginning and the end. `-- --seconds 10` is a shorter look, `-- --size 640x360` another camera.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { preview } from 'vite';
import { writeCameraFilm } from './cameraPictures.js';
import { longestTask } from './mainThread.js';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, size: { type: 'string', default: '1280x720' } },
});
const seconds = Number(values.seconds);
const [width, height] = values.size.split('x').map(Number);
if (!(seconds >= 5) || !(width % 2 === 0 && height % 2 === 0)) {
  console.error('Expected --seconds of at least 5, and --size WIDTHxHEIGHT in even numbers.');
  process.exit(2);
}
const chromiumPath = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  (path) => path && existsSync(path),
);
if (!chromiumPath) {
  console.error('No Chromium was found: apt install chromium, or name one by CHROMIUM.');
  process.exit(1);
}

const path = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));
const configFile = path('web/vite.config.ts');
execFileSync(process.execPath, [path('node_modules/vite/bin/vite.js'), 'build', '--config', configFile, '--logLevel', 'error']);
const folder = mkdtempSync(join(tmpdir(), 'uafer-web-'));
const film = join(folder, 'camera.y4m');
await writeCameraFilm(film, { width, height, rate: 30, seconds: 3 });
const server = await preview({ configFile, preview: { port: 0 } });
const browser = await chromium.launch({
  executablePath: chromiumPath,
  args: [
    ...['--no-sandbox', '--disable-gpu', '--enable-precise-memory-info'],
    ...['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream', `--use-file-for-fake-video-capture=${film}`],
  ],
});

try {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, permissions: ['camera'] });
  const page = await context.newPage();
  await page.addInitScript(() => {
    window.longTasks = [];
    new PerformanceObserver((list) => {
      window.longTasks.push(...list.getEntries().map(({ startTime, duration }) => ({ startTime, duration })));
    }).observe({ type: 'longtask', buffered: true });
  });
  const opened = performance.now();
  await page.goto(server.resolvedUrls.local[0]);
  await page.locator('.reading').waitFor({ timeout: 60_000 });
  const ready = performance.now() - opened;
  await page.getByText('kept for use without a network').waitFor({ timeout: 60_000 });
  const backend = await page.locator('.backend').textContent();
  const whileLoading = await page.evaluate(() => window.longTasks.splice(0));
  await page.getByRole('button', { name: 'Camera' }).click();
  await page.locator('.timeline').waitFor();
  await page.waitForTimeout(3000);
  const looked = () => page.locator('.rate').getAttribute('data-seen').then(Number);
  // It waits for a garbage collection, of some seconds.
  const memoryBefore = await memory(page);
  await page.evaluate(() => window.longTasks.splice(0));
  const [before, started] = [await looked(), performance.now()];
  await page.waitForTimeout(seconds * 1000);
  const rate = (1000 * ((await looked()) - before)) / (performance.now() - started);
  const tasks = await page.evaluate(() => window.longTasks);
  const memoryAfter = await memory(page);
  const own = await longestTask(browser, () => page.waitForTimeout(Math.min(10, seconds) * 1000));
  console.log(`${backend}; camera ${width} x ${height}, 30 frames a second, ${seconds} s`);
  console.log(`ready after ${(ready / 1000).toFixed(1)} s; longest task while loading ${longest(whileLoading)}`);
  console.log(
    `${rate.toFixed(1)} frames a second looked at; longest task of the page ${longest(tasks)} by the clock, ${own.toFixed(0)} ms of its own time`,
  );
  console.log(
    `memory (the page with its worker): ${megabytes(memoryBefore)} at the beginning, ${megabytes(memoryAfter)} at the end`,
  );
} finally {
  await browser.close();
  await server.close();
  rmSync(folder, { recursive: true });
}

/** Of the page and its workers, in bytes, after a garbage collection that the browser chooses; WebAssembly's is counted. */
async function memory(page) {
  const { bytes } = await page.evaluate(() => performance.measureUserAgentSpecificMemory());
  return bytes;
}

function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}

/** Tasks of at least 50 ms are told by the browser. */
function longest(tasks) {
  if (tasks.length === 0) return 'under 50 ms';
  return `${Math.max(...tasks.map(({ duration }) => duration)).toFixed(0)} ms (${tasks.length} of 50 ms and more)`;
}
