/** The built page in a real browser, from a plain server of files. */
import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import axe from 'axe-core';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createPredictor, type Prediction } from '#uafer/node/index.js';
import { packagePath } from '#uafer/paths.js';
import { predictionLine } from '#uafer/predict/predictionLine.js';
import { writeCameraFilm } from '../../bench/cameraPictures.js';
import { longestTask } from '../../bench/mainThread.js';
import { launchBrowser, missingBrowser, type Site, serveFolder } from '../support/browser.js';
import { photoPath } from '../support/photos.js';
import { temporaryFolder } from '../support/pictures.js';
import { writeZip } from '../support/zip.js';

const UNDER = '/some/where/';
const LOADED = 60_000;

interface Opening {
  isolated?: boolean;
  from?: string;
  colorScheme?: 'light' | 'dark';
}

describe.skipIf(missingBrowser)(missingBrowser ?? 'the page', () => {
  const folder = temporaryFolder();
  const built = join(folder.path, 'built');
  const film = join(folder.path, 'camera.y4m');
  let browser: Browser;
  let expected: Prediction;
  let context: BrowserContext;
  let site: Site;

  /** What stands over a face of five.jpg by Node's answer: as the model decides, where every answer is sure enough, and where none is. */
  function words(face: number): { asDecided: string; sure: string; unsure: string } {
    const { decision, probabilities } = expected.faces[face] as Prediction['faces'][number];
    const [first, second] = Object.keys(probabilities).sort(
      (a, b) => (probabilities[b] as number) - (probabilities[a] as number),
    ) as [string, string];
    const sure = first.charAt(0).toUpperCase() + first.slice(1);
    const unsure = `${sure} or ${second}`;
    return { asDecided: { report: sure, ambiguous: unsure, reject: 'No answer' }[decision as string] as string, sure, unsure };
  }

  const exactly = (text: string) => new RegExp(`^${text}$`);

  beforeAll(async () => {
    const vite = packagePath('node_modules', 'vite', 'bin', 'vite.js');
    const to = ['--outDir', built, '--logLevel', 'error'];
    // As people build it: Vitest's own setting would leave the service worker out.
    const env = { ...process.env, NODE_ENV: 'production' };
    execFileSync(process.execPath, [vite, 'build', '--config', packagePath('web', 'vite.config.ts'), ...to], { env });
    await writeCameraFilm(film, { width: 480, height: 270, rate: 10, seconds: 1.5 });
    const camera = ['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream'];
    browser = await launchBrowser([...camera, `--use-file-for-fake-video-capture=${film}`]);
    await using predictor = await createPredictor();
    expected = await predictor.predict(photoPath('five.jpg'), { heatmap: true });
  }, 180_000);
  afterEach(async () => {
    await context?.close();
    await site?.close();
  });
  afterAll(async () => {
    await browser?.close();
    folder[Symbol.dispose]();
  });

  /** The page once its first example is answered. */
  async function open({ isolated = false, from = built, ...options }: Opening = {}): Promise<Page> {
    site = await serveFolder(from, { under: UNDER, isolated });
    context = await browser.newContext({ permissions: ['camera'], acceptDownloads: true, reducedMotion: 'reduce', ...options });
    const page = await context.newPage();
    page.on('pageerror', (error) => {
      throw error;
    });
    await page.goto(site.url + UNDER);
    await page.locator('.reading').waitFor({ timeout: LOADED });
    return page;
  }

  it('answers a photo that is dropped as Node.js does, to the thousandth, with its heat maps', async () => {
    const page = await open({ isolated: true });
    expect(await page.locator('.backend').textContent()).toBe(backendOfIsolatedPage());
    await drop(page, [photoPath('five.jpg')]);
    await answered(page, 'five.jpg');
    const [line] = JSON.parse(await saved(page, 'JSON'));
    const wanted = predictionLine('five.jpg', expected);
    if (!('faces' in wanted)) throw new Error('no prediction');
    expect(line).toMatchObject({ file: 'five.jpg', width: wanted.width, height: wanted.height });
    expect(line.faces).toHaveLength(5);
    for (const [i, face] of wanted.faces.entries()) {
      const own = line.faces[i];
      expect(own).toMatchObject({ expression: face.expression, decision: face.decision });
      // Decoders differ by a level here and there: boxes by less than a thousandth of the picture's width.
      for (const [side, value] of Object.entries(face.box)) expect(Math.abs(own.box[side] - value), side).toBeLessThan(1.28);
      for (const [name, value] of Object.entries(face.probabilities)) expectNear(own.probabilities[name], value);
      for (const score of ['uncertainty', 'ambiguity', 'risk'] as const) expectNear(own[score], face[score]);
      for (const [name, values] of Object.entries(face.heatmap?.classes ?? {}))
        for (const [patch, value] of values.entries()) expectNear(own.heatmap.classes[name][patch], value);
    }
    const boxes = page.locator('.box');
    expect(await boxes.count()).toBe(5);
    const frame = await page.locator('.frame').boundingBox();
    const first = await boxes.first().boundingBox();
    const share = (expected.faces[0]?.box.left ?? 0) / expected.width;
    expect(((first?.x ?? 0) - (frame?.x ?? 0)) / (frame?.width ?? 1)).toBeCloseTo(share, 2);
  }, 120_000);

  it('draws over the face the patches that speak for an expression, where the pointer is', async () => {
    const page = await open();
    await drop(page, [photoPath('five.jpg')]);
    await answered(page, 'five.jpg');
    for (const name of ['neutral', 'happy']) {
      await page
        .locator('.probabilities .row')
        .filter({ hasText: new RegExp(name, 'i') })
        .hover();
      const heat = page.locator(`canvas.heat[data-expression="${name}"]`);
      await heat.waitFor();
      const opacities = await heat.evaluate((canvas: HTMLCanvasElement) => {
        const side = canvas.width / 6;
        const pixels = canvas.getContext('2d') as CanvasRenderingContext2D;
        const middle = (i: number) =>
          pixels.getImageData(((i % 6) + 0.5) * side, (Math.floor(i / 6) + 0.5) * side, 1, 1).data[3];
        return Array.from({ length: 36 }, (_, i) => middle(i) as number);
      });
      const values = expected.faces[0]?.heatmap?.classes[name] as number[];
      expect(opacities.indexOf(Math.max(...opacities))).toBe(values.indexOf(Math.max(...values)));
    }
  }, 120_000);

  it('asks nothing of any server once it is there, whatever is done with it', async () => {
    const page = await open();
    await page.getByText('kept for use without a network').waitFor({ timeout: LOADED });
    const before = site.requests.length;
    const foreign: string[] = [];
    context.on('request', (request) => {
      if (!request.url().startsWith('blob:')) foreign.push(request.url());
    });
    await drop(page, [photoPath('four.jpg')]);
    await answered(page, 'four.jpg');
    await page.locator('.probabilities .row').nth(1).hover();
    await page.getByRole('checkbox', { name: 'As it sees it' }).check();
    for (const form of ['JSON', 'CSV', 'picture']) await saved(page, form);
    await page.getByRole('button', { name: 'Camera' }).click();
    await page.locator('.timeline').waitFor();
    await page.waitForTimeout(1000);
    expect(foreign).toEqual([]);
    expect(site.requests.slice(before)).toEqual([]);
    // And it may not.
    const refused = await page.evaluate(
      () =>
        new Promise((resolve) => {
          document.addEventListener('securitypolicyviolation', ({ effectiveDirective }) => resolve(effectiveDirective));
          fetch('https://example.com/').catch(() => {});
        }),
    );
    expect(refused).toBe('connect-src');
  }, 120_000);

  it('opens again, and answers, when its server is gone', async () => {
    const page = await open();
    await page.getByText(/build [0-9a-f]{8}, kept for use without a network/).waitFor({ timeout: LOADED });
    await site.close();
    await page.reload();
    await page.locator('.reading').waitFor({ timeout: LOADED });
    await drop(page, [photoPath('astronaut.jpg')]);
    await answered(page, 'astronaut.jpg');
    expect(await page.locator('.headline').textContent()).toBe('Happy');
  }, 120_000);

  it('says when a newer build is there, and loads it when it is asked to', async () => {
    const copy = join(folder.path, 'copy');
    cpSync(built, copy, { recursive: true });
    const page = await open({ from: copy });
    await page.getByText('kept for use without a network').waitFor({ timeout: LOADED });
    const worker = join(copy, 'serviceWorker.js');
    writeFileSync(worker, readFileSync(worker, 'utf8').replace(/[0-9a-f]{8}/, 'ffffffff'));
    await page.reload();
    await page.getByRole('button', { name: 'A newer build is here: load it' }).click({ timeout: LOADED });
    await page.getByText('build ffffffff, kept for use without a network').waitFor({ timeout: LOADED });
    await expect.poll(() => page.evaluate(() => caches.keys())).toEqual([expect.stringContaining('ffffffff')]);
  }, 120_000);

  it('finds faces by the thorough detector too', async () => {
    const page = await open();
    await page.getByRole('radio', { name: /^Thorough/ }).check();
    await page.locator('.reading').waitFor({ timeout: LOADED });
    await page.locator('.box').nth(2).waitFor();
    expect(await page.locator('.box').count()).toBe(3);
    expect(page.workers()).toHaveLength(1);
  }, 120_000);

  it('takes a picture that is pasted, and forgets one that is removed', async () => {
    const page = await open();
    await drop(page, [photoPath('astronaut.jpg')], 'paste');
    await answered(page, 'astronaut.jpg');
    await page.getByRole('button', { name: 'Remove astronaut.jpg' }).click();
    await page.locator('.file', { hasText: 'three.jpg' }).waitFor();
    expect(await page.locator('.strip label').count()).toBe(4);
  }, 120_000);

  it("puts the faces of a person's pictures side by side, and goes to the one that is chosen", async () => {
    const page = await open();
    await drop(page, [photoPath('astronaut.jpg'), photoPath('five.jpg')]);
    const columns = page.locator('.comparison thead button');
    await columns.nth(5).waitFor({ timeout: LOADED });
    expect(await columns.locator('.column-words').allTextContents()).toEqual([
      'astronaut.jpg',
      ...[1, 2, 3, 4, 5].map((face) => `five.jpg, ${face}`),
    ]);
    await columns.nth(2).click();
    await page.locator('.file', { hasText: 'five.jpg' }).waitFor();
    expect(await page.locator('.headline').textContent()).toBe(words(1).asDecided);
  }, 120_000);

  it('runs on one thread from a server that sends no headers, and says so', async () => {
    const page = await open();
    expect(await page.locator('.backend').textContent()).toBe('WebAssembly, 1 thread (the page is not cross-origin isolated)');
  }, 120_000);

  it.each(['light', 'dark'] as const)(
    'has nothing that axe finds wrong, %s',
    async (colorScheme) => {
      const page = await open({ colorScheme });
      await page.locator('.strip label').nth(1).click();
      await page.getByText(words(0).asDecided).first().waitFor();
      const still = await violations(page);
      await page.getByRole('button', { name: 'Camera' }).click();
      await page.locator('.timeline').waitFor();
      await page.locator('.reading').waitFor();
      expect({ still, live: await violations(page) }).toEqual({ still: [], live: [] });
    },
    120_000,
  );

  it('is used by the keyboard alone', async () => {
    const page = await open();
    const tabTo = async (selector: string) => {
      for (let i = 0; i < 60; i++) {
        await page.keyboard.press('Tab');
        if (await page.evaluate((wanted) => document.activeElement?.matches(wanted), selector)) return;
      }
      throw new Error(`Tab never comes to ${selector}`);
    };
    // Asked for before the keys, so that Chromium knows of it when the dialog would open.
    const chooser = page.waitForEvent('filechooser');
    await tabTo('.skip');
    await tabTo('.primary');
    await page.keyboard.press('Enter');
    await (await chooser).setFiles(photoPath('five.jpg'));
    await answered(page, 'five.jpg');
    await tabTo('.save button:nth-of-type(3)');
    const download = page.waitForEvent('download');
    await page.keyboard.press('Enter');
    expect((await download).suggestedFilename()).toBe('expressions.csv');
    await tabTo('input[name="picture"]');
    await page.keyboard.press('ArrowRight');
    await page.locator('.file', { hasText: 'three.jpg' }).waitFor();
    await page.keyboard.press('ArrowLeft');
    await page.locator('.file', { hasText: 'five.jpg' }).waitFor();
    await tabTo('input[name="face"]');
    await page.keyboard.press('ArrowRight');
    await page.locator('.headline', { hasText: exactly(words(1).asDecided) }).waitFor();
    await tabTo('input[name="expression"]');
    await page.keyboard.press('ArrowDown');
    await page.locator('canvas.heat:not([hidden])').waitFor();
    await page.keyboard.press('Escape');
    await page.locator('canvas.heat[hidden]').waitFor({ state: 'attached' });
    await tabTo('input[type="range"]');
    await page.keyboard.press('End');
    await page.locator('.headline', { hasText: exactly(words(1).sure) }).waitFor();
    await page.keyboard.press('Home');
    await page.locator('.headline', { hasText: exactly(words(1).unsure) }).waitFor();
    await tabTo('.sideways button');
    await page.keyboard.press('Enter');
    await page.locator('.headline', { hasText: exactly(words(0).unsure) }).waitFor();
    await tabTo('.remove, .choices button');
  }, 120_000);

  it('tells what a setting did on pictures that nothing was fitted to', async () => {
    const page = await open();
    const { measured } = JSON.parse(readFileSync(packagePath('models/default/model.json'), 'utf8')).calibration;
    const { coverage, risk } = measured.byRisk.at(-1);
    await page.getByRole('slider', { name: 'How sure must it be?' }).fill('40');
    const words = `It names one expression for ${Math.round(100 * coverage)} in 100 faces, and ${Math.round(100 * risk)} in 100 of those are wrong.`;
    expect(await page.locator('.outcome').textContent()).toBe(words);
  }, 120_000);

  it('says what it cannot read, and takes what it can', async () => {
    const page = await open();
    await page.evaluate(() => {
      const data = new DataTransfer();
      data.items.add(new File(['no picture'], 'broken.png', { type: 'image/png' }));
      data.items.add(new File(['words'], 'notes.txt', { type: 'text/plain' }));
      document.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
    });
    await page.getByText('broken.png: This browser cannot read it as a picture.').first().waitFor();
    expect(await page.getByRole('alert').textContent()).toContain(
      'One file is neither a picture nor a video, and was left out.',
    );
  }, 120_000);

  it("opens a person's own model, ends the one before, and keeps it when the new one is none", async () => {
    const page = await open();
    const model = (name: string) => readFileSync(packagePath('models/default', name));
    const description = JSON.parse(model('model.json').toString());
    const other = { ...description, calibration: undefined, name: 'plain' };
    writeZip(join(folder.path, 'plain.zip'), {
      'plain/model.json': Buffer.from(JSON.stringify(other)),
      'plain/model.onnx': model('model.onnx'),
    });
    writeZip(join(folder.path, 'none.zip'), { 'model.json': model('model.json') });
    writeZip(join(folder.path, 'cut.zip'), {
      'model.json': model('model.json'),
      'model.onnx': model('model.onnx').subarray(1),
    });
    const input = page.getByLabel('A model as a zip');
    await input.setInputFiles(join(folder.path, 'none.zip'));
    await page
      .getByRole('alert')
      .filter({ hasText: 'model.json names the network model.onnx, which is not among these files.' })
      .waitFor();
    await input.setInputFiles(join(folder.path, 'cut.zip'));
    await page
      .getByRole('alert')
      .filter({ hasText: 'model.onnx is not the network of its model.json' })
      .waitFor({ timeout: LOADED });
    await page.locator('.reading').waitFor({ timeout: LOADED });
    await input.setInputFiles(join(folder.path, 'plain.zip'));
    await page.getByText('This model holds no measured figures').waitFor({ timeout: LOADED });
    await page.getByText('This model has no thresholds to say how far that goes.').waitFor({ timeout: LOADED });
    expect(page.workers()).toHaveLength(1);
  }, 120_000);

  it('follows faces before a camera, and fuses what it saw of each', async () => {
    const page = await open();
    await page.getByRole('button', { name: 'Camera' }).click();
    // Four photos of a second and a half, one after the other.
    await page.waitForTimeout(7000);
    await page.locator('.reading').waitFor();
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Save as CSV' }).click();
    const rows = readFileSync(await (await download).path(), 'utf8')
      .trim()
      .split('\n')
      .slice(1);
    const moments = rows.map((row) => row.split(','));
    const times = moments.map(([time]) => Number(time));
    expect(times).toEqual([...times].sort((a, b) => a - b));
    const faces = new Set(moments.map(([, face]) => face));
    expect(faces.size).toBeGreaterThan(3);
    const longest = Math.max(...[...faces].map((face) => moments.filter((moment) => moment[1] === face).length));
    expect(longest).toBeGreaterThan(2);
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.locator('.strip').waitFor();
  }, 120_000);

  it('never holds the page up: 50 ms are what is felt', async () => {
    const page = await open();
    const longest = await longestTask(browser, async () => {
      await drop(page, [photoPath('three.jpg'), photoPath('four.jpg')]);
      await answered(page, 'three.jpg');
      await saved(page, 'picture');
      await page.getByRole('button', { name: 'Camera' }).click();
      await page.locator('.timeline').waitFor();
      await page.waitForTimeout(2000);
    });
    expect(longest).toBeLessThan(50);
  }, 120_000);

  it('plays a video, shows its time line, and goes to a moment of it', async () => {
    const page = await open();
    await page.evaluate(async () => {
      const image = document.querySelector('.frame img') as HTMLImageElement;
      const canvas = document.createElement('canvas');
      canvas.width = 480;
      canvas.height = 320;
      const context = canvas.getContext('2d') as CanvasRenderingContext2D;
      const recorder = new MediaRecorder(canvas.captureStream(10), { mimeType: 'video/webm' });
      const parts: Blob[] = [];
      recorder.ondataavailable = ({ data }) => parts.push(data);
      recorder.start();
      for (let i = 0; i < 20; i++) {
        context.drawImage(image, -i, 0, 520, 347);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      recorder.stop();
      await new Promise((resolve) => {
        recorder.onstop = resolve;
      });
      const data = new DataTransfer();
      data.items.add(new File(parts, 'clip.webm', { type: 'video/webm' }));
      document.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
    });
    await page.locator('.timeline .line-name').first().waitFor({ timeout: LOADED });
    await page.waitForTimeout(2500);
    const moment = page.getByRole('slider', { name: 'Moment' });
    const before = await savedMoments(page);
    await moment.fill('0.5');
    await page.getByText(/^At 0:0\d, face \d+: /).waitFor();
    expect(await page.evaluate(() => document.querySelector('video')?.currentTime)).toBeLessThan(1);
    await page.waitForTimeout(1000);
    // Looking back changes nothing of what was seen.
    expect(await savedMoments(page)).toBe(before);
  }, 120_000);
});

/** Lets files go over the page, or pastes them. */
async function drop(page: Page, paths: readonly string[], how: 'drop' | 'paste' = 'drop'): Promise<void> {
  const files = paths.map((path) => ({ name: basename(path), base64: readFileSync(path).toString('base64') }));
  await page.evaluate(
    ([dropped, kind]) => {
      const data = new DataTransfer();
      for (const { name, base64 } of dropped) {
        const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
        data.items.add(new File([bytes], name, { type: 'image/jpeg' }));
      }
      const options = { bubbles: true, cancelable: true };
      const event =
        kind === 'drop'
          ? new DragEvent('drop', { ...options, dataTransfer: data })
          : new ClipboardEvent('paste', { ...options, clipboardData: data });
      document.dispatchEvent(event);
    },
    [files, how] as const,
  );
}

async function answered(page: Page, name: string): Promise<void> {
  await page.locator('.file', { hasText: name }).waitFor();
  await page.locator('.frame[data-busy="false"]').waitFor({ timeout: LOADED });
  await page.locator('.reading').waitFor();
}

async function saved(page: Page, form: string): Promise<string> {
  const download = page.waitForEvent('download');
  await page.locator('.save').getByRole('button', { name: form }).click();
  return readFileSync(await (await download).path(), 'utf8');
}

async function savedMoments(page: Page): Promise<string> {
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Save as CSV' }).click();
  return readFileSync(await (await download).path(), 'utf8');
}

/** Up to 4 threads, and one processor is left to the page. */
function backendOfIsolatedPage(): string {
  const threads = Math.max(1, Math.min(4, availableParallelism() - 1));
  return `WebAssembly, ${threads} thread${threads === 1 ? '' : 's'}`;
}

/** Of WCAG 2.2 A and AA and of best practice, by name. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  return page.evaluate(async () => {
    const { violations: found } = await (window as unknown as { axe: typeof axe }).axe.run();
    return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`);
  });
}

function expectNear(actual: number, wanted: number): void {
  expect(Math.abs(actual - wanted)).toBeLessThan(1e-3);
}
