import { execFile } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodePicture } from '#uafer/codec/decode.js';
import { preprocessingFor } from '#uafer/data/datasets.js';
import {
  type KeptPicturesOptions,
  keptPicturesOptions,
  openKeptPictures,
  parseKeptSize,
  stampOf,
} from '#uafer/data/keptPictures.js';
import { createBatchSource } from '#uafer/data/loader.js';
import { firstSlot, PAGE, SLOT_HEADER, slotBytes, slotName } from '#uafer/data/pictureFile.js';
import { toSquare } from '#uafer/image/preprocess.js';
import { temporaryFolder, writePng } from '../support/pictures.js';

const run = promisify(execFile);
const SIDE = 16;
const PIXELS = 3 * SIDE * SIDE;
const LIMIT = 2 ** 24;
const keptUrl = import.meta.resolve('#uafer/data/keptPictures.js');
const transform = { ...preprocessingFor('rafdb', SIDE), centerCrop: false, augment: 'none' } as const;

let folder: ReturnType<typeof temporaryFolder>;
let before: string | undefined;
const inFolder = (name: string) => join(folder.path, name);

/** Of `a.png` alone. */
function loaderOfOne() {
  return createBatchSource({
    samples: [{ file: 'a.png', path: inFolder('a.png'), label: 0 }],
    transform,
    ...{ batchSize: 1, draw: 'sequential', seed: 0, workers: 0, allowUnreadable: false, substitute: false },
    keptBytes: LIMIT,
  });
}

beforeEach(() => {
  folder = temporaryFolder();
  before = process.env.UAFER_PICTURES;
  process.env.UAFER_PICTURES = inFolder('kept');
});
afterEach(() => {
  process.env.UAFER_PICTURES = before;
  folder[Symbol.dispose]();
});

const options = (limit = LIMIT): KeptPicturesOptions => keptPicturesOptions(transform, limit);
const stamp = (path: string) => {
  const found = stampOf(path);
  if (found === null) throw new Error(`${path} is not there`);
  return found;
};
const pixelsOf = (seed: number) => Uint8Array.from({ length: PIXELS }, (_, i) => (i * 7 + seed * 31) % 256);
/** A source with other bytes than any other of this length. */
const source = (name: string, text = name) => {
  writeFileSync(inFolder(name), text);
  return inFolder(name);
};
/** A slot of a file in which no other picture was in the way. */
const placeOf = (path: string) => PAGE + firstSlot(slotName(path)) * slotBytes(PIXELS);

function edit(file: string, at: number): void {
  const descriptor = openSync(file, 'r+');
  const byte = Buffer.alloc(1);
  readSync(descriptor, byte, 0, 1, at);
  byte[0] = (byte[0] as number) ^ 1;
  writeSync(descriptor, byte, 0, 1, at);
  closeSync(descriptor);
}

/** Fills a file with `count` pictures and gives their paths. */
function fill(count: number): string[] {
  const kept = openKeptPictures(options());
  return Array.from({ length: count }, (_, i) => {
    const path = source(`${i}.png`);
    kept.keep(path, stamp(path), pixelsOf(i));
    return path;
  });
}

/** Which of the pictures are found, as they were kept. */
function foundIn(paths: readonly string[], kept = openKeptPictures(options())): number[] {
  return paths.flatMap((path, i) => {
    const pixels = kept.find(path, stamp(path));
    if (pixels) expect(Buffer.from(pixels).equals(pixelsOf(i))).toBe(true);
    return pixels ? [i] : [];
  });
}

const all = (count: number) => Array.from({ length: count }, (_, i) => i);

describe('kept pictures', () => {
  it('are found by whoever opens the file, and take no more of the disk than they have bytes', () => {
    const paths = fill(20);
    expect(foundIn(paths)).toEqual(all(20));
    expect(openKeptPictures(options()).find(inFolder('other.png'), { size: 1n, time: 1n })).toBeUndefined();
    const { size, blocks } = statSync(options().file);
    expect(size).toBeGreaterThan(2 ** 31);
    expect(blocks * 512).toBeLessThanOrEqual(22 * PAGE);
  });

  it('are the bytes that decoding and resizing gives', async () => {
    await writePng(inFolder('a.png'), 20, 20, 3);
    const loader = loaderOfOne();
    for await (const { indices } of loader.epoch(0)) expect([...indices]).toEqual([0]);
    await loader.close();
    const found = openKeptPictures(options()).find(inFolder('a.png'), stamp(inFolder('a.png')));
    const decoded = toSquare(await decodePicture(inFolder('a.png')), transform, 'a.png');
    expect(found && Buffer.from(found).equals(decoded)).toBe(true);
  });

  it('are made anew when the source has another size or time, in the same slot', () => {
    const paths = fill(2);
    const [first, second] = paths as [string, string];
    const used = statSync(options().file).blocks;
    writeFileSync(first, 'longer than it was');
    utimesSync(second, 1, 1);
    const kept = openKeptPictures(options());
    expect(foundIn(paths, kept)).toEqual([]);
    for (const [i, path] of paths.entries()) kept.keep(path, stamp(path), pixelsOf(i));
    expect(foundIn(paths)).toEqual([0, 1]);
    expect(statSync(options().file).blocks).toBe(used);
    expect(kept.notes.size).toBe(0);
  });

  it('of another size, resize or crop stand in another file', () => {
    const others = [
      { ...transform, imageSize: 24 },
      { ...transform, resize: 'square-bilinear' as const },
      { ...transform, colour: 'grey' as const },
      { ...transform, centerCrop: true },
    ].map((other) => keptPicturesOptions(other, LIMIT).file);
    expect(new Set([options().file, ...others]).size).toBe(5);
    expect(keptPicturesOptions({ ...transform, augment: 'strong' }, LIMIT).file).toBe(options().file);
  });

  it('stand one behind the other when their paths lead to the same slot', () => {
    const firsts = new Map<number, string>();
    let pair: [string, string] | undefined;
    for (let i = 0; pair === undefined; i++) {
      const path = inFolder(`${i}.png`);
      const slot = firstSlot(slotName(path));
      const other = firsts.get(slot);
      if (other !== undefined) pair = [other, path];
      firsts.set(slot, path);
    }
    const kept = openKeptPictures(options());
    for (const [i, path] of pair.entries()) {
      writeFileSync(path, '');
      kept.keep(path, stamp(path), pixelsOf(i));
    }
    expect(foundIn(pair)).toEqual([0, 1]);
    expect(kept.notes.size).toBe(0);
  });
});

describe('damage is noticed, told once and mended:', () => {
  it.each([
    ['a pixel', SLOT_HEADER + 5],
    ["the source's size", 24],
    ['the checksum', 4],
    ['the mark', 0],
  ])('%s that was edited', (what, at) => {
    const paths = fill(3);
    for (const path of paths) edit(options().file, placeOf(path) + at);
    const kept = openKeptPictures(options());
    expect(foundIn(paths, kept)).toEqual([]);
    for (const [i, path] of paths.entries()) kept.keep(path, stamp(path), pixelsOf(i));
    // An edited size says that the source was another.
    const told = what === "the source's size" ? [] : ['damaged'];
    expect([...kept.notes.keys()]).toEqual(told);
    for (const text of kept.notes.values())
      expect(text).toMatch(/16-shorter-bicubic-rgb-\w+\.pictures: what was kept of \S+ is damaged/);
    expect(foundIn(paths)).toEqual([0, 1, 2]);
  });

  it('a slot that was half written', () => {
    const paths = fill(1);
    const descriptor = openSync(options().file, 'r+');
    writeSync(descriptor, Buffer.alloc(PIXELS / 2), 0, PIXELS / 2, placeOf(paths[0] as string) + SLOT_HEADER + PIXELS / 2);
    closeSync(descriptor);
    const kept = openKeptPictures(options());
    expect(foundIn(paths, kept)).toEqual([]);
    kept.keep(paths[0] as string, stamp(paths[0] as string), pixelsOf(0));
    expect([...kept.notes.keys()]).toEqual(['damaged']);
    expect(foundIn(paths)).toEqual([0]);
  });

  it.each([
    ['in the middle of a slot', (paths: string[]) => placeOf(paths[0] as string) + 100],
    ['within its first page', () => 10],
  ])('a file that was cut off %s', (_, end) => {
    const paths = fill(20);
    truncateSync(options().file, end(paths));
    const kept = openKeptPictures(options());
    expect([...kept.notes.keys()]).toEqual(['damaged']);
    expect(foundIn(paths, kept).length).toBeLessThan(20);
    for (const [i, path] of paths.entries()) kept.keep(path, stamp(path), pixelsOf(i));
    expect(foundIn(paths)).toEqual(all(20));
  });

  it('a first page that was edited, and a file of another kind or key', () => {
    for (const spoil of [
      () => edit(options().file, 20),
      () => writeFileSync(options().file, 'x'.repeat(10_000)),
      () => {
        const other = keptPicturesOptions({ ...transform, imageSize: 24 }, LIMIT);
        openKeptPictures(other);
        const page = Buffer.alloc(PAGE);
        const descriptor = openSync(other.file, 'r');
        readSync(descriptor, page, 0, PAGE, 0);
        closeSync(descriptor);
        writeFileSync(options().file, page);
      },
    ]) {
      const paths = fill(3);
      spoil();
      const kept = openKeptPictures(options());
      expect(kept.notes.get('damaged')).toMatch(/its first page is damaged/);
      expect(foundIn(paths, kept)).toEqual([]);
      expect(fill(3)).toEqual(paths);
      expect(foundIn(paths)).toEqual([0, 1, 2]);
    }
  });
});

describe('where there is no room', () => {
  const keepAll = (kept: ReturnType<typeof openKeptPictures>, count: number) =>
    Array.from({ length: count }, (_, i) => {
      const path = source(`${i}.png`);
      kept.keep(path, stamp(path), pixelsOf(i));
      return path;
    });

  it('what --cache-pictures allows is kept, of all files together, and the rest is told of once', () => {
    const limit = 10 * PAGE;
    const kept = openKeptPictures(options(limit));
    const paths = keepAll(kept, 20);
    const count = foundIn(paths, kept).length;
    expect(count).toBeGreaterThanOrEqual(8);
    expect(count).toBeLessThan(10);
    expect(statSync(options().file).blocks * 512).toBeLessThanOrEqual(limit);
    expect(kept.notes.get('stopped')).toMatch(
      /No more decoded pictures are kept in \S+: they take 0 MB, and --cache-pictures allows 0 MB/,
    );
    const other = { ...keptPicturesOptions({ ...transform, colour: 'grey' }, limit) };
    const beside = openKeptPictures(other);
    expect(foundIn(keepAll(beside, 1), beside)).toEqual([]);
    expect([...beside.notes.keys()]).toEqual(['stopped']);
  });

  it('what is there already is made anew all the same', () => {
    const paths = fill(2);
    for (const path of paths) utimesSync(path, 1, 1);
    const kept = openKeptPictures(options(PAGE));
    for (const [i, path] of paths.entries()) kept.keep(path, stamp(path), pixelsOf(i));
    expect(foundIn(paths, kept)).toEqual([0, 1]);
    expect(kept.notes.size).toBe(0);
  });

  it('some of the disk stays free for checkpoints', () => {
    const kept = openKeptPictures(options(), Number.MAX_SAFE_INTEGER);
    expect(foundIn(keepAll(kept, 2), kept)).toEqual([]);
    expect(kept.notes.get('stopped')).toMatch(/less than \d+ MB are free on this disk/);
  });

  it('a write that fails is told of, leaves no half slot, and what is there is still found', async () => {
    const kept = openKeptPictures(options());
    // The slot of the first lies before the second's, and the limit of a file's size between them.
    const paths = keepAll(kept, 2).toSorted((a, b) => placeOf(a) - placeOf(b));
    const [low, high] = paths as [string, string];
    const fresh = keptPicturesOptions({ ...transform, colour: 'grey' }, LIMIT);
    openKeptPictures(fresh);
    const blocks = Math.ceil((placeOf(low) + PAGE) / 1024) + 4;
    const program = `
      import { openKeptPictures, stampOf } from ${JSON.stringify(keptUrl)};
      process.on('SIGXFSZ', () => {});
      const kept = openKeptPictures(${JSON.stringify(fresh)});
      const pixels = new Uint8Array(${PIXELS}).fill(7);
      const found = ${JSON.stringify([low, high])}.map((path) => {
        kept.keep(path, stampOf(path), pixels);
        return kept.find(path, stampOf(path)) !== undefined;
      });
      console.log(JSON.stringify({ found, notes: [...kept.notes] }));`;
    const { stdout } = await run('bash', [
      '-c',
      `ulimit -f ${blocks}; exec "$0" --input-type=module -e "$1"`,
      process.execPath,
      program,
    ]);
    const { found, notes } = JSON.parse(stdout);
    expect(found).toEqual([true, false]);
    expect(notes).toEqual([
      ['stopped', expect.stringContaining('the file gets larger than the file system or `ulimit -f` allows (EFBIG)')],
    ]);
  });

  it.each([
    ['a folder that is a file', () => writeFileSync(inFolder('kept'), ''), /a file stands where a folder is needed/],
    [
      'a file that is a folder',
      () => mkdirSync(options().file, { recursive: true }),
      /it is a folder, and a file was expected|is not a file/,
    ],
  ])('%s: pictures are made all the same', async (_, spoil, why) => {
    spoil();
    await writePng(inFolder('a.png'), 20, 20);
    const loader = loaderOfOne();
    const seen: number[] = [];
    for (const epoch of [0, 1]) for await (const { indices } of loader.epoch(epoch)) seen.push(...indices);
    await loader.close();
    expect(seen).toEqual([0, 0]);
    expect([...loader.notes].map(([kind]) => kind)).toEqual(['stopped']);
    expect(loader.notes.get('stopped')).toMatch(why);
  });
});

describe('many at once', () => {
  it('two processes that fill the file together, in threads, leave all pictures as they are', async () => {
    const samples = await Promise.all(
      Array.from({ length: 60 }, async (_, i) => {
        await writePng(inFolder(`${i}.png`), 20, 20, i);
        return { file: `${i}.png`, path: inFolder(`${i}.png`), label: 0 };
      }),
    );
    const base = { samples, transform, batchSize: 4, draw: 'shuffle', allowUnreadable: false, substitute: true } as const;
    const program = (seed: number) => `
      import { createBatchSource } from ${JSON.stringify(import.meta.resolve('#uafer/data/loader.js'))};
      const loader = createBatchSource({ ...${JSON.stringify(base)}, seed: ${seed}, workers: 2, keptBytes: ${LIMIT} });
      for (const epoch of [0, 1]) for await (const _ of loader.epoch(epoch));
      console.log(JSON.stringify([...loader.notes]));
      await loader.close();`;
    const runs = [1, 2].map((seed) => run(process.execPath, ['--input-type=module', '-e', program(seed)]));
    for (const { stdout } of await Promise.all(runs)) expect(stdout.trim()).toBe('[]');
    expect(readdirSync(inFolder('kept'))).toHaveLength(1);
    const kept = openKeptPictures(options());
    for (const { path } of samples) {
      const decoded = toSquare(await decodePicture(path), transform, path);
      const found = kept.find(path, stamp(path));
      expect(found && Buffer.from(found).equals(decoded)).toBe(true);
    }
  });
});

describe('parseKeptSize', () => {
  it.each([
    ['off', 0],
    ['8GB', 8e9],
    ['500 mb', 5e8],
    ['1.5TB', 1.5e12],
    ['0GB', 0],
  ])('%s is %d bytes', (text, bytes) => {
    expect(parseKeptSize(text)).toBe(bytes);
  });

  it('takes nothing else', () => {
    for (const text of ['', '8', 'GB', '-1GB', '8GiB', '8 GB ', 'on', '1e3MB']) expect(parseKeptSize(text)).toBeNull();
    fc.assert(fc.property(fc.string(), (text) => [null, 0].includes(parseKeptSize(text)) || /^[\d.]+ ?[MGT]B$/i.test(text)));
  });
});
