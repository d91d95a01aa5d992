import { spawn } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodePicture } from '#uafer/codec/decode.js';
import { controlsIn } from '../support/controls.js';
import { temporaryFolder } from '../support/pictures.js';
import { specialFiles } from '../support/specialFiles.js';
import { main, uafer } from './run.js';

const PHOTOS = fileURLToPath(new URL('../../examples/photos', import.meta.url));
const FACES = fileURLToPath(new URL('../../examples/faces/basic/Image/aligned_224', import.meta.url));
/** One of them is turned and grimaces so that MTCNN passes it over. */
const faces = readdirSync(FACES)
  .filter((name) => name !== 'John_McCallum_0002.jpg')
  .sort();

function photos(folder: string, count: number): string {
  const photosAt = join(folder, 'photos');
  mkdirSync(photosAt, { recursive: true });
  for (const name of faces.slice(0, count)) copyFileSync(join(FACES, name), join(photosAt, name));
  return photosAt;
}

/** What `faces.jsonl` says of a face. */
interface Found {
  score: number;
  written?: string;
}

type Four = [string, string, string, string];

/** A photo of these faces beside each other. */
async function group(path: string, of: readonly number[]): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  const shownFaces = of.map((face, i) => ({ input: join(FACES, faces[face] as string), left: 20 + i * 260, top: 40 }));
  const width = 40 + 260 * Math.max(1, of.length);
  const photo = sharp({ create: { width, height: 300, channels: 3, background: '#888888' } }).composite(shownFaces);
  await (path.endsWith('.jpg') ? photo.jpeg() : path.endsWith('.webp') ? photo.webp() : photo.png()).toFile(path);
}

const align = (...args: string[]) => uafer(['align', ...args], { cwd: tmpdir() });
const records = (out: string) =>
  readFileSync(join(out, 'faces.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
const tree = (folder: string) =>
  (readdirSync(folder, { recursive: true }) as string[]).filter((name) => statSync(join(folder, name)).isFile()).sort();
const contents = (folder: string) => tree(folder).map((name) => [name, readFileSync(join(folder, name)).toString('base64')]);

describe('uafer align', () => {
  it('aligns real faces, whatever the number of threads to the same bytes, and leaves the photos alone', async () => {
    using folder = temporaryFolder();
    const input = photos(folder.path, 12);
    const before = contents(input);
    const outs = ['1', '3'].map((workers) => ({ workers, out: join(folder.path, `out${workers}`) }));
    for (const { workers, out } of outs) {
      const { code, stdout, stderr } = await align(input, out, '--workers', workers, '--json', '--preview');
      expect(stderr).toContain('12 of 12 pictures aligned');
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toEqual({ pictures: 12, aligned: 12, withoutFace: 0, unreadable: 0, kept: 0 });
    }
    const [one, three] = outs.map(({ out }) => contents(out));
    expect(three).toEqual(one);
    expect(contents(input)).toEqual(before);
    const out = outs[0]?.out as string;
    for (const { file, faces: found } of records(out)) {
      const { width, height } = await sharp(join(out, file)).metadata();
      expect([width, height]).toEqual([224, 224]);
      const chosen = found.find((face: { written?: string }) => face.written === file);
      expect(chosen.score).toBeGreaterThan(0.7);
      expect(chosen.landmarks.leftEye.x).toBeLessThan(chosen.landmarks.rightEye.x);
    }
    expect((await sharp(join(out, 'preview.png')).metadata()).width).toBeGreaterThan(1000);
  });

  it('finishes 180 of 200 when 20 are bad, and lists those', async () => {
    using folder = temporaryFolder();
    const input = photos(folder.path, 180);
    for (let i = 0; i < 20; i++) writeFileSync(join(input, `bad${i}.jpg`), i % 2 ? '' : 'no picture');
    const out = join(folder.path, 'out');
    const { code, stderr } = await align(input, out);
    expect(stderr).toMatch(/180 of 200 pictures aligned in .*, 0 without a face, 20 unreadable/);
    expect(stderr).toContain('... and 10 more');
    expect(code).toBe(0);
    const left = readFileSync(join(out, 'left-out.txt'), 'utf8').trim().split('\n');
    expect(left).toHaveLength(20);
    expect(left[0]).toMatch(/^bad0\.jpg\t.*bad0\.jpg cannot be read as a picture: ./);
  });

  it('reads grey, CMYK, 16-bit, turned, animated, transparent and huge photos as what they show', async () => {
    using folder = temporaryFolder();
    const input = join(folder.path, 'photos');
    mkdirSync(input);
    const source = () => sharp(join(FACES, faces[3] as string));
    await source().png().toFile(join(input, 'plain.png'));
    await source().greyscale().toColourspace('b-w').png().toFile(join(input, 'grey.png'));
    await source().toColourspace('cmyk').jpeg({ quality: 98 }).toFile(join(input, 'cmyk.jpg'));
    await source().toColourspace('rgb16').png().toFile(join(input, 'deep.png'));
    await source().ensureAlpha(0.5).png().toFile(join(input, 'alpha.png'));
    // A quarter turn to the left, with the EXIF word that undoes it.
    await source().rotate(270).withMetadata({ orientation: 6 }).png().toFile(join(input, 'turned.png'));
    await source().webp({ lossless: true }).toFile(join(input, 'still.webp'));
    const frames = await Promise.all([
      source().png().toBuffer(),
      sharp({ create: { width: 224, height: 224, channels: 3, background: 'red' } })
        .png()
        .toBuffer(),
    ]);
    await sharp(frames, { join: { animated: true } })
      .gif()
      .toFile(join(input, 'animated.gif'));
    await source()
      .extend({ right: 5776, bottom: 3776, background: 'black' })
      .jpeg({ quality: 98 })
      .toFile(join(input, 'huge.jpg'));
    const out = join(folder.path, 'out');
    const { code, stderr } = await align(input, out, '--min-face-size', '60');
    expect(stderr).toContain('9 of 9 pictures aligned');
    expect(code).toBe(0);
    expect(existsSync(join(out, 'animated.gif.png'))).toBe(true);
    const plain = (await decodePicture(join(out, 'plain.png'))).data;
    for (const name of ['grey.png', 'deep.png', 'alpha.png', 'turned.png', 'still.webp.png', 'huge.jpg']) {
      const { data } = await decodePicture(join(out, name));
      const difference = data.reduce((sum, value, i) => sum + Math.abs(value - (plain[i] as number)), 0) / data.length;
      // The face is grey. Another format moves a landmark by a fraction of a pixel at most.
      expect(difference, name).toBeLessThan(4);
    }
  });

  it('does by option what is wanted with a photo without a face', async () => {
    using folder = temporaryFolder();
    const input = join(folder.path, 'photos');
    mkdirSync(input);
    await sharp({ create: { width: 300, height: 200, channels: 3, background: '#336699' } })
      .jpeg()
      .toFile(join(input, 'sea.jpg'));
    for (const [what, size] of [
      ['skip', null],
      ['centre', [224, 224]],
      ['copy', [300, 200]],
    ] as const) {
      const out = join(folder.path, what);
      const { stderr, code } = await align(input, out, '--no-face', what);
      expect(stderr).toContain('sea.jpg: no face was found');
      expect(code).toBe(0);
      expect(existsSync(join(out, 'sea.jpg'))).toBe(size !== null);
      if (size === null) continue;
      const { width, height } = await sharp(join(out, 'sea.jpg')).metadata();
      expect([width, height]).toEqual(size);
    }
  });

  it('aligns every face of a photo on request, numbered', async () => {
    using folder = temporaryFolder();
    const photo = join(folder.path, 'group.jpg');
    const two = faces.slice(0, 2).map((name, i) => ({ input: join(FACES, name), left: 20 + i * 260, top: 40 }));
    await sharp({ create: { width: 540, height: 300, channels: 3, background: '#888888' } })
      .composite(two)
      .jpeg()
      .toFile(photo);
    const out = join(folder.path, 'out');
    expect((await align(photo, out, '--faces', 'all')).code).toBe(0);
    expect(tree(out).filter((name) => name.endsWith('.jpg'))).toEqual(['group_1.jpg', 'group_2.jpg']);
    const single = join(folder.path, 'single');
    await align(photo, single, '--faces', 'central', '--style', 'margin', '--margin', '20', '--size', '96');
    expect((await sharp(join(single, 'group.jpg')).metadata()).width).toBe(96);
  });

  it('gives no face the name of another photo, with any number of threads, and after an interruption', async () => {
    using folder = temporaryFolder();
    const input = photos(folder.path, 30);
    // Aligned, a.jpg's two faces, a_1.jpg's one and a_2.jpg's two would share names; x.webp and x.webp.png too.
    await group(join(input, 'a.jpg'), [0, 1]);
    await group(join(input, 'a_1.jpg'), [2]);
    await group(join(input, 'a_2.jpg'), [3, 4]);
    await group(join(input, 'a_9.jpg'), []);
    await group(join(input, 'x.webp'), [5]);
    await group(join(input, 'x.webp.png'), [6]);
    await group(join(input, 'preview.png'), [7]);
    const outs = ['1', '3'].map((workers) => ({ workers, out: join(folder.path, `out${workers}`) }));
    for (const { workers, out } of outs) {
      const { stderr, code } = await align(input, out, '--faces', 'all', '--workers', workers, '--preview');
      expect(stderr).toContain('36 of 37 pictures aligned');
      expect(stderr).toContain(`Preview: ${join(out, 'preview_.png')}`);
      expect(code).toBe(0);
    }
    const out = outs[0]?.out as string;
    const written = new Map(records(out).map(({ file, faces: found }) => [file, found.map((face: Found) => face.written)]));
    expect(written.get('a.jpg')).toEqual(['a_1_.jpg', 'a_2_.jpg']);
    expect(written.get('a_1.jpg')).toEqual(['a_1.jpg']);
    expect(written.get('a_2.jpg')).toEqual(['a_2_1.jpg', 'a_2_2.jpg']);
    expect(written.get('x.webp')).toEqual(['x.webp_.png']);
    expect(written.get('x.webp.png')).toEqual(['x.webp.png']);
    const all = [...written.values()].flat();
    expect([all.length, new Set(all).size]).toEqual([38, 38]);
    expect(tree(out)).toEqual([...all, 'faces.jsonl', 'left-out.txt', 'preview_.png'].sort());
    expect(contents(outs[1]?.out as string)).toEqual(contents(out));

    const broken = join(folder.path, 'broken');
    const args = ['align', input, broken, '--faces', 'all', '--workers', '1', '--preview'];
    expect((await interrupted(args, join(broken, 'faces.jsonl'))).code).toBe(130);
    await uafer(args);
    expect(contents(broken)).toEqual(contents(out));
  });

  it('mends what an earlier version wrote over each other, and leaves other photos of an earlier run alone', async () => {
    using folder = temporaryFolder();
    const [both, first, second, out] = ['both', 'first', 'second', 'out'].map((name) => join(folder.path, name)) as Four;
    await group(join(both, 'a.jpg'), [0, 1]);
    await group(join(both, 'a_1.jpg'), [2]);
    await align(both, out, '--faces', 'all');
    // As uafer 0.1.0 left it: both photos claim a_1.jpg, which holds the face of one of them.
    const log = join(out, 'faces.jsonl');
    writeFileSync(log, readFileSync(log, 'utf8').replace('"a_1_.jpg"', '"a_1.jpg"'));
    copyFileSync(join(out, 'a_1_.jpg'), join(out, 'a_1.jpg'));
    rmSync(join(out, 'a_1_.jpg'));
    const mended = await align(both, out, '--faces', 'all', '--json');
    expect(JSON.parse(mended.stdout)).toMatchObject({ aligned: 2, kept: 0 });
    const fresh = join(folder.path, 'fresh');
    await align(both, fresh, '--faces', 'all');
    expect(contents(out)).toEqual(contents(fresh));

    await group(join(first, 'b.jpg'), [3, 4]);
    await group(join(second, 'b_1.jpg'), [5]);
    await align(first, out, '--faces', 'all');
    const before = readFileSync(join(out, 'b_1.jpg'));
    await align(second, out, '--faces', 'all');
    expect(readFileSync(join(out, 'b_1.jpg'))).toEqual(before);
    expect(existsSync(join(out, 'b_1_.jpg'))).toBe(true);
    for (const input of [first, second, both])
      expect(JSON.parse((await align(input, out, '--faces', 'all', '--json')).stdout)).toMatchObject({
        withoutFace: 0,
        unreadable: 0,
      });
    expect(JSON.parse((await align(both, out, '--faces', 'all', '--json')).stdout).kept).toBe(2);
  });

  it('shows on the sheet all that was written of a photo', async () => {
    using folder = temporaryFolder();
    const photo = join(folder.path, 'group.jpg');
    await group(photo, [0, 1, 2]);
    const out = join(folder.path, 'out');
    await align(photo, out, '--faces', 'all', '--preview');
    const [record] = records(out);
    const written: string[] = record.faces.map((face: Found) => face.written);
    expect(written).toHaveLength(3);
    for (const [i, name] of written.entries()) {
      // Squares of 112 pixels, two in a row; the number in the corner is left out.
      const shownAt = { left: 240 + (i % 2) * 112 + 14, top: 8 + Math.floor(i / 2) * 112 + 14, width: 98, height: 98 };
      const onSheet = await sharp(join(out, 'preview.png')).extract(shownAt).removeAlpha().raw().toBuffer();
      const result = await sharp(join(out, name)).resize(112, 112).png().toBuffer();
      const expected = await sharp(result).extract({ left: 14, top: 14, width: 98, height: 98 }).raw().toBuffer();
      // Laying one over the other rounds once more.
      const off = Math.max(...onSheet.map((value, at) => Math.abs(value - (expected[at] as number))));
      expect(off, name).toBeLessThanOrEqual(1);
    }
  });

  it('shows a turned photo on the sheet as alignment saw it, with landmarks given and without', async () => {
    using folder = temporaryFolder();
    const input = join(folder.path, 'photos');
    mkdirSync(input);
    // Above red, below blue in the stored rows, which EXIF says are to be turned by a quarter to the right.
    const half = (background: string) =>
      sharp({ create: { width: 200, height: 80, channels: 3, background } })
        .png()
        .toBuffer();
    await sharp(await half('red'))
      .extend({ bottom: 80, background: 'blue' })
      .withMetadata({ orientation: 6 })
      .png()
      .toFile(join(input, 'a.png'));
    writeFileSync(join(folder.path, 'a.txt'), '70 60\n130 60\n100 80\n80 100\n120 100\n');
    const colours = async (...options: string[]) => {
      const out = join(folder.path, `out${options.length}`);
      expect((await align(input, out, '--preview', ...options)).code).toBe(0);
      const [{ width, height }] = records(out);
      const sheet = await sharp(join(out, 'preview.png')).removeAlpha().raw().toBuffer({ resolveWithObject: true });
      const at = (x: number, y: number) => [...sheet.data.subarray((y * sheet.info.width + x) * 3).subarray(0, 3)];
      return { size: [width, height], left: at(20, 20), right: at(170, 20), below: at(20, 170) };
    };
    const [red, blue] = [
      [255, 0, 0],
      [0, 0, 255],
    ];
    expect(await colours('--landmarks', folder.path)).toEqual({ size: [200, 160], left: red, right: red, below: blue });
    expect(await colours()).toEqual({ size: [160, 200], left: blue, right: red, below: blue });
  });

  it('shows names that would act on a terminal as they are, everywhere', async () => {
    using folder = temporaryFolder();
    const input = photos(folder.path, 0);
    const name = 'a\x1b[31m\x9b2J\u202egpj\nb & <c>';
    await group(join(input, `${name}.jpg`), [0]);
    writeFileSync(join(input, `${name}\t.png`), 'no picture');
    writeFileSync(join(folder.path, 'list.txt'), `photos/gone\x1b[2J.jpg\n`);
    const out = join(folder.path, 'out\x1b[5m');
    const { code, stderr, stdout } = await align(input, out, '--preview', '--json');
    expect(stderr).toContain('1 of 2 pictures aligned');
    expect(stderr).toContain('a\\x1b[31m\\x9b2J\\u202egpj\\nb & <c>\\t.png cannot be read as a picture');
    expect(code).toBe(0);
    expect(existsSync(join(out, 'preview.png'))).toBe(true);
    const left = readFileSync(join(out, 'left-out.txt'), 'utf8');
    expect(left.split('\n')).toHaveLength(2);
    expect(left).toMatch(/^a\\x1b\[31m\\x9b2J\\u202egpj\\nb & <c>\\t\.png\t.* cannot be read as a picture: ./);
    const list = await align(join(folder.path, 'list.txt'), join(folder.path, 'out2'));
    expect(list.stderr).toMatch(/list\.txt:1: there is no picture .*gone\\x1b\[2J\.jpg/);
    for (const text of [stderr, stdout, list.stderr, left.replaceAll('\t', '')]) expect(controlsIn(text)).toEqual([]);
  });

  it('aligns with the fast detector too, and its options', async () => {
    using folder = temporaryFolder();
    const photo = join(PHOTOS, 'three.jpg');
    const found: number[] = [];
    for (const [name, ...options] of [['full'], ['short', '--range', 'short', '--threshold', '0.4']] as const) {
      const out = join(folder.path, name);
      const { code } = await align(photo, out, '--detector', 'blazeface', '--faces', 'all', ...options);
      expect(code).toBe(0);
      found.push(tree(out).filter((file) => file.endsWith('.jpg')).length);
    }
    expect(found[0]).toBe(3);
  });

  it("aligns by given landmarks, and names the line of a landmark file that isn't right", async () => {
    using folder = temporaryFolder();
    const input = photos(folder.path, 2);
    const landmarks = join(folder.path, 'manual');
    mkdirSync(landmarks);
    const [first, second] = faces.map((name) => name.replace(/\.jpg$/, '')) as [string, string];
    writeFileSync(join(landmarks, `${first}_manu_attri.txt`), '70\t90\n150\t88\n110\t140\n80\t180\n145\t182\n0\n0\n0\n');
    writeFileSync(join(landmarks, `${second}.txt`), '70 90\n150 eighty\n');
    const out = join(folder.path, 'out');
    const { code, stderr } = await align(input, out, '--landmarks', landmarks);
    expect(code).toBe(0);
    expect(stderr).toContain(`${second}.txt:2: expected "x y", found "150 eighty"`);
    expect(stderr).toContain('1 of 2 pictures aligned');
    const [record] = records(out);
    expect(record.faces[0].landmarks.nose).toEqual({ x: 110, y: 140 });
  });

  it('goes on after Ctrl-C, makes nothing twice, and makes all anew with other settings', async () => {
    using folder = temporaryFolder();
    const input = photos(folder.path, 60);
    const out = join(folder.path, 'out');
    const stopped = await interrupted(['align', input, out, '--workers', '1'], join(out, 'faces.jsonl'));
    expect(stopped.stderr).toContain('Stopped. The same command goes on.');
    expect(stopped.code).toBe(130);
    const done = records(out).length;
    expect(done).toBeGreaterThan(0);
    expect(done).toBeLessThan(60);

    const resumed = await align(input, out, '--json');
    expect(resumed.code).toBe(0);
    expect(JSON.parse(resumed.stdout)).toMatchObject({ pictures: 60, kept: done });
    const whole = join(folder.path, 'whole');
    await align(input, whole, '--quiet');
    expect(contents(out)).toEqual(contents(whole));

    const times = () =>
      tree(out)
        .filter((name) => name.endsWith('.jpg'))
        .map((name) => statSync(join(out, name)).mtimeMs);
    const before = times();
    expect(JSON.parse((await align(input, out, '--json')).stdout).kept).toBe(60);
    expect(times()).toEqual(before);
    expect(JSON.parse((await align(input, out, '--json', '--size', '112')).stdout).kept).toBe(0);
  });

  it.each([
    [['photos'], 'align: expected photos and, last, the folder'],
    [['nowhere', 'out'], 'nowhere does not exist: expected a picture, a folder or a list'],
    [['--sise', '3', 'a', 'b'], "unknown option '--sise'"],
    [['--size', '3', 'a', 'b'], 'Expected a whole number from 8 to 4096'],
    [['--thresholds', '0.6,0.7', 'a', 'b'], 'Expected 3 numbers with commas between, each between 0 and 1'],
    [['--range', 'short', 'photos', 'b'], '--range belongs to --detector blazeface, and the detector is mtcnn'],
    [['--detector', 'viola', 'a', 'b'], 'Allowed choices are'],
    [['--margin', '224', 'a', 'b'], '--margin 224: expected less than --size 224'],
  ])('refuses %j', async (args, message) => {
    using folder = temporaryFolder();
    photos(folder.path, 1);
    const { code, stderr } = await uafer(['align', ...args], { cwd: folder.path });
    expect(stderr).toContain(message);
    expect(code).toBe(2);
    expect(readdirSync(folder.path)).toEqual(['photos']);
  });

  it('says which picture could not be written, and keeps the others', async () => {
    using folder = temporaryFolder();
    const input = photos(folder.path, 3);
    mkdirSync(join(input, 'z'));
    copyFileSync(join(FACES, faces[0] as string), join(input, 'z', 'last.jpg'));
    const out = join(folder.path, 'out');
    mkdirSync(out);
    writeFileSync(join(out, 'z'), 'a file where a folder is needed');
    const { code, stderr } = await align(input, out, '--workers', '1');
    expect(stderr).toMatch(/last\.jpg could not be aligned: .*(ENOTDIR|EEXIST).*the same command goes on/);
    expect(code).toBe(1);
    expect(records(out)).toHaveLength(3);
  });

  it('goes on beside what is no file, links that lead in a circle, and one that leads back to its own folder', async () => {
    using folder = temporaryFolder();
    const input = photos(folder.path, 2);
    for (const { name, make } of specialFiles) await make(join(input, `${name}.jpg`), folder.path);
    symlinkSync('circle.jpg', join(input, 'circle.jpg'));
    symlinkSync('nothing', join(input, 'nowhere.jpg'));
    symlinkSync('.', join(input, 'again'));
    const out = join(folder.path, 'out');
    const { code, stderr } = await align(input, out);
    expect(stderr).toContain('2 of 7 pictures aligned');
    for (const { name, said } of specialFiles.filter(({ name }) => name !== 'folder'))
      expect(stderr).toContain(`${name}.jpg cannot be read as a picture: ${said}`);
    expect(stderr).toContain('circle.jpg cannot be read as a picture: symbolic links lead in a circle (ELOOP)');
    expect(stderr).toContain('nowhere.jpg cannot be read as a picture: it does not exist (ENOENT)');
    expect(code).toBe(0);
    const again = await align(input, out, '--json');
    expect(JSON.parse(again.stdout)).toMatchObject({ pictures: 7, aligned: 2, unreadable: 5, kept: 2 });
  });

  it('fails when none of the pictures can be read', async () => {
    using folder = temporaryFolder();
    writeFileSync(join(folder.path, 'a.jpg'), 'x');
    const { code, stderr } = await align(join(folder.path, 'a.jpg'), join(folder.path, 'out'));
    expect(stderr).toContain('None of the pictures could be read.');
    expect(code).toBe(1);
  });
});

/** Runs the command and sends it Ctrl-C once its log has some lines. */
function interrupted(args: readonly string[], log: string): Promise<{ code: number | null; stderr: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [main, ...args]);
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    const poll = setInterval(() => {
      if (!existsSync(log) || readFileSync(log, 'utf8').split('\n').length < 4) return;
      clearInterval(poll);
      child.kill('SIGINT');
    }, 5);
    child.on('close', (code) => {
      clearInterval(poll);
      resolve({ code, stderr });
    });
  });
}
