import { expect, it } from 'vitest';
import { eachRange } from '#uafer/faces/eachRange.js';
import type { Detector, Face } from '#uafer/faces/types.js';

const face: Face = { box: { left: 0, top: 0, width: 2, height: 2 }, landmarks: {}, score: 0.9 };
const picture = { data: new Uint8Array(12), width: 2, height: 2 };

function detector(faces: Face[], closed: string[], name: string): Detector {
  return { name: 'blazeface', detect: async () => faces, close: async () => void closed.push(name) };
}

it('the near network is loaded and asked where the far one finds nothing', async () => {
  const closed: string[] = [];
  let loads = 0;
  const both = (far: Face[], near: Face[]) =>
    eachRange(detector(far, closed, 'far'), async () => {
      loads++;
      return detector(near, closed, 'near');
    });
  const seen = both([face], []);
  expect(await seen.detect(picture)).toEqual([face]);
  expect(loads).toBe(0);
  await seen.close();
  expect(closed).toEqual(['far']);
  const overlooked = both([], [face]);
  expect(await overlooked.detect(picture)).toEqual([face]);
  expect(await overlooked.detect(picture)).toEqual([face]);
  expect(loads).toBe(1);
  await overlooked.close();
  expect(closed).toEqual(['far', 'far', 'near']);
});

it('a near network that cannot be loaded is an error, and closing frees the far one all the same', async () => {
  const closed: string[] = [];
  const broken = eachRange(detector([], closed, 'far'), () => Promise.reject(new Error('no file')));
  await expect(broken.detect(picture)).rejects.toThrow('no file');
  await broken.close();
  expect(closed).toEqual(['far']);
});
