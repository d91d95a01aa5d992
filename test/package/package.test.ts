/** The package as others get it: packed, unpacked elsewhere, imported and run. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/pictures.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const folder = temporaryFolder();
const installed = join(folder.path, 'node_modules', 'uafer');
afterAll(() => folder[Symbol.dispose]());

/** Packed as it stands (`npm test` has built it), and beside it the packages that it depends on, without those of development. */
beforeAll(() => {
  const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder.path];
  const packed = JSON.parse(execFileSync('npm', pack, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  const [{ filename }] = Array.isArray(packed) ? packed : Object.values(packed);
  mkdirSync(installed, { recursive: true });
  execFileSync('tar', ['-xzf', join(folder.path, filename), '-C', installed, '--strip-components=1']);
  for (const name of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })) {
    const place = join(folder.path, 'node_modules', name);
    mkdirSync(dirname(place), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules', name), place);
  }
  writeFileSync(join(folder.path, 'package.json'), '{"type": "module"}');
}, 120_000);

function run(code: string): string {
  return execFileSync(process.execPath, ['--input-type=module', '--eval', code], { cwd: folder.path, encoding: 'utf8' });
}

describe('the packed package', () => {
  it('holds what it runs with, and nothing of its making', () => {
    expect(readdirSync(installed).sort()).toEqual(
      [
        'CHANGELOG.md',
        'LICENSE',
        'README.md',
        'THIRD_PARTY.md',
        'assets',
        'dist',
        'models',
        'native',
        'package.json',
        'recipes',
        'schemas',
      ].filter((name) => name !== 'CHANGELOG.md' || readdirSync(installed).includes(name)),
    );
    const files = execFileSync('find', [installed, '-name', '*.map', '-o', '-name', '*.test.js'], { encoding: 'utf8' });
    expect(files).toBe('');
  });

  it('predicts on a photo in six lines', () => {
    const photo = join(ROOT, 'examples/photos/three.jpg');
    const printed = run(`
      import { createPredictor } from 'uafer';
      const predictor = await createPredictor();
      const { faces } = await predictor.predict(${JSON.stringify(photo)});
      for (const { expression, uncertainty } of faces) console.log(expression, uncertainty.toFixed(2));
      await predictor.close();`);
    expect(printed.trim().split('\n')).toHaveLength(3);
  });

  it('has its command', () => {
    const main = join(installed, manifest.bin.uafer);
    const version = execFileSync(process.execPath, [main, '--version'], { encoding: 'utf8' });
    expect(version.trim()).toBe(manifest.version);
    const photo = join(ROOT, 'examples/photos/astronaut.jpg');
    expect(execFileSync(process.execPath, [main, 'predict', photo, '--quiet'], { encoding: 'utf8' })).toContain('1 face');
  });

  it('gives every entry of its exports', () => {
    const entries = Object.keys(manifest.exports).filter((entry) => !entry.endsWith('.json'));
    for (const entry of entries) run(`await import('uafer${entry.slice(1)}')`);
    expect(entries).toEqual(['.', './train', './engine']);
  });

  it('holds to what bundlers and registries expect', async () => {
    const { messages } = await publint({ pkgDir: installed, strict: true, pack: false });
    expect(messages.map((message) => formatMessage(message, manifest))).toEqual([]);
  });

  it('has types that a strict program compiles with, for Node.js and for a browser', () => {
    const program = `
      import { createPredictor, type Prediction, UaferError } from 'uafer';
      await using predictor = await createPredictor({ detector: 'blazeface' });
      const prediction: Prediction = await predictor.predict(PICTURE, { faces: 'largest', heatmap: true });
      const names: string[] = prediction.faces.map(({ expression }) => expression);
      const share: number | undefined = prediction.faces[0]?.probabilities.happy;
      // @ts-expect-error: there is no such option
      await createPredictor({ detektor: 'mtcnn' });
      try { console.log(names, share); } catch (error) { if (error instanceof UaferError) console.log(error.code); }
    `;
    writeFileSync(join(folder.path, 'node.ts'), program.replace('PICTURE', "'photo.jpg'"));
    writeFileSync(join(folder.path, 'page.ts'), program.replace('PICTURE', 'new Blob()'));
    const common = ['--noEmit', '--strict', '--skipLibCheck', 'false', '--target', 'es2022', '--types', ''];
    const compile = (...options: string[]) => {
      const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
      execFileSync(process.execPath, [tsc, ...common, ...options], { cwd: folder.path, encoding: 'utf8' });
    };
    const lib = 'es2023,esnext.disposable';
    compile(
      '--module',
      'nodenext',
      '--lib',
      lib,
      '--typeRoots',
      join(ROOT, 'node_modules/@types'),
      '--types',
      'node',
      'node.ts',
    );
    compile(
      '--module',
      'esnext',
      '--moduleResolution',
      'bundler',
      '--customConditions',
      'browser',
      '--lib',
      `${lib},dom,dom.iterable`,
      'page.ts',
    );
  });
});
