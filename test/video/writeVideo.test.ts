import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Picture } from '#uafer/image/picture.js';
import { readVideo } from '#uafer/video/readFrames.js';
import { createVideoWriter, isWrittenVideo } from '#uafer/video/writeVideo.js';
import { PATH_WITH_FFMPEG, probed } from '../support/ffmpeg.js';
import { temporaryFolder } from '../support/pictures.js';

const folder = temporaryFolder();
const at = (name: string) => join(folder.path, name);
const before = process.env.PATH;
beforeAll(() => {
  process.env.PATH = PATH_WITH_FFMPEG;
});
afterAll(() => {
  process.env.PATH = before;
  folder[Symbol.dispose]();
});

/** Of an odd size, which H.264 doesn't take. */
const grey = (level: number): Picture => ({ data: new Uint8Array(65 * 47 * 3).fill(level), width: 65, height: 47 });

it.each(['a.mp4', 'b.mkv', 'c.mov', 'new/folder/d.mp4'])('%s shows each frame from its time to the next one', async (name) => {
  const writer = createVideoWriter(at(name), 10);
  for (const [level, time] of [
    [0, 3],
    [100, 3.1],
    [200, 3.6],
  ] as const)
    await writer.add(grey(level), time);
  expect(existsSync(at(name))).toBe(false);
  await writer.finish();
  const levels: number[] = [];
  for await (const { picture } of readVideo(at(name), { every: 1, onProblem: expect.unreachable }))
    levels.push(Math.round((picture.data[0] as number) / 100));
  expect(levels).toEqual([0, 1, 1, 1, 1, 1, 2]);
  expect(probed(at(name))).toMatchObject({ width: 66, height: 48, avg_frame_rate: '10/1' });
});

it('what is given up leaves nothing', async () => {
  const writer = createVideoWriter(at('given-up.mp4'), 10);
  await writer.add(grey(10), 0);
  await writer.discard();
  expect(readdirSync(folder.path).filter((name) => name.startsWith('given-up'))).toEqual([]);
});

it('without a frame there is no video', async () => {
  const writer = createVideoWriter(at('none.mp4'), 10);
  await writer.finish();
  expect(existsSync(at('none.mp4'))).toBe(false);
});

it('a place that cannot be written to is told with the reason, and nothing waits for ever', async () => {
  const writer = createVideoWriter(at('a.mp4/b.mp4'), 25);
  await expect(writer.add(grey(1), 0)).rejects.toThrow();
  const readOnly = createVideoWriter('/proc/b.mp4', 25);
  const writing = async () => {
    for (let i = 0; i < 500; i++) await readOnly.add(grey(1), i / 25);
    await readOnly.finish();
  };
  await expect(writing()).rejects.toMatchObject({
    code: 'IO',
    message: expect.stringMatching(/\/proc\/b\.mp4 could not be written: .+/),
  });
});

it('a name of another kind is refused', () => {
  expect(() => createVideoWriter('a.webm', 25)).toThrow(/a\.webm: expected a name that ends in \.mp4/);
  expect(['a.MP4', 'a.mkv', 'a', 'a.jpg'].map(isWrittenVideo)).toEqual([true, true, false, false]);
});
