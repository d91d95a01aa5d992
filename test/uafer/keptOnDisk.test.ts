import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readClip } from '#uafer/clip/readClip.js';
import type { VisionTower } from '#uafer/clip/vision.js';
import { firstSlot, PAGE, SLOT_HEADER, slotBytes, slotName } from '#uafer/data/pictureFile.js';
import { ops, setThreads, threads } from '#uafer/engine/index.js';
import { IMAGENET } from '#uafer/image/preprocess.js';
import { type KeptRows, keptFeatures, keptTokens, tokensShape } from '#uafer/uafer/keptOnDisk.js';
import { fixture } from '../support/fixtures.js';

const before = process.env.UAFER_PICTURES;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'uafer-features-'));
  process.env.UAFER_PICTURES = join(folder, 'kept');
  for (const name of ['a', 'b']) writeFileSync(inFolder(name), name);
});
afterEach(() => {
  process.env.UAFER_PICTURES = before;
  rmSync(folder, { recursive: true });
});

const inFolder = (name: string) => join(folder, name);
const tower = (): VisionTower => readClip(fixture('tiny2h_clip.safetensors')).vision;
const WIDTH = tower().weights.proj?.shape[1] as number;
const feature = (first: number) => Float32Array.from({ length: WIDTH }, (_, i) => first + i / 7);

type Options = Parameters<typeof keptFeatures>[0];

function optionsOf(options: Partial<Options>): Options {
  const samples = ['a', 'b'].map((file) => ({ file, path: inFolder(file), label: 0 }));
  const transform = {
    imageSize: 32,
    resize: 'shorter-bicubic',
    colour: 'rgb',
    ...IMAGENET,
    centerCrop: false,
    augment: 'flip',
  } as const;
  return { teacher: tower(), samples, transform, precision: 'fp32', device: 'cpu', size: '1GB', ...options };
}

function opened(options: Partial<Options> = {}): KeptRows {
  return keptFeatures(optionsOf(options)) as KeptRows;
}

describe('features of the teacher on the disk', () => {
  it('are found by picture and variant, by others too', () => {
    const kept = opened();
    expect(kept.find(0)).toBeUndefined();
    for (const key of [0, 1, 3]) kept.keep(key, feature(key));
    // Another list, as another run has it.
    const other = opened({ samples: [{ file: 'b', path: inFolder('b'), label: 1 }], size: '2GB' });
    for (const key of [0, 1, 3]) expect(kept.find(key)).toEqual(feature(key));
    expect([kept.find(2), other.find(0)]).toEqual([undefined, undefined]);
    expect(other.find(1)).toEqual(feature(3));
    expect(kept.notes.size).toBe(0);
  });

  it('of a picture that has changed are none', () => {
    opened().keep(0, feature(0));
    utimesSync(inFolder('a'), new Date(), new Date(1e12));
    expect(opened().find(0)).toBeUndefined();
    opened().keep(0, feature(5));
    expect(opened().find(0)).toEqual(feature(5));
    writeFileSync(inFolder('a'), 'longer');
    expect(opened().find(0)).toBeUndefined();
  });

  it('of a picture that changes while a run has decoded it are not found by the next one', () => {
    const run = opened();
    writeFileSync(inFolder('a'), 'longer');
    run.keep(0, feature(0));
    expect(run.find(0)).toEqual(feature(0));
    expect(opened().find(0)).toBeUndefined();
  });

  it('of a picture that was not there are neither found nor kept', () => {
    rmSync(inFolder('a'));
    const kept = opened();
    kept.keep(0, feature(0));
    expect(kept.find(0)).toBeUndefined();
  });

  it('of other weights, another way to make pictures, another precision or number of threads are elsewhere', () => {
    const kept = opened();
    const { teacher } = { teacher: tower() };
    const weight = teacher.weights['transformer.resblocks.0.mlp.c_fc.bias'];
    if (weight) ops.add_(weight, 1e-6);
    const transform = { imageSize: 32, resize: 'shorter-bicubic', ...IMAGENET, centerCrop: false, augment: 'flip' } as const;
    const files = [
      opened({ teacher }).file,
      opened({ transform: { ...transform, colour: 'grey' } }).file,
      opened({ transform: { ...transform, colour: 'rgb', mean: [0.5, 0.5, 0.5] } }).file,
      opened({ precision: 'bf16' }).file,
    ];
    const count = threads();
    setThreads(count + 1);
    files.push(opened().file);
    setThreads(count);
    expect(new Set([kept.file, ...files]).size).toBe(6);
    expect(opened({ transform: { ...transform, colour: 'rgb', augment: 'none' } }).file).toBe(kept.file);
  });

  it('that are damaged are told once, and made anew', () => {
    const kept = opened();
    for (const key of [0, 1]) kept.keep(key, feature(key));
    const slot = firstSlot(slotName(`${inFolder('a')}\0mirrored`));
    const descriptor = openSync(kept.file, 'r+');
    writeSync(descriptor, Buffer.from([1, 2, 3, 4]), 0, 4, PAGE + slot * slotBytes(4 * WIDTH) + SLOT_HEADER + 8);
    closeSync(descriptor);
    expect(kept.find(1)).toBeUndefined();
    expect(kept.find(0)).toEqual(feature(0));
    kept.keep(1, feature(1));
    expect(kept.find(1)).toEqual(feature(1));
    expect([...kept.notes.values()]).toEqual([
      expect.stringMatching(/what was kept of .*a is damaged. What was damaged is made anew/),
    ]);
  });

  it('cut off are made anew', () => {
    opened().keep(0, feature(0));
    const { file } = opened();
    truncateSync(file, 5000);
    const kept = opened({ size: '3GB' });
    expect(kept.find(0)).toBeUndefined();
    kept.keep(0, feature(0));
    expect(kept.find(0)).toEqual(feature(0));
    expect([...kept.notes.keys()]).toEqual(['damaged']);
  });

  it('for which there is no room are told of, and not kept', () => {
    const kept = opened({ size: '0.001MB' });
    kept.keep(0, feature(0));
    expect(kept.find(0)).toBeUndefined();
    expect(kept.notes.get('stopped')).toMatch(
      /^No more features of the teacher are kept in .*: they take 0 MB.*computed anew in every run\.$/,
    );
  });

  it('count with pictures for what all may take', () => {
    opened().keep(0, feature(0));
    const used = 512 * statSync(opened().file).blocks;
    const kept = opened({ precision: 'bf16', size: `${(used + 6000) / 1e6}MB` });
    kept.keep(0, feature(0));
    kept.keep(1, feature(1));
    expect([kept.find(0), kept.find(1)].map((found) => found !== undefined)).toEqual([false, false]);
    expect(readdirSync(join(folder, 'kept'))).toHaveLength(2);
  });

  it('are not kept where nothing is to be, nor on a GPU, where their bits are those of a group', () => {
    expect(keptFeatures(optionsOf({ size: 'off' }))).toBeNull();
    expect(keptFeatures(optionsOf({ device: 'cuda' }))).toBeNull();
  });

  it('are not found and not kept any more once they are closed', () => {
    const kept = opened();
    kept.keep(0, feature(0));
    expect([kept.has(0), kept.has(1)]).toEqual([true, false]);
    kept.close();
    kept.keep(1, feature(1));
    expect([kept.has(0), kept.find(0), opened().has(1)]).toEqual([false, undefined, false]);
  });
});

describe('outputs of the frozen blocks on the disk', () => {
  it.each([
    ['float32', Float32Array],
    ['bfloat16', Uint16Array],
  ] as const)('are %s, and no others than those of as many blocks', (dtype, Numbers) => {
    const tokens = (fixLayer: number) => keptTokens({ ...optionsOf({ size: 'off' }), fixLayer, dtype });
    const [length, width] = tokensShape(tower()) as [number, number];
    const row = Numbers.from({ length: length * width }, (_, i) => i % 1000);
    tokens(1).keep(3, row);
    expect(tokens(1).find(3)).toEqual(row);
    expect(tokens(2).find(3)).toBeUndefined();
    expect(tokens(1).file).toMatch(/\.tokens$/);
  });
});
