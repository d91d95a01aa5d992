/**
 * `npm run bench outliers -- FOLDER [--count N]`: pictures that are no photographs of faces, for `uafer eval --ood` and `npm run bench method`, in a folder
 * each: cartoon faces (facesjs, beside this package), cut-outs of the photos of `examples/photos` without a face, textures that are computed, and noise.
 * The same numbers are drawn every time.
 */
import { mkdirSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { createRandom } from '#uafer/random.js';
import { createPredictor } from '../dist/node/index.js';
import { peersFolder } from './peersFolder.js';

const PHOTOS = fileURLToPath(new URL('../examples/photos', import.meta.url));
const SIDE = 112;
const SEED = 42;
const ENDING = '.png';
/** Share of a face's box that is kept clear around it. */
const AROUND = 0.3;

/** Each draws what a texture is like and returns its brightness at a place. */
const TEXTURES = [waves, checks, rings, clouds];

const { positionals, values } = parseArgs({ allowPositionals: true, options: { count: { type: 'string', default: '200' } } });
const [out] = positionals;
const count = Number(values.count);
if (!out || !(count >= 1)) {
  console.error('npm run bench outliers -- FOLDER [--count N]: a folder to write to, and how many pictures of each kind.');
  process.exit(2);
}

await each('cartoons', await cartoons());
await each('cut-outs', await cutOuts());
await each('textures', (random, i) => grey(TEXTURES[i % TEXTURES.length](random)));
await each('noise', (random) => grey(() => random.next()));

/** Writes the pictures of a kind. */
async function each(kind, make) {
  const folder = join(out, kind);
  mkdirSync(folder, { recursive: true });
  for (let i = 0; i < count; i++) {
    const random = createRandom({ seed: SEED, epoch: 0, stream: 0, position: i });
    const picture = await make(random, i);
    await picture.png().toFile(join(folder, `${String(i).padStart(4, '0')}${ENDING}`));
  }
  console.log(`${folder}: ${count}`);
}

/** Drawn faces; their maker draws from Math.random, which is made repeatable. */
async function cartoons() {
  const entry = createRequire(join(peersFolder(), 'package.json')).resolve('facesjs');
  const { faceToSvgString, generate } = await import(pathToFileURL(entry).href);
  return (random) => {
    Math.random = random.next;
    const svg = faceToSvgString(generate());
    return sharp(Buffer.from(svg)).resize(SIDE, SIDE, { fit: 'cover', position: 'centre' }).flatten({ background: '#fff' });
  };
}

/** Squares of photos, which no face reaches into. */
async function cutOuts() {
  const predictor = await createPredictor();
  const names = (await readdir(PHOTOS)).sort();
  const photos = [];
  for (const name of names) {
    const { faces, width, height } = await predictor.predict(join(PHOTOS, name));
    photos.push({ name, width, height, faces: faces.map(({ box }) => box) });
  }
  await predictor.close();
  return (random, i) => {
    const { name, width, height, faces } = photos[i % photos.length];
    for (;;) {
      const size = Math.round(random.uniform(SIDE / 2, Math.min(width, height) / 3));
      const left = random.integer(width - size);
      const top = random.integer(height - size);
      if (faces.some((box) => reaches(box, { left, top, size }))) continue;
      return sharp(join(PHOTOS, name)).extract({ left, top, width: size, height: size }).resize(SIDE, SIDE);
    }
  };
}

function reaches(box, { left, top, size }) {
  const [across, down] = [AROUND * box.width, AROUND * box.height];
  const aside = left >= box.left + box.width + across || left + size <= box.left - across;
  return !aside && top < box.top + box.height + down && top + size > box.top - down;
}

function waves(random) {
  const [angle, length, phase] = [random.uniform(0, Math.PI), random.uniform(5, 40), random.uniform(0, 2 * Math.PI)];
  const along = (x, y) => (x * Math.cos(angle) + y * Math.sin(angle)) / length;
  return (x, y) => 0.5 + 0.45 * Math.sin(2 * Math.PI * along(x, y) + phase);
}

function checks(random) {
  const [side, dark, light] = [random.uniform(5, 30), random.uniform(0, 0.4), random.uniform(0.6, 1)];
  return (x, y) => ((Math.floor(x / side) + Math.floor(y / side)) % 2 === 0 ? dark : light);
}

function rings(random) {
  const [across, down, length] = [random.uniform(0, SIDE), random.uniform(0, SIDE), random.uniform(6, 30)];
  return (x, y) => 0.5 + 0.45 * Math.sin((2 * Math.PI * Math.hypot(x - across, y - down)) / length);
}

/** Random values on grids of several widths, interpolated and added. */
function clouds(random) {
  const grids = [4, 8, 16, 32].map((cells) => ({
    cells,
    values: Float64Array.from({ length: (cells + 1) ** 2 }, () => random.next()),
  }));
  const at = ({ cells, values: drawn }, x, y) => {
    const [u, v] = [(x / SIDE) * cells, (y / SIDE) * cells];
    const [left, top] = [Math.floor(u), Math.floor(v)];
    const value = (column, row) => drawn[row * (cells + 1) + column];
    const upper = value(left, top) + (u - left) * (value(left + 1, top) - value(left, top));
    const lower = value(left, top + 1) + (u - left) * (value(left + 1, top + 1) - value(left, top + 1));
    return upper + (v - top) * (lower - upper);
  };
  const all = grids.map((_, i) => 2 ** -i);
  const whole = all.reduce((sum, weight) => sum + weight, 0);
  return (x, y) => grids.reduce((sum, grid, i) => sum + all[i] * at(grid, x, y), 0) / whole;
}

/** A grey picture of a brightness from 0 to 1 at each place. */
function grey(at) {
  const pixels = Buffer.alloc(SIDE * SIDE);
  for (let y = 0; y < SIDE; y++) for (let x = 0; x < SIDE; x++) pixels[y * SIDE + x] = Math.round(255 * at(x, y));
  return sharp(pixels, { raw: { width: SIDE, height: SIDE, channels: 1 } });
}
