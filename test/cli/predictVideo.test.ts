/** `uafer predict` on videos and cameras, through the real command line. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { predictionLineSchema } from '#uafer/predict/predictionLine.js';
import { type ClipLine, type FrameLine, videoLineSchema } from '#uafer/predict/videoLine.js';
import { PATH_WITH_FFMPEG, probed, runFfmpeg, writeFilm } from '../support/ffmpeg.js';
import { exampleFilm, FILM_RATE } from '../support/film.js';
import { photoPath } from '../support/photos.js';
import { temporaryFolder } from '../support/pictures.js';
import { main, uafer } from './run.js';

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());
const at = (...parts: string[]) => join(folder.path, ...parts);
const env = { PATH: PATH_WITH_FFMPEG };

const predict = (args: string[], options: { env?: Record<string, string>; stdoutTo?: string } = {}) =>
  uafer(['predict', '--threads', '1', ...args], { cwd: folder.path, env, ...options });
const lines = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
const clipOf = (text: string) => lines(text).at(-1) as ClipLine;

beforeAll(async () => {
  const film = await exampleFilm();
  writeFilm(at('film.mp4'), film, { rate: FILM_RATE });
  // Half a second of two scenes: what most tests need.
  writeFilm(at('short.mp4'), [...film.slice(0, 5), ...film.slice(25, 30)], { rate: FILM_RATE });
  runFfmpeg(['-f', 'lavfi', '-i', 'testsrc=size=160x120:rate=10:duration=0.5', '-c:v', 'libx264', at('faceless.mp4')]);
  copyFileSync(photoPath('three.jpg'), at('three.jpg'));
});

describe('what is printed', () => {
  it('for a person: what each face showed, when and how surely', async () => {
    const { code, stdout, stderr } = await predict(['film.mp4', '--every', '2']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/9 faces in 1 video\.\n$/) });
    const [head, ...faces] = stdout.trim().split('\n');
    expect(head).toBe('film.mp4: 0:09.4, 48 frames, 9 faces');
    expect(faces).toHaveLength(9);
    expect(faces[3]).toMatch(/^ {2}face 4 {2}0:02\.6 to 0:04\.\d {2}happy 100% +uncertainty 0\.\d\d$/);
    expect(faces[8]).toMatch(
      /^ {2}face 9 {2}0:06\.6 to 0:09\.4 {2}happy \d+%, sad \d+% +uncertainty 0\.\d\d, people would disagree \d+%$/,
    );
  });

  it('as JSON: a line a frame and one of the whole, which hold to the schema', async () => {
    const { code, stdout, stderr } = await predict(['short.mp4', '--json', '--quiet']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const found = lines(stdout).map((line) => videoLineSchema.parse(line));
    expect(found).toEqual(lines(stdout));
    const frames = found.slice(0, -1) as FrameLine[];
    expect(frames.map(({ frame, cut }) => [frame, cut])).toEqual(Array.from({ length: 10 }, (_, i) => [i, i === 5]));
    expect(frames.map(({ faces }) => faces.map(({ track }) => track))).toEqual([
      ...Array.from({ length: 5 }, () => [1, 2]),
      ...Array.from({ length: 5 }, () => [3]),
    ]);
    const { clip } = clipOf(stdout);
    expect(clip).toMatchObject({ duration: 0.9, frames: 10, complete: true, problems: [], others: 0 });
    expect(clip.faces.map(({ track, from, to, frames }) => [track, from, to, frames])).toEqual([
      [1, 0, 0.4, 5],
      [2, 0, 0.4, 5],
      [3, 0.5, 0.9, 5],
    ]);
  });

  it('as lines where something changes', async () => {
    const { stdout } = await predict(['short.mp4', '--json', '--changes', '--quiet']);
    const changes = lines(stdout).slice(0, -1);
    for (const line of changes) videoLineSchema.parse(line);
    const came = changes.filter(({ change }) => change === 'came').map(({ track, frame }) => [track, frame]);
    const left = changes.filter(({ change }) => change === 'left').map(({ track, frame }) => [track, frame]);
    expect({ came, left: left.sort() }).toEqual({
      came: [
        [1, 0],
        [2, 0],
        [3, 5],
      ],
      left: [
        [1, 5],
        [2, 5],
      ],
    });
    const text = (await predict(['short.mp4', '--changes', '--quiet'])).stdout;
    expect(text).toMatch(/^0:00\.0 {2}face 1 {2}neutral \d+%, uncertainty 0\.\d\d/);
    expect(text).toContain('0:00.5  face 1  gone\n');
    expect(text).toContain('short.mp4: 0:00.9, 10 frames, 3 faces');
  });

  it('as CSV: a row a face of a frame, or a change, with columns that photos leave empty', async () => {
    const { stdout } = await predict(['three.jpg', 'short.mp4', '--csv', '--quiet']);
    const rows = parse(stdout, { columns: true }) as Record<string, string>[];
    expect(rows).toHaveLength(3 + 10 + 5);
    expect(rows[0]).toMatchObject({ file: 'three.jpg', frame: '', track: '', 'expression over time': '' });
    expect(rows.at(-1)).toMatchObject({
      file: 'short.mp4',
      frame: '9',
      time: '0.9',
      track: '3',
      'decision over time': 'report',
    });
    const changes = parse((await predict(['short.mp4', '--csv', '--changes', '--quiet'])).stdout, { columns: true });
    expect((changes as { change: string }[]).filter(({ change }) => change === 'left')).toHaveLength(2);
  });

  it('of photos alone has the columns that it had', async () => {
    expect((await predict(['three.jpg', '--csv', '--quiet'])).stdout.split('\n')[0]).not.toContain('track');
  });

  it('of a video without a face is that', async () => {
    expect((await predict(['faceless.mp4'])).stdout).toBe('faceless.mp4: 0:00.4, 5 frames, no face\n');
    const { clip } = clipOf((await predict(['faceless.mp4', '--json', '--quiet'])).stdout);
    expect(clip).toMatchObject({ frames: 5, faces: [] });
    const rows = parse((await predict(['faceless.mp4', '--csv', '--quiet'])).stdout, { columns: true });
    expect(rows).toHaveLength(5);
  });
});

describe('photos and videos together', () => {
  it('come in the order of the list, each in its form, and what cannot be read is an answer too', async () => {
    writeFileSync(at('broken.mp4'), 'no video');
    writeFileSync(at('list.txt'), 'three.jpg\nshort.mp4\nbroken.mp4\nthree.jpg\n');
    const { code, stdout, stderr } = await predict(['list.txt', '--json', '--every', '5']);
    expect(code).toBe(0);
    const found = lines(stdout);
    expect(found.map(({ file }) => file)).toEqual([
      ...['three.jpg', 'short.mp4', 'short.mp4', 'short.mp4'],
      ...['broken.mp4', 'three.jpg'],
    ]);
    expect(predictionLineSchema.parse(found[0])).toEqual(predictionLineSchema.parse(found[5]));
    expect(found[4]).toEqual({ file: 'broken.mp4', error: expect.stringMatching(/^broken\.mp4 cannot be read as a video: /) });
    expect(stderr).toContain('9 faces in 2 pictures and 2 videos, 1 unreadable.');
  });

  it('are found in a folder and by a pattern', async () => {
    mkdirSync(at('both'));
    copyFileSync(at('short.mp4'), at('both/b.mp4'));
    copyFileSync(at('three.jpg'), at('both/a.jpg'));
    writeFileSync(at('both/c.md'), 'left alone');
    writeFileSync(at('both/program.ts'), 'left alone too');
    const files = async (input: string) => [
      ...new Set(lines((await predict([input, '--json', '--every', '9', '--quiet'])).stdout).map(({ file }) => file)),
    ];
    expect(await files('both')).toEqual(['both/a.jpg', 'both/b.mp4']);
    expect(await files('both/*.mp4')).toEqual(['both/b.mp4']);
  });

  it('all of which cannot be read are a failure', async () => {
    writeFileSync(at('broken.mp4'), 'no video');
    expect(await predict(['broken.mp4'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('None of the inputs could be read'),
    });
  });

  it('of which some are damaged are read as far as they go', async () => {
    const { length } = readFileSync(at('film.mp4'));
    runFfmpeg(['-i', at('film.mp4'), '-c', 'copy', at('film.mkv')]);
    const whole = readFileSync(at('film.mkv'));
    writeFileSync(at('cut.mkv'), whole.subarray(0, length >> 1));
    const { code, stdout } = await predict(['cut.mkv', '--every', '5']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^cut\.mkv: 0:0\d\.\d, \d+ frames?, \d faces?\n/);
    expect(stdout).toMatch(/\n {2}damaged: .+\n$/);
    const { clip } = clipOf((await predict(['cut.mkv', '--every', '5', '--json', '--quiet'])).stdout);
    expect(clip.problems.length).toBeGreaterThan(0);
  });
});

describe('the overlay', () => {
  it('is a video of the same size and length, with boxes where the faces are', async () => {
    const { code, stderr } = await predict(['short.mp4', '--overlay', 'seen.mp4']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('Wrote seen.mp4.') });
    expect(probed(at('seen.mp4'))).toMatchObject({ width: 400, height: 300, avg_frame_rate: '10/1', nb_read_frames: '10' });
    const pixels = (name: string) => {
      runFfmpeg(['-i', at(name), '-frames:v', '1', at(`${name}.png`)]);
      return sharp(at(`${name}.png`))
        .raw()
        .toBuffer();
    };
    const [before, after] = [await pixels('short.mp4'), await pixels('seen.mp4')];
    const green = (data: Buffer, i: number) => (data[3 * i + 1] as number) - (data[3 * i] as number);
    let boxes = 0;
    for (let i = 0; i < 400 * 300; i++) if (green(after, i) > 70 && green(before, i) < 40) boxes++;
    // Two boxes of about 50 pixels a side and their captions.
    expect(boxes).toBeGreaterThan(1000);
    expect(boxes).toBeLessThan(20_000);
  });

  it('of every N-th frame lasts as long', async () => {
    await predict(['film.mp4', '--every', '5', '--overlay', 'slow', '--quiet']);
    const { duration, nb_read_frames } = probed(at('slow/film.mp4.mp4'));
    expect(nb_read_frames).toBe('19');
    expect(Number(duration)).toBeCloseTo(9.5, 1);
  });

  it('of several videos goes into a folder', async () => {
    mkdirSync(at('other'));
    copyFileSync(at('short.mp4'), at('other/short.mp4'));
    await predict(['short.mp4', 'other/short.mp4', 'three.jpg', '--overlay', 'drawn', '--plot', 'plots', '--quiet']);
    expect(readdirSync(at('drawn')).sort()).toEqual(['short.mp4.mp4', 'short.mp4_2.mp4', 'three.jpg.jpg']);
    expect(readdirSync(at('plots')).sort()).toEqual(['short.mp4.svg', 'short.mp4_2.svg']);
  });

  it.skipIf(process.platform === 'win32')('that finds no room is removed, and said; what was printed is whole', async () => {
    const shell = `ulimit -f 20; exec '${process.execPath}' '${main}' predict film.mp4 --threads 1 --json --overlay full.mp4`;
    const child = spawn('bash', ['-c', shell], { cwd: folder.path, env: { ...process.env, ...env } });
    const said = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].on('data', (chunk) => {
        said[name] += chunk;
      });
    }
    const [code] = await once(child, 'close');
    expect({ code, stderr: said.stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/full\.mp4 could not be written: .*Make room/),
    });
    expect(readdirSync(folder.path).filter((name) => name.startsWith('full'))).toEqual([]);
    for (const line of lines(said.stdout)) videoLineSchema.parse(line);
  });
});

it('a reader that has seen enough ends it, and no part of an overlay is left', async () => {
  const shell = `'${process.execPath}' '${main}' predict film.mp4 --threads 1 --json --overlay unread.mp4 | head -1`;
  const child = spawn('sh', ['-c', shell], {
    cwd: folder.path,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout?.on('data', (chunk) => {
    out += chunk;
  });
  await once(child, 'close');
  expect(lines(out)).toHaveLength(1);
  expect(readdirSync(folder.path).filter((name) => name.startsWith('unread'))).toEqual([]);
});

it('the plot shows a row a face, with its expressions', async () => {
  await predict(['film.mp4', '--every', '2', '--plot', 'film.svg', '--quiet']);
  const svg = readFileSync(at('film.svg'), 'utf8');
  for (const text of ['face 1', 'face 9', 'neutral', 'happy', 'sad', 'film.mp4']) expect(svg).toContain(`>${text}</text>`);
  expect(svg).not.toMatch(/NaN|undefined|<script|href=/);
  const { width, height } = await sharp(at('film.svg')).metadata();
  expect({ width, height }).toEqual({ width: 1280, height: 64 + 9 * 120 + 48 });
});

describe('a file of answers', () => {
  it('is gone with after an interruption: whole videos stay, a part of one is made anew, to the same bytes', async () => {
    const args = ['three.jpg', 'short.mp4', 'faceless.mp4', '--quiet'];
    expect((await predict([...args, '--out', 'whole.jsonl'])).code).toBe(0);
    const whole = readFileSync(at('whole.jsonl'), 'utf8');
    const all = lines(whole);
    expect(all).toHaveLength(1 + 11 + 6);
    for (const [kept, there] of [
      [1, 1],
      [5, 1],
      [12, 2],
      [15, 2],
    ] as const) {
      const name = `cut-${kept}.jsonl`;
      const text = all.slice(0, kept).map((line) => `${JSON.stringify(line)}\n`);
      writeFileSync(at(name), `${text.join('')}{"file":"unfin`);
      copyFileSync(at('whole.jsonl.settings.json'), at(`${name}.settings.json`));
      const { code, stderr } = await predict([...args.slice(0, -1), '--out', name]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining(`${there} were there`) });
      expect(readFileSync(at(name), 'utf8')).toBe(whole);
    }
  });

  it('of every frame is another one than of every second', async () => {
    await predict(['short.mp4', '--out', 'every.jsonl', '--quiet']);
    const other = await predict(['short.mp4', '--out', 'every.jsonl', '--every', '2']);
    expect(other).toMatchObject({ code: 2, stderr: expect.stringMatching(/made with another model or other options/) });
  });
});

describe('Ctrl-C in the middle', () => {
  /** Sends SIGINT after the first whole line. */
  async function interrupted(args: string[]) {
    const child = spawn(process.execPath, [main, 'predict', '--threads', '1', ...args], {
      cwd: folder.path,
      env: { ...process.env, ...env },
    });
    const said = { stdout: '', stderr: '' };
    child.stderr.on('data', (chunk) => {
      said.stderr += chunk;
    });
    child.stdout.on('data', (chunk) => {
      if (said.stdout === '') child.kill('SIGINT');
      said.stdout += chunk;
    });
    const [code] = await once(child, 'close');
    return { code, ...said };
  }

  it('leaves whole lines, a plot and an overlay of what was seen, and says so', async () => {
    const { code, stdout, stderr } = await interrupted([
      'film.mp4',
      '--json',
      '--overlay',
      'stopped.mp4',
      '--plot',
      'stopped.svg',
    ]);
    expect(code).toBe(130);
    expect(stderr).toContain('Stopping after the pictures in hand');
    expect(stdout.endsWith('\n')).toBe(true);
    const { clip } = clipOf(stdout);
    expect(clip.complete).toBe(false);
    expect(clip.frames).toBe(lines(stdout).length - 1);
    expect(clip.frames).toBeLessThan(95);
    expect(Number(probed(at('stopped.mp4')).nb_read_frames)).toBe(clip.frames);
    expect(existsSync(at('stopped.mp4.partial'))).toBe(false);
    expect(existsSync(at('stopped.svg'))).toBe(true);
  });

  it('ends a camera, which never ends itself; a person is told as it goes what changes', async () => {
    const source = `--camera=lavfi:movie=film.mp4:loop=0,setpts=N/FRAME_RATE/TB,realtime`;
    const { code, stdout } = await interrupted([source, '--json']);
    expect(code).toBe(130);
    for (const line of lines(stdout)) videoLineSchema.parse(line);
    expect(clipOf(stdout).clip.complete).toBe(false);
    expect((await interrupted([source])).stdout).toMatch(/^0:0\d\.\d {2}face 1 {2}neutral \d+%/);
  });
});

describe('wrong use', () => {
  it.each<[string, string[], number, RegExp]>([
    ['no input', [], 2, /There is no input: expected pictures, videos or folders, or --camera/],
    ['a camera and a file', ['short.mp4', '--camera=0'], 2, /--camera and short\.mp4: choose one/],
    ['a camera that is not there', ['--camera=v4l2:/dev/video77'], 1, /The camera v4l2:\/dev\/video77 cannot be read/],
    [
      'answers of a camera in a file that is gone with',
      ['--camera', '--out', 'x.jsonl'],
      2,
      /--out goes on after an interruption, which a camera cannot/,
    ],
    [
      'options of videos for photos',
      ['three.jpg', '--every', '2', '--plot', 'x.svg'],
      2,
      /--every, --plot: is for videos, and there is none/,
    ],
    ['one overlay for several', ['short.mp4', 'film.mp4', '--overlay', 'x.mp4'], 2, /there are 2 videos: name a folder/],
    [
      'an overlay over the video itself',
      ['short.mp4', '--overlay', './short.mp4'],
      2,
      /is the video itself, which stays as it is/,
    ],
    ['an overlay of another kind', ['short.mp4', '--overlay', 'x.webm'], 2, /videos are written as \.mp4, \.mkv or \.mov/],
    ['a plot of another kind', ['short.mp4', '--plot', 'x.png'], 2, /plots are written as \.svg/],
    ['every 0th frame', ['short.mp4', '--every', '0'], 2, /Expected a whole number from 1/],
  ])('%s', async (_, args, code, message) => {
    expect(await predict(args)).toMatchObject({ code, stderr: expect.stringMatching(message) });
  });

  it('no ffmpeg: it is said how to install it, and photos are predicted all the same', async () => {
    const without = { env: { PATH: at('nowhere') } };
    const video = await predict(['short.mp4'], without);
    expect(video).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/short\.mp4: Video is read and written with ffmpeg.*apt install ffmpeg/),
    });
    const both = await predict(['three.jpg', 'short.mp4', '--quiet'], without);
    expect(both).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/three\.jpg: 3 faces[\s\S]*short\.mp4: Video is read/),
    });
    expect(await predict(['--camera'], without)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/`ffmpeg` is not on the PATH/),
    });
  });
});
