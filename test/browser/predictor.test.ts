/** The browser's predictor in a real browser: the answers of Node.js. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPredictor, type Prediction } from '#uafer/node/index.js';
import { packagePath } from '#uafer/paths.js';
import { uafer } from '../cli/run.js';
import { launchBrowser, missingBrowser, type Site, serveRepository } from '../support/browser.js';
import { temporaryFolder } from '../support/pictures.js';

/** A page without a bundler: the packages by an import map. */
const PAGE = `<!doctype html><title>uafer</title>
<script type="importmap">{"imports": {
  "onnxruntime-web/wasm": "/node_modules/onnxruntime-web/dist/ort.wasm.min.mjs",
  "onnxruntime-web/webgpu": "/node_modules/onnxruntime-web/dist/ort.webgpu.min.mjs",
  "zod": "/node_modules/zod/index.js"
}}</script>
<script type="module">
  import * as uafer from '/dist/browser/index.js';
  window.uafer = uafer;
  window.blobOf = async (path) => (await fetch(path)).blob();
</script>`;

const photos = readdirSync(packagePath('examples', 'photos')).map((name) => `examples/photos/${name}`);
const faces = readdirSync(packagePath('assets', 'faces'))
  .slice(0, 4)
  .map((name) => `assets/faces/${name}`);

/** Runs in the page. */
interface InPage {
  uafer: typeof import('../../dist/browser/index.js');
  blobOf(path: string): Promise<Blob>;
}

describe.skipIf(missingBrowser)(missingBrowser ?? 'in Chromium', () => {
  let browser: Browser;
  let expected: Map<string, Prediction>;

  beforeAll(async () => {
    browser = await launchBrowser();
    await using predictor = await createPredictor();
    expected = new Map();
    for (const path of photos) expected.set(path, await predictor.predict(packagePath(path)));
    for (const path of faces) expected.set(path, await predictor.predict(packagePath(path), { aligned: true }));
  });
  afterAll(() => browser?.close());

  describe.each([
    ['several threads', true, /^WebAssembly, 2 threads$/],
    ['one thread', false, /^WebAssembly, 1 thread \(the page is not cross-origin isolated\)$/],
  ])('on WebAssembly with %s', (_, isolated, backend) => {
    let site: Site;
    let page: Page;
    beforeAll(async () => {
      site = await serveRepository({ '/page': PAGE }, isolated);
      page = await browser.newPage();
      await page.goto(`${site.url}/page`);
      await page.waitForFunction('window.uafer');
    });
    afterAll(() => site?.close());

    it('gives the answers of Node.js, for photos and for aligned faces', async () => {
      const answers = await page.evaluate(
        async ([photoPaths, facePaths]) => {
          const { uafer, blobOf } = window as unknown as InPage;
          const predictor = await uafer.createPredictor({ threads: 2 });
          const made: Record<string, unknown> = {};
          for (const path of photoPaths as string[]) made[path] = await predictor.predict(await blobOf(`/${path}`));
          for (const path of facePaths as string[])
            made[path] = await predictor.predict(await blobOf(`/${path}`), { aligned: true });
          await predictor.close();
          return { backend: predictor.backend, made };
        },
        [photos, faces],
      );
      expect(answers.backend).toMatch(backend);
      for (const [path, prediction] of Object.entries(answers.made) as [string, Prediction][])
        expectSame(prediction, expected.get(path) as Prediction, path);
    });

    it('takes canvases, image elements, bitmaps and pixels alike', async () => {
      const expressions = await page.evaluate(async (path) => {
        const { uafer, blobOf } = window as unknown as InPage;
        const predictor = await uafer.createPredictor({ threads: 2 });
        const blob = await blobOf(`/${path}`);
        const bitmap = await createImageBitmap(blob);
        const canvas = document.createElement('canvas');
        canvas.width = bitmap.width;
        canvas.height = bitmap.height;
        const context = canvas.getContext('2d') as CanvasRenderingContext2D;
        context.drawImage(bitmap, 0, 0);
        const image = new Image();
        image.src = `/${path}`;
        await image.decode();
        const inputs = [blob, bitmap, canvas, image, context.getImageData(0, 0, canvas.width, canvas.height)];
        const found = [];
        for await (const answer of predictor.predictMany(inputs)) found.push(answer);
        return found.map((answer) =>
          'prediction' in answer ? answer.prediction.faces[0]?.probabilities : String(answer.error),
        );
      }, photos[0] as string);
      expect(expressions).toHaveLength(5);
      for (const probabilities of expressions) expect(probabilities).toEqual(expressions[0]);
    });

    it('takes a model from memory, and says when its files do not belong together', async () => {
      const [answer, wrong] = await page.evaluate(async (path) => {
        const { uafer, blobOf } = window as unknown as InPage;
        const [description, network] = [await blobOf('/models/default/model.json'), await blobOf('/models/default/model.onnx')];
        const predictor = await uafer.createPredictor({ threads: 2, model: { description, network } });
        const { faces: found } = await predictor.predict(await blobOf(`/${path}`));
        await predictor.close();
        const other = { description, network: network.slice(1) };
        return [found.length, await uafer.createPredictor({ threads: 2, model: other }).catch(String)];
      }, photos[0] as string);
      expect(answer).toBe(1);
      expect(wrong).toMatch(/model\.onnx is not the network of its model\.json/);
    });

    it('says what is wrong with a picture, and with a model that is not there', async () => {
      const errors = await page.evaluate(async () => {
        const { uafer } = window as unknown as InPage;
        const predictor = await uafer.createPredictor({ threads: 2 });
        const message = (error: Error & { code?: string }) => `${error.code} ${error.message}`;
        const broken = await predictor.predict(new Blob(['no picture'])).catch(message);
        const missing = await uafer.createPredictor({ model: '/nowhere' }).catch(message);
        return { broken, missing };
      });
      expect(errors.broken).toMatch(/^IMAGE The picture cannot be read/);
      expect(errors.missing).toMatch(/^DOWNLOAD .*nowhere\/model\.json could not be fetched: the server answered 404/);
    });

    it('asks for nothing but its own files', () => {
      const foreign = site.requests.filter(
        (path) => !/^\/(page|dist|models|node_modules|examples|assets|nowhere|favicon)/.test(path),
      );
      expect(foreign).toEqual([]);
    });
  });

  it('gives the answers of Node.js by a model that knows the pictures that it learned from', async () => {
    using folder = temporaryFolder();
    const small = packagePath('models', 'uafer-clip-small.safetensors');
    const network = ['--dataset', 'rafdb', '--data-path', packagePath('examples', 'faces'), '--clip-path', small, '--quiet'];
    const known = ['--calibration', 'small.json', '--to', 'known'];
    for (const args of [
      ['calibrate', small, ...network, '--valid-share', '0.3', '--density', '--to', 'small.json'],
      ['export', small, ...network, ...known],
    ])
      expect(await uafer(args, { cwd: folder.path })).toMatchObject({ code: 0 });
    const model = join(folder.path, 'known');
    const files = ['model.json', 'model.onnx'].map((name) => [`/known/${name}`, readFileSync(join(model, name))] as const);
    const site = await serveRepository({ '/page': PAGE, ...Object.fromEntries(files) }, false);
    const page = await browser.newPage();
    await page.goto(`${site.url}/page`);
    await page.waitForFunction('window.uafer');
    const answers = await page.evaluate(async (paths) => {
      const { uafer: inPage, blobOf } = window as unknown as InPage;
      const predictor = await inPage.createPredictor({ model: '/known' });
      const made: Prediction[] = [];
      for (const path of paths) made.push(await predictor.predict(await blobOf(`/${path}`), { aligned: true }));
      await predictor.close();
      return made;
    }, faces);
    await site.close();
    await using predictor = await createPredictor({ model });
    for (const [i, path] of faces.entries())
      expectSame(answers[i] as Prediction, await predictor.predict(packagePath(path), { aligned: true }), path);
  }, 120_000);
});

/** Decoders differ by a level here and there. */
function expectSame(actual: Prediction, expected: Prediction, path: string): void {
  expect(actual.faces.length, path).toBe(expected.faces.length);
  actual.faces.forEach((face, i) => {
    const wanted = expected.faces[i] as Prediction['faces'][number];
    expect(face.expression, path).toBe(wanted.expression);
    for (const [name, probability] of Object.entries(face.probabilities))
      expect(Math.abs(probability - (wanted.probabilities[name] as number)), `${path} ${name}`).toBeLessThan(1e-3);
    expect(Math.abs(face.uncertainty - wanted.uncertainty), path).toBeLessThan(1e-3);
    expect(Math.abs(face.box.left - wanted.box.left), path).toBeLessThan(0.5);
  });
}
