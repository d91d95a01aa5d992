/** A sheet that shows photos with what was found in them, and beside each the aligned picture. */
import { join } from 'node:path';
import { escapeUTF8 } from 'entities';
import sharp, { type Sharp } from 'sharp';
import { decodePicture } from '../codec/decode.js';
import { writeFileAtomically } from '../files.js';
import { type AlignJob, type PictureRecord, writtenFiles } from './job.js';

const PAIRS = 24;
const COLUMNS = 3;
const TILE = 224;
const GAP = 8;
const CAPTION = 18;
const PAIR = { width: 2 * TILE + 3 * GAP, height: TILE + 2 * GAP + CAPTION };

type Readable = Exclude<PictureRecord, { error: string }>;

/**
 * Writes `preview.png` into `out` and returns its path: up to 24 photos, spread evenly over the records, each with boxes and landmarks drawn
 * and beside it (the first of) what was written. Null when no picture could be read.
 */
export async function writePreview(
  jobs: readonly AlignJob[],
  records: Iterable<PictureRecord>,
  out: string,
): Promise<string | null> {
  const shown = spread(records, PAIRS);
  if (shown.length === 0) return null;
  const paths = new Map(jobs.map(({ file, path }) => [file, path]));
  const rows = Math.ceil(shown.length / COLUMNS);
  const tiles = await Promise.all(
    shown.map(async (record, i) => ({
      input: await pair(record, paths.get(record.file) as string, out),
      left: (i % COLUMNS) * PAIR.width,
      top: Math.floor(i / COLUMNS) * PAIR.height,
    })),
  );
  const sheet = blank(Math.min(COLUMNS, shown.length) * PAIR.width, rows * PAIR.height).composite(tiles);
  const path = join(out, 'preview.png');
  writeFileAtomically(path, await sheet.png().toBuffer());
  return path;
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

async function pair(record: Readable, path: string, out: string): Promise<Buffer> {
  const { width, height } = record;
  const scale = TILE / Math.max(width, height);
  const size = { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
  const { data } = await decodePicture(path, { upright: true });
  const photo = await sharp(data, { raw: { width, height, channels: 3 } })
    .resize(size)
    .png()
    .toBuffer();
  const [written] = writtenFiles(record);
  const after = written === undefined ? [] : [{ input: await fitted(join(out, written)), left: TILE + 2 * GAP, top: GAP }];
  const drawing = Buffer.from(overlay(record, scale));
  return blank(PAIR.width, PAIR.height)
    .composite([{ input: photo, left: GAP, top: GAP }, ...after, { input: drawing, left: 0, top: 0 }])
    .png()
    .toBuffer();
}

function fitted(path: string): Promise<Buffer> {
  return sharp(path).resize(TILE, TILE, { fit: 'contain', background: '#ffffff' }).png().toBuffer();
}

/** Green is what was aligned, grey the other faces. */
function overlay({ file, faces, noFace }: Readable, scale: number): string {
  const at = (value: number) => (GAP + value * scale).toFixed(1);
  const marks = faces.flatMap(({ box, landmarks, written }) => {
    const colour = written === undefined ? '#8a949b' : '#15b36b';
    const size = `width="${(box.width * scale).toFixed(1)}" height="${(box.height * scale).toFixed(1)}"`;
    const points = Object.values(landmarks).map(({ x, y }) => `<circle cx="${at(x)}" cy="${at(y)}" r="2.2" fill="${colour}"/>`);
    return [
      `<rect x="${at(box.left)}" y="${at(box.top)}" ${size} fill="none" stroke="${colour}" stroke-width="2"/>`,
      ...points,
    ];
  });
  const caption = `${file.length > 48 ? `...${file.slice(-45)}` : file}${noFace ? ' (no face)' : ''}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${PAIR.width}" height="${PAIR.height}" font-family="sans-serif" font-size="12" fill="#334">
    <clipPath id="photo"><rect x="${GAP}" y="${GAP}" width="${TILE}" height="${TILE}"/></clipPath>
    <g clip-path="url(#photo)">${marks.join('')}</g><text x="${GAP}" y="${TILE + 2 * GAP + 9}">${escapeUTF8(caption)}</text></svg>`;
}

function blank(width: number, height: number): Sharp {
  return sharp({ create: { width, height, channels: 3, background: '#ffffff' } });
}
