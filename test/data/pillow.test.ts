import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodePicture } from '#uafer/codec/decode.js';
import { affineNearest, inverseAffine } from '#uafer/image/affine.js';
import { type ResizeFilter, resizePicture } from '#uafer/image/resize.js';
import { temporaryFolder } from '../support/pictures.js';
import { python } from '../support/python.js';

const missing = spawnSync(python, ['-c', 'import PIL']).status !== 0;
if (missing) console.log(`${python} has no Pillow: comparisons with it are skipped (set PYTHON to one that has)`);

const FACES = new URL('../../examples/faces/basic/Image/aligned_224', import.meta.url).pathname;
const faces = readdirSync(FACES)
  .sort()
  .slice(0, 6)
  .map((name) => join(FACES, name));
const SIZES: readonly [number, number, ResizeFilter][] = [
  [48, 48, 'bicubic'],
  [300, 268, 'bicubic'],
  [97, 60, 'bilinear'],
  [336, 336, 'bilinear'],
];
const MOTIONS = [
  { angle: 17.3, shift: [-21, 9], scale: 0.83 },
  { angle: -8.1, shift: [40, -44], scale: 0.97 },
] as const;

/** What Pillow makes of the faces: decoded, resized, moved; RGB bytes, one file each. */
const PROGRAM = `
import json, sys
from PIL import Image
task = json.load(sys.stdin)
def write(picture, name):
    open(f"{task['out']}/{name}", "wb").write(picture.convert("RGB").tobytes())
for i, path in enumerate(task["faces"]):
    face = Image.open(path).convert("RGB")
    write(face, f"{i}")
    for width, height, kernel in task["sizes"]:
        write(face.resize((width, height), getattr(Image.Resampling, kernel.upper())), f"{i}-{width}-{height}-{kernel}")
    for j, matrix in enumerate(task["matrices"]):
        write(face.transform(face.size, Image.Transform.AFFINE, matrix, Image.Resampling.NEAREST), f"{i}-motion-{j}")
`;

describe.skipIf(missing)('Pillow', () => {
  it('decodes, resizes and moves pictures to the same bytes', async () => {
    using folder = temporaryFolder();
    const matrices = MOTIONS.map((motion) => inverseAffine(motion, 224));
    const task = { faces, sizes: SIZES, matrices, out: folder.path };
    execFileSync(python, ['-c', PROGRAM], { input: JSON.stringify(task) });
    const theirs = (name: string) => readFileSync(join(folder.path, name));
    for (const [i, path] of faces.entries()) {
      const face = await decodePicture(path);
      expect(theirs(`${i}`).equals(face.data)).toBe(true);
      for (const [width, height, filter] of SIZES) {
        const { data } = resizePicture(face, width, height, filter);
        expect([filter, width, theirs(`${i}-${width}-${height}-${filter}`).equals(data)]).toEqual([filter, width, true]);
      }
      matrices.forEach((matrix, j) => {
        expect(theirs(`${i}-motion-${j}`).equals(affineNearest(face.data, 224, matrix))).toBe(true);
      });
    }
  });
});
