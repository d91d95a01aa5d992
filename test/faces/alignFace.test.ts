import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { alignFace, centreCrop, marginCrop, similarityCrop, TEMPLATE } from '#uafer/faces/alignFace.js';
import type { Landmarks, Point } from '#uafer/faces/types.js';
import type { Picture } from '#uafer/image/picture.js';
import { temporaryFolder, testPixels, writePng } from '../support/pictures.js';
import { missingModules, runPython } from '../support/python.js';

const SIZE = 64;
const colourAt = ({ data, width }: Picture, { x, y }: Point) => {
  const at = (Math.floor(y) * width + Math.floor(x)) * 3;
  return [...data.subarray(at, at + 3)];
};

/** Grey with a white 7 x 7 mark at each landmark. */
function mark(side: number, landmarks: Landmarks): Picture {
  const data = new Uint8Array(side * side * 3).fill(90);
  for (const { x, y } of Object.values(landmarks))
    for (let dy = -3; dy <= 3; dy++)
      for (let dx = -3; dx <= 3; dx++) {
        const at = ((Math.floor(y) + dy) * side + Math.floor(x) + dx) * 3;
        data.fill(255, at, at + 3);
      }
  return { data, width: side, height: side };
}

/** The template's face turned, grown and moved in a photo of 400 pixels. */
function face(degrees: number, scale: number, names = Object.keys(TEMPLATE)): Landmarks {
  const [cos, sin] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  const place = ({ x, y }: Point) => ({
    x: 200 + scale * (cos * (x - 0.5) - sin * (y - 0.5)),
    y: 200 + scale * (sin * (x - 0.5) + cos * (y - 0.5)),
  });
  return Object.fromEntries(names.map((name) => [name, place(TEMPLATE[name as keyof Landmarks] as Point)]));
}

describe('similarityCrop', () => {
  it.each([
    { degrees: 0, scale: 150, names: undefined },
    { degrees: 30, scale: 180, names: undefined },
    { degrees: -120, scale: 90, names: undefined },
    { degrees: 15, scale: 160, names: ['leftEye', 'rightEye', 'nose', 'mouth'] },
  ])(
    'brings the landmarks of a face turned by $degrees degrees, $scale pixels wide, to the template',
    ({ degrees, scale, names }) => {
      const landmarks = face(degrees, scale, names);
      const aligned = similarityCrop(mark(400, landmarks), landmarks, SIZE) as Picture;
      expect([aligned.width, aligned.height]).toEqual([SIZE, SIZE]);
      for (const name of Object.keys(landmarks)) {
        const { x, y } = TEMPLATE[name as keyof Landmarks] as Point;
        expect(colourAt(aligned, { x: x * SIZE, y: y * SIZE })[0]).toBeGreaterThan(200);
      }
      expect(colourAt(aligned, { x: 0.5 * SIZE, y: 0.15 * SIZE })).toEqual([90, 90, 90]);
    },
  );

  it('is black beyond the photo', () => {
    const landmarks = face(0, 600);
    const aligned = similarityCrop({ data: new Uint8Array(400 * 400 * 3).fill(200), width: 400, height: 400 }, landmarks, SIZE);
    expect(colourAt(aligned as Picture, { x: 1, y: 1 })).toEqual([0, 0, 0]);
    expect(colourAt(aligned as Picture, { x: SIZE / 2, y: SIZE / 2 })).toEqual([200, 200, 200]);
  });

  it('uses no ears, and is null without two other landmarks', () => {
    const ears = { leftEar: { x: 100, y: 200 }, rightEar: { x: 300, y: 200 } };
    const photo = mark(400, ears);
    expect(similarityCrop(photo, ears, SIZE)).toBeNull();
    expect(similarityCrop(photo, { ...ears, nose: { x: 200, y: 200 } }, SIZE)).toBeNull();
    const landmarks = face(10, 150);
    expect(similarityCrop(photo, { ...landmarks, ...ears }, SIZE)).toEqual(similarityCrop(photo, landmarks, SIZE));
  });
});

describe('marginCrop', () => {
  it('is null for a box beside the photo', () => {
    const photo = { data: testPixels(40, 30, 1), width: 40, height: 30 };
    expect(marginCrop(photo, { left: 50, top: 5, width: 10, height: 10 }, { size: SIZE, margin: 0 })).toBeNull();
    const options = { style: 'margin', size: SIZE, margin: 0 } as const;
    expect(alignFace(photo, { box: { left: 5, top: -20, width: 9, height: 9 }, landmarks: {} }, options)).toBeNull();
  });

  const missing = missingModules('PIL');
  // The rules of facenet-pytorch 2.6.0's extract_face (models/utils/detect_face.py), spelt out with Pillow.
  const EXTRACT = `
import json, sys
from PIL import Image
photo, size, cases = Image.open(sys.argv[1]).convert("RGB"), int(sys.argv[2]), json.loads(sys.argv[3])
rows = []
for (left, top, right, bottom), margin in cases:
    grow = margin * (right - left) / (size - margin), margin * (bottom - top) / (size - margin)
    box = (int(max(left - grow[0] / 2, 0)), int(max(top - grow[1] / 2, 0)),
           int(min(right + grow[0] / 2, photo.width)), int(min(bottom + grow[1] / 2, photo.height)))
    rows.append(list(photo.crop(box).resize((size, size), Image.Resampling.BILINEAR).tobytes()))
print(json.dumps(rows))
`;
  it.skipIf(missing)(`is facenet-pytorch's crop, byte for byte${missing ? ` (${missing})` : ''}`, async () => {
    using folder = temporaryFolder();
    const file = join(folder.path, 'photo.png');
    await writePng(file, 200, 150, 4);
    const photo = { data: testPixels(200, 150, 4), width: 200, height: 150 };
    const cases = [
      { box: { left: 40.3, top: 20.9, width: 100.2, height: 90.7 }, margin: 0 },
      { box: { left: 40.3, top: 20.9, width: 30.2, height: 44.7 }, margin: 14 },
      { box: { left: -12.5, top: -3.1, width: 250.4, height: 80.2 }, margin: 8 },
      { box: { left: 150.7, top: 90.2, width: 80, height: 90 }, margin: 32 },
    ];
    const corners = cases.map(({ box: { left, top, width, height }, margin }) => [
      [left, top, left + width, top + height],
      margin,
    ]);
    const theirs: number[][] = JSON.parse(runPython({ code: EXTRACT }, file, String(SIZE), JSON.stringify(corners)));
    cases.forEach(({ box, margin }, i) => {
      expect([...(marginCrop(photo, box, { size: SIZE, margin })?.data ?? [])]).toEqual(theirs[i]);
    });
  });
});

describe('centreCrop', () => {
  it('takes the middle square', () => {
    const photo = { data: testPixels(30, 20, 1), width: 30, height: 20 };
    const { data, width, height } = centreCrop(photo, 20);
    expect([width, height]).toEqual([20, 20]);
    expect(colourAt({ data, width, height }, { x: 0, y: 3 })).toEqual(colourAt(photo, { x: 5, y: 3 }));
  });
});
