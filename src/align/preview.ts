/** A sheet that shows photos with what was found in them, and beside each the aligned pictures. */
import { dirname, join } from 'node:path';
import { escapeUTF8 } from 'entities';
import sharp, { type OverlayOptions, type Sharp } from 'sharp';
import { decodePicture } from '../codec/decode.js';
import { forEachConcurrently } from '../concurrent.js';
import { writeFileAtomically } from '../files.js';
import { shown } from '../shown.js';
import { type AlignJob, isUpright, type PictureRecord, writtenFiles } from './job.js';

const PAIRS = 24;
const COLUMNS = 3;
/** A photo of 24 megapixels takes 72 MB when it is decoded. */
const PHOTOS_AT_ONCE = 4;
const TILE = 224;
const GAP = 8;
const CAPTION = 18;
const PAIR = { width: 2 * TILE + 3 * GAP, height: TILE + 2 * GAP + CAPTION };

type Readable = Exclude<PictureRecord, { error: string }>;

/**
 * Writes the sheet to `path`, in the folder of the aligned pictures: up to 24 photos, spread evenly over the records, each with boxes and
 * landmarks drawn, as alignment saw it, and beside it all that was written of it. False when no picture could be read.
 */
export async function writePreview(
  jobs: readonly AlignJob[],
  records: Iterable<PictureRecord>,
  path: string,
): Promise<boolean> {
  const chosen = spread(records, PAIRS);
  if (chosen.length === 0) return false;
  const byName = new Map(jobs.map((job) => [job.file, job]));
  const rows = Math.ceil(chosen.length / COLUMNS);
  const tiles: OverlayOptions[] = [];
  await forEachConcurrently([...chosen.entries()], PHOTOS_AT_ONCE, async ([i, record]) => {
    const input = await pair(record, byName.get(record.file) as AlignJob, dirname(path));
    tiles[i] = { input, left: (i % COLUMNS) * PAIR.width, top: Math.floor(i / COLUMNS) * PAIR.height };
  });
  const sheet = blank(Math.min(COLUMNS, chosen.length) * PAIR.width, rows * PAIR.height).composite(tiles);
  writeFileAtomically(path, await sheet.png().toBuffer());
  return true;
}

/** Up to `most` of the pictures that could be read, at equal distances. */
function spread(records: Iterable<PictureRecord>, most: number): Readable[] {
  let readable = 0;
  for (const record of records) if (!('error' in record)) readable++;
  const step = Math.max(1, readable / most);
  const chosen = new Set(Array.from({ length: Math.min(most, readable) }, (_, i) => Math.floor(i * step)));
  const found: Readable[] = [];
  let at = 0;
  for (const record of records) if (!('error' in record) && chosen.has(at++)) found.push(record);
  return found;
}

async function pair(record: Readable, job: AlignJob, out: string): Promise<Buffer> {
  const { width, height } = record;
  const scale = TILE / Math.max(width, height);
  const size = { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
  const { data } = await decodePicture(job.path, { upright: isUpright(job) });
  const photo = await sharp(data, { raw: { width, height, channels: 3 } })
    .resize(size)
    .png()
    .toBuffer();
  const drawing = Buffer.from(overlay(record, scale));
  return blank(PAIR.width, PAIR.height)
    .composite([{ input: photo, left: GAP, top: GAP }, ...(await results(record, out)), { input: drawing, left: 0, top: 0 }])
    .png()
    .toBuffer();
}

/** Where what was written of a photo stands: in a square grid of as many columns as that takes. */
function grid(count: number): { left: number; top: number; side: number }[] {
  const columns = Math.ceil(Math.sqrt(count));
  const side = Math.floor(TILE / columns);
  const place = (i: number) => ({
    left: TILE + 2 * GAP + (i % columns) * side,
    top: GAP + Math.floor(i / columns) * side,
    side,
  });
  return Array.from({ length: count }, (_, i) => place(i));
}

function results(record: Readable, out: string): Promise<OverlayOptions[]> {
  const written = writtenFiles(record);
  const places = grid(written.length);
  return Promise.all(
    places.map(async ({ left, top, side }, i) => ({ input: await fitted(join(out, written[i] as string), side), left, top })),
  );
}

function fitted(path: string, side: number): Promise<Buffer> {
  return sharp(path).resize(side, side, { fit: 'contain', background: '#ffffff' }).png().toBuffer();
}

/** Green is what was aligned, grey the other faces. Of several, each has its number beside the box and on the picture. */
function overlay(record: Readable, scale: number): string {
  const { file, faces, noFace } = record;
  const written = writtenFiles(record);
  const places = written.length > 1 ? grid(written.length) : [];
  const at = (value: number) => (GAP + value * scale).toFixed(1);
  const marks = faces.flatMap(({ box, landmarks, written: own }) => {
    const colour = own === undefined ? '#8a949b' : '#15b36b';
    const size = `width="${(box.width * scale).toFixed(1)}" height="${(box.height * scale).toFixed(1)}"`;
    const points = Object.values(landmarks).map(({ x, y }) => `<circle cx="${at(x)}" cy="${at(y)}" r="2.2" fill="${colour}"/>`);
    return [
      `<rect x="${at(box.left)}" y="${at(box.top)}" ${size} fill="none" stroke="${colour}" stroke-width="2"/>`,
      ...points,
      ...(places.length > 0 && own !== undefined ? [number(written.indexOf(own), at(box.left), at(box.top - 3 / scale))] : []),
    ];
  });
  const numbers = places.map(({ left, top }, i) => number(i, left + 3, top + 12));
  const name = shown(file);
  const caption = `${name.length > 48 ? `...${name.slice(-45)}` : name}${noFace ? ' (no face)' : ''}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${PAIR.width}" height="${PAIR.height}" font-family="sans-serif" font-size="12" fill="#334">
    <clipPath id="photo"><rect x="${GAP}" y="${GAP}" width="${TILE}" height="${TILE}"/></clipPath>
    <g clip-path="url(#photo)">${marks.join('')}</g>${numbers.join('')}<text x="${GAP}" y="${TILE + 2 * GAP + 9}">${escapeUTF8(caption)}</text></svg>`;
}

function number(i: number, x: number | string, y: number | string): string {
  return `<text x="${x}" y="${y}" stroke="#ffffff" stroke-width="3" paint-order="stroke">${i + 1}</text>`;
}

function blank(width: number, height: number): Sharp {
  return sharp({ create: { width, height, channels: 3, background: '#ffffff' } });
}
