import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Picture } from '#uafer/image/picture.js';
import { probeVideo } from '#uafer/video/probe.js';
import { readVideo, type VideoFrame } from '#uafer/video/readFrames.js';
import { PATH_WITH_FFMPEG, runFfmpeg, writeFilm } from '../support/ffmpeg.js';
import { temporaryFolder } from '../support/pictures.js';

const folder = temporaryFolder();
const at = (name: string) => join(folder.path, name);
const before = process.env.PATH;

/** Frame i is of one grey, 10 + 20 i, with a red corner at the top left. */
const film = (count: number): Picture[] =>
  Array.from({ length: count }, (_, i) => {
    const data = new Uint8Array(64 * 48 * 3).fill(10 + 20 * i);
    for (let y = 0; y < 16; y++) for (let x = 0; x < 16; x++) data.set([250, 0, 0], (y * 64 + x) * 3);
    return { data, width: 64, height: 48 };
  });

beforeAll(() => {
  process.env.PATH = PATH_WITH_FFMPEG;
  writeFilm(at('ten.mp4'), film(10));
});
afterAll(() => {
  process.env.PATH = before;
  folder[Symbol.dispose]();
});

async function read(name: string, { every = 1 } = {}): Promise<{ frames: VideoFrame[]; problems: string[] }> {
  const frames: VideoFrame[] = [];
  const problems: string[] = [];
  for await (const frame of readVideo(at(name), { every, onProblem: (problem) => problems.push(problem) })) frames.push(frame);
  return { frames, problems };
}
/** The grey of a frame, away from its corner. */
const grey = ({ picture: { data, width, height } }: VideoFrame) => data[((height - 4) * width + width - 4) * 3] as number;
const isRed = ({ data, width }: Picture, x: number, y: number) => {
  const [r, g] = [data[(y * width + x) * 3] as number, data[(y * width + x) * 3 + 1] as number];
  return r > 180 && g < 90;
};

describe('the frames of a video', () => {
  it('of a file whose sound lasts longer are whole', async () => {
    for (const name of ['sounding.mkv', 'sounding.mp4']) {
      runFfmpeg(['-i', at('ten.mp4'), '-f', 'lavfi', '-i', 'sine=d=4', '-c:v', 'copy', '-c:a', 'aac', at(name)]);
      const { frames, problems } = await read(name);
      expect({ count: frames.length, problems }).toEqual({ count: 10, problems: [] });
    }
  });

  it('come in their order, with their numbers and times, upright', async () => {
    const { frames, problems } = await read('ten.mp4');
    expect(problems).toEqual([]);
    expect(frames.map(({ frame }) => frame)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    frames.forEach((frame, i) => {
      expect(frame.time).toBeCloseTo(i / 25, 4);
      // H.264 of quality 12 keeps a grey to within a few levels.
      expect(Math.abs(grey(frame) - (10 + 20 * i))).toBeLessThan(6);
      expect(frame.picture).toMatchObject({ width: 64, height: 48 });
    });
  });

  it('every N-th is the first and each N-th after it', async () => {
    const { frames } = await read('ten.mp4', { every: 4 });
    expect(frames.map(({ frame }) => frame)).toEqual([0, 4, 8]);
    expect(frames.map(({ time }) => Number(time.toFixed(4)))).toEqual([0, 0.16, 0.32]);
    expect(frames.map(grey).map((value) => Math.round((value - 10) / 20))).toEqual([0, 4, 8]);
  });

  it('keep the times of an irregular film', async () => {
    // Every frame of the second half is dropped but each third.
    const irregular = ['-vf', 'select=lt(n\\,5)+not(mod(n\\,3))', '-vsync', '0', '-c:v', 'libx264', '-qp', '5'];
    runFfmpeg(['-i', at('ten.mp4'), ...irregular, at('irregular.mkv')]);
    const { frames, problems } = await read('irregular.mkv');
    expect(problems).toEqual([]);
    // Matroska keeps milliseconds.
    expect(frames.map(({ time }) => Number(time.toFixed(3)))).toEqual([0, 0.04, 0.08, 0.12, 0.16, 0.24, 0.36]);
  });

  it.each([90, 180, 270])('that were filmed with the camera turned by %i degrees are upright', async (degrees) => {
    runFfmpeg(['-i', at('ten.mp4'), '-c', 'copy', '-metadata:s:v:0', `rotate=${degrees}`, at(`turned-${degrees}.mp4`)]);
    const [{ picture }] = (await read(`turned-${degrees}.mp4`)).frames as [VideoFrame];
    const { width, height } = picture;
    expect([width, height]).toEqual(degrees === 180 ? [64, 48] : [48, 64]);
    const corners = { 90: [5, height - 6], 180: [width - 6, height - 6], 270: [width - 6, 5] } as const;
    const [x, y] = corners[degrees as 90];
    expect(isRed(picture, x, y)).toBe(true);
    expect(isRed(picture, width - 1 - x, height - 1 - y)).toBe(false);
  });

  it('of pixels that are not square are made square', async () => {
    runFfmpeg(['-i', at('ten.mp4'), '-vf', 'setsar=2/1', '-c:v', 'libx264', at('wide.mp4')]);
    expect((await read('wide.mp4')).frames[0]?.picture).toMatchObject({ width: 128, height: 48 });
  });

  it('are read of a name that means something to ffmpeg or to a shell, and nothing else is', async () => {
    mkdirSync(at('http:'));
    for (const name of ['http:/a.mp4', '-y.mp4', 'a%03d.mp4', "it's $HOME;|&.mp4"]) {
      copyFileSync(at('ten.mp4'), at(name));
      expect((await read(name)).frames).toHaveLength(10);
    }
    // A playlist that names an address.
    writeFileSync(at('list.ts'), '#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n');
    await expect(read('list.ts')).rejects.toThrow(/list\.ts cannot be read as a video/);
  });

  it('end with the signal', async () => {
    const stop = new AbortController();
    let count = 0;
    for await (const { frame } of readVideo(at('ten.mp4'), { every: 1, onProblem: expect.unreachable, signal: stop.signal })) {
      count++;
      if (frame === 2) stop.abort();
    }
    // What was in the pipe already may still come.
    expect(count).toBeGreaterThanOrEqual(3);
  });

  it('can be left at any time', async () => {
    for await (const { frame } of readVideo(at('ten.mp4'), { every: 1, onProblem: () => {} })) if (frame === 1) break;
  });
});

describe('what is broken', () => {
  it('is read as far as it can be, and said', async () => {
    const long = Array.from({ length: 20 }, () => film(10)).flat();
    writeFilm(at('long.mkv'), long, { options: ['-c:v', 'libx264', '-g', '10', '-pix_fmt', 'yuv420p'] });
    const whole = readFileSync(at('long.mkv'));
    writeFileSync(at('cut.mkv'), whole.subarray(0, whole.length >> 1));
    const { frames, problems } = await read('cut.mkv');
    expect(frames.length).toBeGreaterThan(20);
    expect(frames.length).toBeLessThan(200);
    expect(problems).not.toEqual([]);
  });

  it('without its end, which says what is where, cannot be read', async () => {
    const whole = readFileSync(at('ten.mp4'));
    writeFileSync(at('cut.mp4'), whole.subarray(0, whole.length - 200));
    await expect(read('cut.mp4')).rejects.toMatchObject({
      code: 'IMAGE',
      message: expect.stringContaining('cut.mp4 cannot be read as a video: '),
    });
  });

  it.each<[string, string, RegExp]>([
    ['nothing', 'empty.mp4', /empty\.mp4 cannot be read as a video: /],
    ['text', 'text.mp4', /text\.mp4 cannot be read as a video: Invalid data/],
    ['sound alone', 'sound.mp4', /sound\.mp4 cannot be read as a video: it has no video in it, only audio \(aac\)/],
    ['sound with a picture on its cover', 'cover.mp4', /no video in it, only audio \(aac\), video \(png\)/],
    ['no frame', 'none.avi', /none\.avi cannot be read as a video: /],
    ['a folder', 'folder.mp4', /it is not a file but a folder/],
    ['what is not there', 'nowhere.mp4', /it does not exist/],
  ])('%s', async (_, name, message) => {
    writeFileSync(at('empty.mp4'), '');
    writeFileSync(at('text.mp4'), 'These are words, and no video at all.\n'.repeat(50));
    mkdirSync(at('folder.mp4'), { recursive: true });
    runFfmpeg(['-f', 'lavfi', '-i', 'sine=d=0.5', '-c:a', 'aac', at('sound.mp4')]);
    runFfmpeg(['-i', at('ten.mp4'), '-frames:v', '1', at('cover.png')]);
    const cover = ['-map', '0', '-map', '1', '-c', 'copy', '-disposition:v:0', 'attached_pic'];
    runFfmpeg(['-i', at('sound.mp4'), '-i', at('cover.png'), ...cover, at('cover.mp4')]);
    runFfmpeg(['-i', at('ten.mp4'), '-t', '0', '-c:v', 'mpeg4', at('none.avi')]);
    await expect(read(name)).rejects.toMatchObject({ code: 'IMAGE', message: expect.stringMatching(message) });
  });

  it('without ffmpeg it is said what to install', async () => {
    process.env.PATH = at('');
    try {
      await expect(read('ten.mp4')).rejects.toMatchObject({
        code: 'RUNTIME_NOT_FOUND',
        message: expect.stringMatching(/`ffprobe` is not on the PATH\. Install ffmpeg.*apt install ffmpeg.*brew/),
      });
    } finally {
      process.env.PATH = PATH_WITH_FFMPEG;
    }
  });
});

it('a file says how fast and how long it is', async () => {
  const { rate, duration, frames } = await probeVideo(at('ten.mp4'));
  expect({ rate, frames }).toEqual({ rate: 25, frames: 10 });
  expect(duration).toBeCloseTo(0.4, 3);
});
