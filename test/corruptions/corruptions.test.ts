import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodePicture } from '#uafer/codec/decode.js';
import { CORRUPTIONS, type CorruptionName, corrupted, SEVERITIES } from '#uafer/corruptions/corruptions.js';
import type { Picture } from '#uafer/image/picture.js';
import { resizePicture } from '#uafer/image/resize.js';
import { createRandom } from '#uafer/random.js';
import { exampleFaces } from '../support/exampleFaces.js';
import { testPixels } from '../support/pictures.js';

const KINDS = CORRUPTIONS.map(({ name }) => name);
/** The strength that leaves a picture as it is; JPEG has none. */
const NEUTRAL: Partial<Record<CorruptionName, number>> = {
  gaussianBlur: 0,
  motionBlur: 0,
  noise: 0,
  lowResolution: Number.POSITIVE_INFINITY,
  darkness: 1,
  overexposure: 1,
  lowContrast: 1,
  rotation: 0,
  eyes: 0,
  mouth: 0,
  block: 0,
  colourCast: 0,
};
/** What is drawn for these matters to the picture. */
const DRAWN: CorruptionName[] = ['motionBlur', 'noise', 'rotation', 'eyes', 'mouth', 'block', 'colourCast'];

const row = (kind: CorruptionName) => CORRUPTIONS.find(({ name }) => name === kind) as (typeof CORRUPTIONS)[number];
const made = (width: number, height: number, seed = 0): Picture => ({ data: testPixels(width, height, seed), width, height });

/** Mean absolute difference of two pictures' bytes. */
function apart(a: Picture, b: Picture): number {
  return a.data.reduce((sum, value, i) => sum + Math.abs(value - (b.data[i] as number)), 0) / a.data.length;
}

const resized = (picture: Picture, side: number) => resizePicture(picture, side, side, 'bicubic');
let faces: Picture[];
beforeAll(async () => {
  const chosen = exampleFaces().filter((_, i) => i % 24 === 0);
  faces = await Promise.all(chosen.map(async ({ path }) => resized(await decodePicture(path), 224)));
});

describe.each(KINDS)('%s', (kind) => {
  it('of severity 0 is the picture itself, and so is what its neutral strength makes', () => {
    const picture = made(17, 13);
    expect(corrupted(picture, { kind, severity: 0 }, 'a').data).toEqual(picture.data);
    const neutral = NEUTRAL[kind];
    if (neutral === undefined) return;
    const random = createRandom({ seed: 1, epoch: 2, stream: 3, position: 4 });
    expect(row(kind).apply(picture, neutral, random).data).toEqual(picture.data);
  });

  it.each([
    [1, 1],
    [1, 9],
    [7, 3],
    [48, 48],
    [224, 224],
  ])('takes a picture of %i x %i, gives one of that size, and leaves it as it is', (width, height) => {
    const picture = made(width, height);
    const before = picture.data.slice();
    for (const severity of SEVERITIES) {
      const spoilt = corrupted(picture, { kind, severity }, 'name');
      expect([spoilt.width, spoilt.height, spoilt.data.length]).toEqual([width, height, before.length]);
    }
    expect(picture.data).toEqual(before);
  });

  it('is the same again for a name, and another one for another name where something is drawn', () => {
    const picture = made(48, 48);
    const of = (name: string) => corrupted(picture, { kind, severity: 3 }, name).data;
    expect(of('a.png')).toEqual(of('a.png'));
    const others = ['b.png', 'c.png', 'd.png', 'e.png', 'f.png'].map(of);
    // Of a turn only the side is drawn: five names turn to one side once in 16 times, and these don't.
    expect(others.some((other) => !Buffer.from(other).equals(Buffer.from(of('a.png'))))).toBe(DRAWN.includes(kind));
  });

  it('changes faces more with each severity, at 48 pixels and at 224', () => {
    for (const side of [48, 224]) {
      const own = faces.map((face) => resized(face, side));
      const changes = SEVERITIES.map((severity) => {
        const changed = own.map((face, i) => apart(face, corrupted(face, { kind, severity }, `face ${i}`)));
        return changed.reduce((sum, value) => sum + value, 0) / own.length;
      });
      expect(changes[0]).toBeGreaterThan(0);
      expect(changes).toEqual(changes.toSorted((a, b) => a - b));
    }
  });

  it('means the same at 48 pixels and at 224: a large picture that is spoilt and shrunk is nearly a small one that is spoilt', () => {
    for (const severity of SEVERITIES) {
      const differences = faces.map((face, i) => {
        const name = `face ${i}`;
        const small = resized(face, 48);
        const spoilt = corrupted(small, { kind, severity }, name);
        return {
          between: apart(resized(corrupted(face, { kind, severity }, name), 48), spoilt),
          change: apart(small, spoilt),
        };
      });
      const sum = (key: 'between' | 'change') => differences.reduce((total, each) => total + each[key], 0);
      // JPEG's blocks have whole pixels' edges, and what it takes from a large picture is partly finer than a small one has pixels; else a
      // half, by what shrinking does to single grains of noise and to edges.
      expect(sum('between') / faces.length).toBeLessThan(kind === 'jpeg' ? 5 : 1 + sum('change') / faces.length / 2);
    }
  });
});

describe('light, colours and covers', () => {
  const picture = fc
    .record({ width: fc.integer({ min: 1, max: 12 }), height: fc.integer({ min: 1, max: 12 }), seed: fc.nat(99) })
    .map(({ width, height, seed }) => made(width, height, seed));

  it.each(['darkness', 'overexposure', 'lowContrast', 'eyes', 'mouth', 'block'] as const)(
    '%s changes every picture more with each severity, byte by byte',
    (kind) => {
      fc.assert(
        fc.property(picture, fc.string(), (one, name) => {
          const [first, second] = ([1, 4] as const).map((severity) => corrupted(one, { kind, severity }, name));
          const change = (spoilt: Picture | undefined, i: number) =>
            Math.abs((spoilt?.data[i] as number) - (one.data[i] as number));
          for (let i = 0; i < one.data.length; i++) expect(change(second, i)).toBeGreaterThanOrEqual(change(first, i));
        }),
      );
    },
  );
});

it('a kind that there is not is an error that names those that there are', () => {
  const wrong = { kind: 'fog' as CorruptionName, severity: 1 } as const;
  expect(() => corrupted(made(2, 2), wrong, 'a')).toThrow(/no corruption "fog": expected one of gaussianBlur, .*colourCast/);
});
