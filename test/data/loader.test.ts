import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { preprocessingFor } from '#uafer/data/datasets.js';
import { type BatchSource, createBatchSource, createLoader, type LoaderConfig } from '#uafer/data/loader.js';
import type { Viewing } from '#uafer/data/pipeline.js';
import type { Batch } from '#uafer/data/types.js';
import type { PictureStatistics } from '#uafer/image/statistics.js';
import { temporaryFolder, writePng } from '../support/pictures.js';

const COUNT = 23;
const preprocessing = preprocessingFor('rafdb', 16);
const folder = temporaryFolder();
const samples = Array.from({ length: COUNT }, (_, i) => ({
  file: `${i}.png`,
  path: join(folder.path, `${i}.png`),
  label: i % 3,
  votes: [0, 1, 2].map((label) => (label === i % 3 ? 1 : 0)),
}));
const bad = { file: 'bad.png', path: join(folder.path, 'bad.png'), label: 0, votes: [1, 0, 0] };
const loaderUrl = import.meta.resolve('#uafer/data/loader.js');

beforeAll(async () => {
  await Promise.all(samples.map(({ path }, i) => writePng(path, 20, 20, i)));
  writeFileSync(bad.path, '');
});
afterAll(() => folder[Symbol.dispose]());

function config(changed: Partial<LoaderConfig> = {}, data: Partial<LoaderConfig['data']> = {}): LoaderConfig {
  return {
    dataset: 'rafdb',
    seed: 9,
    workers: 0,
    optimizer: { batchSize: 5, testBatchSize: 4 },
    ...changed,
    data: { augment: 'strong', shuffle: true, sampler: 'default', centerCrop: false, allowUnreadable: false, ...data },
  };
}

interface Read {
  indices: number[];
  labels: number[];
  images: Float32Array;
}

async function read(source: BatchSource, epoch: number, startBatch?: number): Promise<Read[]> {
  const batches: Read[] = [];
  for await (const { indices, labels, images } of source.epoch(epoch, startBatch))
    batches.push({ indices: [...indices], labels: Array.from(labels, Number), images });
  return batches;
}

async function withLoader<T>(source: BatchSource, use: (source: BatchSource) => Promise<T>): Promise<T> {
  try {
    return await use(source);
  } finally {
    await source.close();
  }
}

const train = <T>(
  changed: Partial<LoaderConfig>,
  use: (source: BatchSource) => Promise<T>,
  data?: Partial<LoaderConfig['data']>,
) => withLoader(createLoader(samples, config(changed, data), preprocessing, 'train'), use);

describe('createLoader', () => {
  it('gives (B, 3, S, S) pictures with labels, votes and positions, the last batch smaller', async () => {
    await train({}, async (source) => {
      expect(source.batches).toBe(5);
      const shapes: number[][] = [];
      const seen: number[] = [];
      for await (const { images, shape, labels, votes, indices } of source.epoch(0)) {
        shapes.push([...shape]);
        seen.push(...indices);
        expect(images).toHaveLength(shape.reduce((product, side) => product * side, 1));
        expect([...labels]).toEqual([...indices].map((position) => BigInt(position % 3)));
        expect(votes).toEqual(Float32Array.from([...indices].flatMap((position) => samples[position]?.votes ?? [])));
      }
      expect(shapes).toEqual([...Array(4).fill([5, 3, 16, 16]), [3, 3, 16, 16]]);
      expect(seen.sort((a, b) => a - b)).toEqual(samples.map((_, i) => i));
    });
  });

  it('gives the same numbers whatever the number of workers, in every epoch (cached or not)', async () => {
    const epochs = (workers: number) => train({ workers }, async (source) => [await read(source, 0), await read(source, 1)]);
    const expected = await epochs(0);
    expect(expected[0]).not.toEqual(expected[1]);
    for (const workers of [1, 3]) expect(await epochs(workers)).toEqual(expected);
  });

  it('gives the same numbers without a cache, and with one that holds some of the pictures', async () => {
    const options = {
      samples,
      transform: { ...preprocessing, centerCrop: false, augment: 'strong' },
      ...{ batchSize: 5, draw: 'shuffle', seed: 9, workers: 0, allowUnreadable: false, substitute: true },
    } as const;
    const epochs = (keptBytes: number) =>
      withLoader(createBatchSource({ ...options, keptBytes }), async (source) => [
        await read(source, 0),
        await read(source, 1),
      ]);
    const expected = await epochs(0);
    // A page a picture; the second 2 ** 20 finds them all.
    for (const bytes of [12 * 4096, 2 ** 20, 2 ** 20]) expect(await epochs(bytes)).toEqual(expected);
  });

  it('starts within an epoch where it is told, without a replay', async () => {
    const whole = await train({}, (source) => read(source, 4));
    expect(await train({ workers: 2 }, (source) => read(source, 4, 3))).toEqual(whole.slice(3));
    expect(await train({}, (source) => read(source, 4, 5))).toEqual([]);
  });

  it("keeps the list's order without shuffling, and for test pictures, which are not augmented", async () => {
    const order = await train({}, (source) => read(source, 0), { shuffle: false });
    expect(order.flatMap(({ indices }) => indices)).toEqual(samples.map((_, i) => i));
    const test = () => withLoader(createLoader(samples, config(), preprocessing, 'test'), (source) => read(source, 0));
    const batches = await test();
    expect(batches.map(({ indices }) => indices.length)).toEqual([4, 4, 4, 4, 4, 3]);
    expect(await test()).toEqual(batches);
  });

  it('draws with replacement for AffectNet unless told otherwise', async () => {
    const drawn = (data?: Partial<LoaderConfig['data']>) =>
      train({ dataset: 'affectnet' }, async (source) => (await read(source, 0)).flatMap(({ indices }) => indices), data);
    expect(new Set(await drawn()).size).toBeLessThan(COUNT);
    expect(new Set(await drawn({ sampler: 'uniform' })).size).toBe(COUNT);
    expect(new Set(await drawn({ samplerPower: 0.5 })).size).toBeLessThan(COUNT);
    expect(await drawn({ shuffle: false })).toEqual(samples.map((_, i) => i));
  });
});

describe('pictures that cannot be read', () => {
  const withBad = [...samples.slice(0, 7), bad, ...samples.slice(7)];
  const load = <T>(
    part: 'train' | 'test',
    allowUnreadable: boolean,
    workers: number,
    use: (source: BatchSource) => Promise<T>,
  ) => withLoader(createLoader(withBad, config({ workers }, { allowUnreadable, shuffle: false }), preprocessing, part), use);

  it.each([0, 2])('stop the run beyond 1%, by name (%i workers)', async (workers) => {
    const message = expect.stringMatching(
      /1 of 24 pictures could not be read.*--allow-unreadable[\s\S]*bad\.png cannot be read as a picture/,
    );
    await expect(load('train', false, workers, (source) => read(source, 0))).rejects.toMatchObject({ code: 'IMAGE', message });
  });

  it('up to 1% are left out and listed', async () => {
    const many = [...Array.from({ length: 6 }, () => samples).flat(), bad];
    await withLoader(createLoader(many, config(), preprocessing, 'test'), async (source) => {
      expect((await read(source, 0)).flatMap(({ indices }) => indices)).toHaveLength(6 * COUNT);
      expect([...source.unreadable.keys()]).toEqual([bad.path]);
    });
  });

  it('are replaced in training by the next picture, so that batches stay whole', async () => {
    const batches = await load('train', true, 1, (source) => read(source, 0));
    expect(batches.map(({ indices }) => indices)).toEqual([
      [0, 1, 2, 3, 4],
      [5, 6, 10, 8, 9],
      [10, 11, 12, 13, 14],
      [15, 16, 17, 18, 19],
      [20, 21, 22, 23],
    ]);
  });

  it('are left out of evaluation, and a batch of nothing else with them', async () => {
    const batches = await load('test', true, 1, (source) => read(source, 0));
    expect(batches.flatMap(({ indices }) => indices)).toEqual(withBad.map((_, i) => i).filter((i) => withBad[i] !== bad));
    const alone = createLoader([...samples.slice(0, 4), bad], config({}, { allowUnreadable: true }), preprocessing, 'test');
    expect((await withLoader(alone, (source) => read(source, 0))).map(({ indices }) => indices)).toEqual([[0, 1, 2, 3]]);
  });

  it('stop training when they are all there is', async () => {
    const alone = createLoader([bad, bad], config({}, { allowUnreadable: true }), preprocessing, 'train');
    await expect(withLoader(alone, (source) => read(source, 0))).rejects.toMatchObject({ code: 'IMAGE' });
  });
});

describe('parts of several processes', () => {
  const SIZE = 3;
  const parts = (part: 'train' | 'test', pairs = false, list = samples, data: Partial<LoaderConfig['data']> = {}) =>
    Array.from({ length: SIZE }, (_, rank) =>
      createLoader(list, config({}, data), preprocessing, part, { rank, size: SIZE, pairs }),
    );
  const closing = async <T>(sources: BatchSource[], use: (sources: BatchSource[]) => Promise<T>) => {
    try {
      return await use(sources);
    } finally {
      for (const source of sources) await source.close();
    }
  };

  it.each([false, true])(
    'make up every batch of training, picture by picture as one process makes it (pairs: %s)',
    async (pairs) => {
      const whole = await train({}, (source) => read(source, 1));
      await closing(parts('train', pairs), async (sources) => {
        const own = await Promise.all(sources.map((source) => read(source, 1)));
        for (const [k, { indices, images }] of whole.entries()) {
          const length = images.length / indices.length;
          const rowOf = (index: number) => {
            const at = indices.indexOf(index);
            return images.subarray(at * length, (at + 1) * length);
          };
          const together = own.map((batches) => batches[k] as Read);
          for (const { indices: mine, images: theirs } of together)
            for (const [i, index] of mine.entries())
              expect(theirs.subarray(i * length, (i + 1) * length)).toEqual(rowOf(index));
          expect([...new Set(together.flatMap((part) => part.indices))].sort()).toEqual([...indices].sort());
        }
      });
    },
  );

  it('count no picture where a batch has too few, and one stands in', async () => {
    await closing(parts('train', false, samples.slice(0, 7)), async (sources) => {
      const counted = await Promise.all(
        sources.map(async (source) => {
          const found: (number | undefined)[] = [];
          for await (const { part, labels } of source.epoch(0)) {
            expect(labels.length).toBeGreaterThan(0);
            found.push(part?.counted);
          }
          return found;
        }),
      );
      // Batches of 5 and 2.
      expect(counted).toEqual([
        [1, 0],
        [2, 1],
        [2, 1],
      ]);
    });
  });

  it('are made anew, with those that step in, where a picture of the whole batch cannot be read', async () => {
    const withBad = [...samples.slice(0, 7), bad, ...samples.slice(7)];
    const data = { allowUnreadable: true, shuffle: false };
    await closing(parts('train', false, withBad, data), async (sources) => {
      const missing = await Promise.all(
        sources.map(async (source) => {
          for await (const { part } of source.epoch(0, 1)) return part?.missing;
        }),
      );
      expect(missing).toEqual([0, 1, 0]);
      const remade = await Promise.all(sources.map((source) => source.remade(0, 1)));
      expect(remade.flatMap(({ indices }) => [...indices])).toEqual([5, 6, 10, 8, 9]);
      expect(remade.map(({ part }) => part)).toEqual([1, 2, 2].map((counted) => ({ counted, missing: 0 })));
      // All of them know of the picture now.
      for (const source of sources) expect([...source.unreadable.keys()]).toEqual([bad.path]);
    });
  });

  it('are in evaluation whole batches, in turn', async () => {
    await closing(parts('test'), async (sources) => {
      const batches = await Promise.all(sources.map((source) => read(source, 0)));
      const firsts = batches.map((own) => own.map(({ indices }) => indices[0]));
      expect(firsts).toEqual([
        [0, 12],
        [4, 16],
        [8, 20],
      ]);
      const learn = () => sources[0]?.learn([['elsewhere.png', 'elsewhere.png cannot be read']]);
      expect(learn).toThrow(expect.objectContaining({ code: 'IMAGE', message: expect.stringContaining('1 of 23 pictures') }));
    });
  });
});

describe('threads', () => {
  it.each([0, 1])('pass on what stops the run: an oblong picture (%i workers)', async (workers) => {
    const oblong = { file: 'oblong.png', path: join(folder.path, 'oblong.png'), label: 0 };
    await writePng(oblong.path, 20, 30);
    const source = createLoader([oblong], config({ workers }), preprocessing, 'train');
    const message = expect.stringContaining('--center-crop');
    await expect(withLoader(source, (open) => read(open, 0))).rejects.toMatchObject({
      name: 'UaferError',
      code: 'DATA',
      message,
    });
  });

  it('can be left in the middle of an epoch and asked for another', async () => {
    await train({ workers: 2 }, async (source) => {
      for await (const { indices } of source.epoch(0)) {
        expect(indices).toHaveLength(5);
        break;
      }
      expect(await read(source, 1)).toHaveLength(5);
    });
  });

  it('end with close, and a closed loader says so', async () => {
    const source = createLoader(samples, config({ workers: 1 }), preprocessing, 'train');
    await read(source, 0);
    await source.close();
    await expect(read(source, 1)).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });

  it('close while batches are under way', async () => {
    const source = createLoader(samples, config({ workers: 2 }), preprocessing, 'train');
    const batches = source.epoch(0);
    await batches.next();
    await source.close();
  });

  /** A program that does as `take` says after each batch. */
  const program = (take: string) => `
    import { createLoader } from ${JSON.stringify(loaderUrl)};
    const source = createLoader(${JSON.stringify(samples)}, ${JSON.stringify(config({ workers: 2 }))}, ${JSON.stringify(preprocessing)}, 'train');
    let pictures = 0;
    for await (const batch of source.epoch(0)) { pictures += batch.indices.length; ${take} }
    console.log(pictures);`;

  it.each([
    ['after an epoch', '', '23'],
    ['in the middle of one', 'break;', '5'],
    ['when closed in the middle of one', 'await source.close(); break;', '5'],
  ])('do not keep the process alive %s', async (_, take, printed) => {
    const run = promisify(execFile);
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program(take)], { timeout: 50_000 });
    expect(stdout.trim()).toBe(printed);
  });

  it('work from within a worker', async () => {
    const code = `
      import { parentPort } from 'node:worker_threads';
      import { createLoader } from ${JSON.stringify(loaderUrl)};
      const source = createLoader(${JSON.stringify(samples)}, ${JSON.stringify(config({ workers: 2 }))}, ${JSON.stringify(preprocessing)}, 'train');
      const seen = [];
      for await (const batch of source.epoch(0)) seen.push(...batch.indices);
      await source.close();
      parentPort.postMessage(seen);`;
    const outer = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`));
    const exit = new Promise((resolve) => outer.once('exit', resolve));
    const seen = await new Promise<number[]>((resolve, reject) => outer.once('message', resolve).once('error', reject));
    expect(seen).toEqual((await train({}, (source) => read(source, 0))).flatMap(({ indices }) => indices));
    expect(await exit).toBe(0);
  });
});

describe('pictures that are spoilt', () => {
  const corruption = { kind: 'darkness', severity: 5 } as const;

  it('come out spoilt whatever was kept of them, and leave what is kept as it is', async () => {
    await withLoader(createLoader(samples, config(), preprocessing, 'test'), async (source) => {
      const images = async (viewing?: Viewing) => {
        const found: number[] = [];
        for await (const batch of source.epoch(0, 0, viewing)) found.push(...batch.images);
        return found;
      };
      const clean = await images();
      const spoilt = await images({ corruption });
      expect(spoilt).not.toEqual(clean);
      expect(await images({ corruption: { ...corruption, severity: 0 } })).toEqual(clean);
      expect(await images()).toEqual(clean);
      expect(await images({ corruption })).toEqual(spoilt);
    });
  });

  it('and statistics come with each picture of a batch, spoilt or not, where they are asked for', async () => {
    await withLoader(
      createLoader([...samples.slice(0, 5), bad], config({}, { allowUnreadable: true }), preprocessing, 'test'),
      async (source) => {
        for await (const batch of source.epoch(0)) expect(batch.statistics).toBeUndefined();
        const read = async (viewing: Viewing) => {
          const found: (PictureStatistics | undefined)[] = [];
          for await (const { statistics = [], indices } of source.epoch(0, 0, viewing)) {
            expect(statistics).toHaveLength(indices.length);
            found.push(...statistics);
          }
          return found;
        };
        const [clean, dark] = [await read({ statistics: true }), await read({ statistics: true, corruption })];
        expect(clean).toHaveLength(5);
        for (const [i, found] of clean.entries()) {
          expect(found?.faceSize).toBe(20);
          expect(dark[i]?.luminance).toBeLessThan(found?.luminance as number);
        }
      },
    );
  });
});

describe('variants of pictures', () => {
  const batchesOf = (augment: 'none' | 'flip' | 'strong', workers = 0) =>
    withLoader(
      createBatchSource({
        samples: [...samples.slice(0, 7), bad, ...samples.slice(7)],
        transform: { ...preprocessing, centerCrop: false, augment },
        ...{ batchSize: 5, draw: 'shuffle', seed: 9, workers, allowUnreadable: true, substitute: true },
      }),
      async ({ epoch }) => {
        const found: Batch[] = [];
        for (let number = 0; number < 3; number++) for await (const batch of epoch(number)) found.push(batch);
        return found;
      },
    );

  it('are said where there are two: the same picture and variant is the same image, also beside one that cannot be read', async () => {
    const images = new Map<number, Float32Array>();
    for (const { indices, variants, images: all } of await batchesOf('flip', 2)) {
      expect(variants).toHaveLength(indices.length);
      for (const [i, index] of indices.entries()) {
        const key = 2 * index + (variants?.[i] as number);
        const image = all.slice(i * 3 * 16 * 16, (i + 1) * 3 * 16 * 16);
        expect(image).toEqual(images.get(key) ?? image);
        images.set(key, image);
      }
    }
    // Three epochs draw most of the 46.
    expect(images.size).toBeGreaterThan(30);
    expect([...images.keys()].some((key) => key % 2 === 1)).toBe(true);
  });

  it('are those of the pictures of a part, when processes make a batch anew that has one that cannot be read', async () => {
    const variantsOf = async (shard?: { rank: number; size: number; pairs: boolean }) =>
      withLoader(
        createBatchSource({
          samples: [...samples.slice(0, 7), bad, ...samples.slice(7)],
          transform: { ...preprocessing, centerCrop: false, augment: 'flip' },
          ...{ batchSize: 5, draw: 'sequential', seed: 9, workers: 0, allowUnreadable: true, substitute: true, shard },
        }),
        async (source) => {
          const { indices, variants } = await source.remade(0, 1);
          return Array.from(indices, (index, i) => [index, variants?.[i]]);
        },
      );
    const parts = await Promise.all([0, 1, 2].map((rank) => variantsOf({ rank, size: 3, pairs: false })));
    const whole = await variantsOf();
    expect(parts.flat()).toEqual(whole);
    expect(new Set(whole.map(([, variant]) => variant)).size).toBe(2);
  });

  it('are one without augmentation, and are not said where there is no end of them', async () => {
    for (const { variants } of await batchesOf('none')) expect(new Set(variants)).toEqual(new Set([0]));
    for (const { variants } of await batchesOf('strong')) expect(variants).toBeUndefined();
  });
});

describe('batches of bytes', () => {
  const opened = (
    augment: 'affectnet' | 'strong',
    options: { workers?: number; shard?: { rank: number; size: number; pairs: boolean } },
  ) =>
    createBatchSource({
      samples: [...samples.slice(0, 7), bad, ...samples.slice(7)],
      transform: { ...preprocessing, centerCrop: false, augment },
      ...{ batchSize: 5, draw: 'sequential', seed: 9, workers: 0, allowUnreadable: true, substitute: true },
      asBytes: true,
      ...options,
    });
  type Found = { indices: number[]; bytes: Batch['bytes']; images: number; shape: readonly number[] }[];
  const batchesOf = (source: BatchSource) =>
    withLoader(source, async ({ epoch }) => {
      const found: Found = [];
      for await (const { indices, bytes, images, shape } of epoch(1))
        found.push({ indices: [...indices], bytes, images: images.length, shape });
      return found;
    });

  it('hold pixels and what is done to each, the same from threads, and no images', async () => {
    const found = await batchesOf(opened('affectnet', {}));
    for (const { indices, bytes, images, shape } of found) {
      expect(images).toBe(0);
      expect(shape).toEqual([indices.length, 3, 16, 16]);
      expect(bytes?.pixels).toHaveLength(indices.length * 3 * 16 * 16);
      expect(bytes?.changes).toHaveLength(indices.length);
    }
    expect(new Set(found.flatMap(({ bytes }) => bytes?.changes.map(({ mirrored }) => mirrored))).size).toBe(2);
    expect(await batchesOf(opened('affectnet', { workers: 2 }))).toEqual(found);
  });

  it('hold images where an augmentation looks at the picture', async () => {
    for (const { bytes, images } of await batchesOf(opened('strong', {}))) {
      expect(bytes).toBeUndefined();
      expect(images).toBeGreaterThan(0);
    }
  });

  it('are made anew by the parts of several processes as by one', async () => {
    const whole = (await batchesOf(opened('affectnet', {})))[1];
    const length = 3 * 16 * 16;
    for (const rank of [0, 1]) {
      await withLoader(opened('affectnet', { shard: { rank, size: 2, pairs: false } }), async (source) => {
        const { indices, bytes } = await source.remade(1, 1);
        expect(indices.length).toBeGreaterThan(1);
        for (const [i, index] of indices.entries()) {
          const at = whole?.indices.indexOf(index) ?? -1;
          expect(bytes?.changes[i]).toEqual(whole?.bytes?.changes[at]);
          const row = (from: Uint8Array | undefined, place: number) => from?.subarray(place * length, (place + 1) * length);
          expect(row(bytes?.pixels, i)).toEqual(row(whole?.bytes?.pixels, at));
        }
      });
    }
  });
});
