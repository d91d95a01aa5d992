import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { loadDataset } from '#uafer/data/datasets.js';
import { planFolder } from '#uafer/prepare/folder.js';
import { localMaker } from '#uafer/prepare/maker.js';
import type { WriteOptions } from '#uafer/prepare/write.js';
import { contentsOf } from '../support/folders.js';
import { temporaryFolder } from '../support/pictures.js';
import { writeFace, writeRawFolder } from '../support/rawSets.js';
import { fakeMaker, prepare } from './prepared.js';

const ALIGNED = { align: 'similarity' } as const;

/** Prepares the class folders of `root/raw`, with an aligner that finds every face unless told otherwise. */
async function run(root: string, options: Partial<WriteOptions> = {}, align: 'similarity' | 'none' = 'similarity') {
  const maker = align === 'none' ? localMaker(null) : fakeMaker().maker;
  return prepare(root, await planFolder(join(root, 'raw'), { align }), { maker, ...options });
}

describe('a folder of pictures', () => {
  it('is copied aligned into the same folders; names follow the format', async () => {
    using folder = temporaryFolder();
    await writeRawFolder(join(folder.path, 'raw'));
    const before = contentsOf(join(folder.path, 'raw'));
    expect(await run(folder.path)).toMatchObject({ made: 12, leftOut: [], withoutFace: 0 });
    const { train, test } = loadDataset({ name: 'folder', dataPath: join(folder.path, 'out') });
    expect(train.map(({ file }) => file).slice(0, 3)).toEqual([
      'train/happy/jpg-face.jpg',
      'train/happy/png-face.png',
      'train/happy/webp-face.webp.png',
    ]);
    for (const { path } of [...train, ...test]) {
      const { format, width, height } = await sharp(path).metadata();
      expect([path.endsWith('.jpg') ? 'jpeg' : 'png', 224, 224]).toEqual([format, width, height]);
    }
    expect(contentsOf(join(folder.path, 'raw'))).toEqual(before);
  });

  it('stays unsplit when it is', async () => {
    using folder = temporaryFolder();
    for (const expression of ['happy', 'sad']) {
      for (let i = 0; i < 6; i++) await writeFace(join(folder.path, 'raw', expression, `${i}.png`), expression);
    }
    await run(folder.path, {}, 'none');
    const raw = loadDataset({ name: 'folder', dataPath: join(folder.path, 'raw') });
    const out = loadDataset({ name: 'folder', dataPath: join(folder.path, 'out') });
    expect(out.test.map(({ file }) => file)).toEqual(raw.test.map(({ file }) => file));
  });

  it('refuses two pictures that would have one name', async () => {
    using folder = temporaryFolder();
    await writeRawFolder(join(folder.path, 'raw'));
    await writeFace(join(folder.path, 'raw/train/sad/webp-face.webp.png'), 'sad');
    await expect(run(folder.path)).rejects.toThrow(
      /webp-face\.webp and .*webp-face\.webp\.png would both become train\/sad\/webp-face\.webp\.png/,
    );
    expect(existsSync(join(folder.path, 'out'))).toBe(false);
  });
});

describe('a run', () => {
  it('makes nothing twice, and after an interruption the rest', async () => {
    using folder = temporaryFolder();
    await writeRawFolder(join(folder.path, 'raw'));
    const controller = new AbortController();
    const onProgress = (done: number) => {
      if (done === 5) controller.abort();
    };
    const interrupted = run(folder.path, { signal: controller.signal, workers: 1, onProgress });
    await expect(interrupted).rejects.toMatchObject({
      code: 'INTERRUPTED',
      message: 'Stopped after 5 of 12 pictures; the same command goes on from there.',
    });
    // Half a data set must not be taken for one.
    expect(existsSync(join(folder.path, 'out/train'))).toBe(false);
    expect(await run(folder.path)).toMatchObject({ made: 7 });
    const whole = contentsOf(join(folder.path, 'out'));
    expect(await run(folder.path)).toMatchObject({ made: 0 });
    expect(contentsOf(join(folder.path, 'out'))).toEqual(whole);

    using other = temporaryFolder();
    mkdirSync(join(other.path, 'out'));
    symlinkSync(join(folder.path, 'raw'), join(other.path, 'raw'));
    await run(other.path, { workers: 3 });
    expect(contentsOf(join(other.path, 'out'))).toEqual(whole);
  });

  it('goes on after a kill that cut the journal off and left the folders half moved', async () => {
    using folder = temporaryFolder();
    const out = join(folder.path, 'out');
    await writeRawFolder(join(folder.path, 'raw'));
    await run(folder.path);
    const whole = contentsOf(out);
    const journal = readFileSync(join(out, 'pictures.jsonl'), 'utf8');
    writeFileSync(join(out, 'pictures.jsonl'), journal.slice(0, -20));
    mkdirSync(join(out, 'unfinished'));
    renameSync(join(out, 'train'), join(out, 'unfinished/train'));
    writeFileSync(
      join(out, 'prepare.json'),
      readFileSync(join(out, 'prepare.json'), 'utf8').replace('"finished": true', '"finished": false'),
    );
    expect(await run(folder.path)).toMatchObject({ made: 1 });
    expect(contentsOf(out)).toEqual(whole);
  });

  it('makes anew what changed in the raw files or went missing, and takes away what is no longer there', async () => {
    using folder = temporaryFolder();
    const raw = join(folder.path, 'raw');
    await writeRawFolder(raw);
    await run(folder.path, {}, 'none');
    await writeFace(join(raw, 'train/sad/png-face.png'), 'anger');
    utimesSync(join(raw, 'train/sad/png-face.png'), 1, 1);
    rmSync(join(folder.path, 'out/test/sad/jpg-face.jpg'));
    rmSync(join(raw, 'test/happy/jpg-face.jpg'));
    expect(await run(folder.path, {}, 'none')).toMatchObject({ made: 2 });
    const pictures = (files: Record<string, string>) => Object.entries(files).filter(([name]) => name.includes('face'));
    expect(pictures(contentsOf(join(folder.path, 'out')))).toEqual(pictures(contentsOf(raw)));
  });

  it('refuses a folder with other settings, with other things, and one in the raw download', async () => {
    using folder = temporaryFolder();
    await writeRawFolder(join(folder.path, 'raw'));
    await run(folder.path);
    await expect(run(folder.path, fakeMaker(undefined, 'centre'))).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringMatching(/prepared otherwise: .*"noFace":"skip".*, not .*"noFace":"centre"/),
    });
    await expect(run(folder.path, {}, 'none')).rejects.toThrow('prepared otherwise');
    const other = join(folder.path, 'other');
    mkdirSync(other);
    writeFileSync(join(other, 'thesis.txt'), '');
    await expect(run(folder.path, { out: other })).rejects.toThrow('holds files that are not from `uafer prepare`');
    symlinkSync(join(folder.path, 'raw'), join(folder.path, 'link'));
    for (const inside of ['raw', 'raw/out', 'link/deep/out'])
      await expect(run(folder.path, { out: join(folder.path, inside) })).rejects.toMatchObject({ code: 'USAGE' });
    expect(existsSync(join(folder.path, 'raw/out'))).toBe(false);
    // A name that only begins like the raw folder's is another folder.
    await run(folder.path, { out: join(folder.path, 'raw-aligned') });
  });
});

describe('pictures that are not as they should be', () => {
  it.each([
    ['skip', 'skipped', null],
    ['centre', 'centred', [224, 224]],
    ['copy', 'copied', [300, 224]],
  ] as const)('without a face, --no-face %s', async (noFace, outcome, size) => {
    using folder = temporaryFolder();
    const raw = join(folder.path, 'raw');
    await writeRawFolder(raw);
    const wide = join(raw, 'train/sad/wide.png');
    await sharp({ create: { width: 300, height: 224, channels: 3, background: 'blue' } })
      .png()
      .toFile(wide);
    const { maker } = fakeMaker(({ width }) => width !== 300, noFace);
    const { leftOut, withoutFace } = await run(folder.path, { maker });
    const journal = readFileSync(join(folder.path, 'out/pictures.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(journal.find(({ path }) => path === 'train/sad/wide.png')).toMatchObject({ outcome, why: 'no face was found' });
    expect(leftOut).toEqual(size ? [] : [{ where: wide, why: 'no face was found' }]);
    expect(readFileSync(join(folder.path, 'out/left-out.txt'), 'utf8')).toBe(size ? '' : `${wide}\tno face was found\n`);
    expect(withoutFace).toBe(size ? 1 : 0);
    const out = join(folder.path, 'out/train/sad/wide.png');
    const { width, height } = existsSync(out) ? await sharp(out).metadata() : {};
    expect(width === undefined ? null : [width, height]).toEqual(size);
    // It is not asked for again.
    expect(await run(folder.path, { maker })).toMatchObject({ made: 0 });
  });

  it('that cannot be read stop the run when they are more than 1%, unless allowed; mended, it goes on', async () => {
    using folder = temporaryFolder();
    const raw = join(folder.path, 'raw');
    await writeRawFolder(raw);
    const broken = join(raw, 'test/sad/jpg-face.jpg');
    const good = readFileSync(broken);
    writeFileSync(broken, good.subarray(0, 3000));
    writeFileSync(join(raw, 'test/sad/empty.png'), '');
    await expect(run(folder.path)).rejects.toThrow(
      /2 of 13 pictures cannot be read[\s\S]*--allow-unreadable[\s\S]*jpg-face\.jpg cannot be read as a picture/,
    );
    expect(existsSync(join(folder.path, 'out/train'))).toBe(false);
    const { leftOut, counts } = await run(folder.path, { allowUnreadable: true });
    expect(leftOut.map(({ why }) => why)).toEqual(['it cannot be read', 'it cannot be read']);
    expect(counts.parts[1]).toEqual({ name: 'test', counts: [3, 2] });
    writeFileSync(broken, good);
    expect((await run(folder.path, { allowUnreadable: true })).counts.parts[1]).toEqual({ name: 'test', counts: [3, 3] });
  });
});

describe('planFolder', () => {
  it('names what the loader would refuse', async () => {
    using folder = temporaryFolder();
    await writeRawFolder(folder.path);
    writeFileSync(join(folder.path, 'train/sad/notes.txt'), '');
    await expect(planFolder(folder.path, ALIGNED)).rejects.toThrow(/notes\.txt is no picture/);
  });
});
