import { beforeAll, describe, expect, it } from 'vitest';
import type { Picture } from '#uafer/image/picture.js';
import { createSceneChange } from '#uafer/image/sceneChange.js';
import { PHOTOS, photoPicture } from '../support/photos.js';

const RATE = 25;
const NAMES = Object.keys(PHOTOS) as (keyof typeof PHOTOS)[];
const photos = new Map<string, Picture>();

beforeAll(async () => {
  for (const name of NAMES) photos.set(name, await photoPicture(name, { height: 240 }));
});

/** What a camera sees of a photo: a part of it, 200 pixels wide, from the left (0) to the right (1). */
function view(name: string, from: number): Picture {
  const { data, width, height } = photos.get(name) as Picture;
  const left = Math.round(from * (width - 200));
  const rows = Array.from({ length: height }, (_, y) => data.subarray((y * width + left) * 3, (y * width + left + 200) * 3));
  return { data: Uint8Array.from(rows.flatMap((row) => [...row])), width: 200, height };
}

const mixed = (a: Picture, b: Picture, share: number): Picture => ({
  ...a,
  data: a.data.map((value, i) => Math.round(value * (1 - share) + (b.data[i] as number) * share)),
});
const plain = (level: number): Picture => ({ data: new Uint8Array(200 * 240 * 3).fill(level), width: 200, height: 240 });

/** The frames with which another scene begins. */
function changes(frames: readonly Picture[]): number[] {
  const change = createSceneChange();
  return frames.flatMap((frame, i) => (change(frame, i / RATE) ? [i] : []));
}
const repeated = (picture: Picture, count: number) => Array.from({ length: count }, () => picture);

describe('another scene', () => {
  it.each(NAMES)('does not begin in a pan through %s within two seconds, there and back', (name) => {
    const frames = Array.from({ length: 101 }, (_, i) => view(name, 1 - Math.abs(i - 50) / 50));
    expect(changes(frames)).toEqual([]);
  });

  it('begins with the first frame after a cut, between any two photos', () => {
    for (const a of NAMES) {
      for (const b of NAMES.filter((name) => name !== a))
        expect(changes([...repeated(view(a, 0.5), 10), ...repeated(view(b, 0.5), 10)]), `${a}, ${b}`).toEqual([10]);
    }
  });

  it('begins once in a dissolve, before its end', () => {
    const [a, b] = [view('three.jpg', 0.5), view('astronaut.jpg', 0.5)];
    for (const length of [8, 16, 30]) {
      const fade = Array.from({ length }, (_, i) => mixed(a, b, (i + 1) / length));
      const found = changes([...repeated(a, 40), ...fade, ...repeated(b, 40)]);
      expect(found).toHaveLength(1);
      expect(found[0]).toBeGreaterThanOrEqual(40 + length / 4);
      expect(found[0]).toBeLessThan(40 + length);
    }
  });

  it('does not begin while a scene gets darker, and does when it is gone', () => {
    const scene = view('four.jpg', 0.3);
    const fade = Array.from({ length: 25 }, (_, i) => mixed(scene, plain(0), (i + 1) / 25));
    const found = changes([...repeated(scene, 30), ...fade]);
    expect(found).toHaveLength(1);
    expect(found[0]).toBeGreaterThanOrEqual(30 + 20);
    expect(changes(Array.from({ length: 50 }, (_, i) => mixed(scene, plain(255), 0.6 * Math.abs(Math.sin(i / 8)))))).toEqual(
      [],
    );
  });

  it('does not begin in frames of one colour, however they tremble', () => {
    expect(changes(Array.from({ length: 60 }, (_, i) => plain(i % 2)))).toEqual([]);
  });

  it('takes frames of any size', () => {
    const tiny = { data: new Uint8Array(3).fill(9), width: 1, height: 1 };
    expect(changes([tiny, tiny, view('three.jpg', 0)])).toEqual([2]);
  });
});
