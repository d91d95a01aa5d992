/** Pictures of predictions: boxes and answers on the photo, and which patches spoke for the answer. */
import { escapeUTF8 } from 'entities';
import sharp from 'sharp';
import { alignFace } from '../faces/alignFace.js';
import type { Box } from '../faces/types.js';
import { topPatches } from '../image/heatmap.js';
import type { Picture } from '../image/picture.js';
import type { FollowedFace } from '../predict/followFaces.js';
import type { FacePrediction, Prediction } from '../predict/predictor.js';

/** By decision: green to report, amber where people would disagree, grey to reject; blue where the model has no thresholds. */
const COLOURS = { report: '#12a150', ambiguous: '#d98200', reject: '#7d8790' } as const;
const NO_DECISION = '#2477d6';
const CHANNELS = 3;

/** The photo with a box a face, and above it expression, probability and uncertainty. JPEG bytes. */
export function drawOverlay(picture: Picture, { faces }: Prediction): Promise<Uint8Array> {
  return raw(picture)
    .composite([marks(picture, faces)])
    .jpeg({ quality: 92, chromaSubsampling: '4:4:4' })
    .toBuffer();
}

/** The frame of a video with a box a face, and above it the face's number and its answer over time. */
export async function drawFrame(picture: Picture, faces: readonly FollowedFace[]): Promise<Picture> {
  if (faces.length === 0) return picture;
  const { width, height } = picture;
  const overTime = faces.map(({ overTime: { candidates, ...answer }, track, candidates: _, ...face }) => {
    return { ...face, ...answer, ...(candidates && { candidates }), name: `${track}` };
  });
  const drawn = raw(picture).composite([marks(picture, overTime)]);
  return { data: await drawn.removeAlpha().raw().toBuffer(), width, height };
}

/** A face that has a name to be shown. */
type Marked = FacePrediction & { name?: string };

function marks(picture: Picture, faces: readonly Marked[]) {
  const { width, height } = picture;
  const text = Math.max(12, Math.round(Math.min(width, height) / 36));
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="${text}">${faceMarks(faces, picture, text)}</svg>`;
  return { input: Buffer.from(svg), left: 0, top: 0 };
}

const raw = ({ data, width, height }: Picture) => sharp(data, { raw: { width, height, channels: CHANNELS } });

/** A face's box with its caption above or below it: where it covers no other caption, if there is such a place. */
function faceMarks(faces: readonly Marked[], picture: Picture, text: number): string {
  const captions: Box[] = [];
  return faces
    .map((face) => {
      const caption = captionOf(face);
      const size = { width: Math.min(picture.width, caption.length * text * LETTER + text), height: text * 1.5 };
      const places = placesBeside(face.box, size, picture);
      const label = places.find((place) => !captions.some((other) => overlap(place, other))) ?? (places[0] as Box);
      captions.push(label);
      return boxMark(face, text) + captionMark(caption, label, colourOf(face), text);
    })
    .join('');
}

/** About the width of a sans-serif letter, in its height. */
const LETTER = 0.56;

const colourOf = ({ decision }: FacePrediction) => (decision ? COLOURS[decision] : NO_DECISION);

function placesBeside(box: Box, { width, height }: { width: number; height: number }, picture: Picture): Box[] {
  const left = Math.max(0, Math.min(box.left, picture.width - width));
  const tops = [box.top - height, box.top + box.height, box.top, box.top + box.height - height, box.top - 2 * height];
  return tops.filter((top) => top >= 0 && top + height <= picture.height).map((top) => ({ left, top, width, height }));
}

function overlap(a: Box, b: Box): boolean {
  return a.left < b.left + b.width && b.left < a.left + a.width && a.top < b.top + b.height && b.top < a.top + a.height;
}

function boxMark(face: FacePrediction, text: number): string {
  const { left, top, width, height } = face.box;
  return `<rect x="${left}" y="${top}" width="${width}" height="${height}" fill="none" stroke="${colourOf(face)}" stroke-width="${Math.max(2, text / 8)}"/>`;
}

function captionMark(caption: string, { left, top, width, height }: Box, colour: string, text: number): string {
  return (
    `<rect x="${left}" y="${top}" width="${width}" height="${height}" fill="${colour}"/>` +
    `<text x="${left + text / 2}" y="${top + text * 1.1}" fill="#ffffff">${escapeUTF8(caption)}</text>`
  );
}

/** `happy 94%, u 0.08`; of an ambiguous face both expressions; of a rejected one that it is. Before it the face's name, where it has one. */
function captionOf({ expression, probabilities, uncertainty, decision, candidates, name }: Marked): string {
  const said = (name: string) => `${name} ${Math.round(100 * (probabilities[name] as number))}%`;
  const answer = candidates ? candidates.map(said).join(' or ') : said(expression);
  return `${name === undefined ? '' : `${name}: `}${decision === 'reject' ? 'unsure: ' : ''}${answer}, u ${uncertainty.toFixed(2)}`;
}

const TILE = 224;
const GAP = 8;
const CAPTION = 22;

/**
 * A tile a face: the aligned face with its patches coloured by how much they speak for the answer; those that make its local score are framed.
 * PNG bytes; null without a face. The predictions must have their heat maps.
 */
export async function drawHeatmaps(picture: Picture, { faces }: Prediction, aligned: boolean): Promise<Uint8Array | null> {
  const tiles = await Promise.all(faces.map((face) => heatmapTile(picture, face, aligned)));
  if (tiles.length === 0) return null;
  const width = tiles.length * (TILE + GAP) + GAP;
  const height = TILE + CAPTION + 2 * GAP;
  return sharp({ create: { width, height, channels: 3, background: '#ffffff' } })
    .composite(tiles.map((input, i) => ({ input, left: GAP + i * (TILE + GAP), top: GAP })))
    .png()
    .toBuffer();
}

async function heatmapTile(picture: Picture, face: FacePrediction, aligned: boolean): Promise<Buffer> {
  const upright = aligned ? null : alignFace(picture, face, { style: 'similarity', size: TILE, margin: 0 });
  const shown = await raw(upright ?? picture)
    .resize(TILE, TILE, { fit: 'cover' })
    .greyscale()
    .png()
    .toBuffer();
  return sharp({ create: { width: TILE, height: TILE + CAPTION, channels: 3, background: '#ffffff' } })
    .composite([
      { input: shown, left: 0, top: 0 },
      { input: Buffer.from(heatmapSvg(face)), left: 0, top: 0 },
    ])
    .png()
    .toBuffer();
}

function heatmapSvg({ heatmap, expression, probabilities }: FacePrediction): string {
  if (!heatmap) throw new TypeError('the prediction was made without its heat map');
  const { rows, columns, topk, classes } = heatmap;
  const values = classes[expression] as number[];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const speaking = new Set(topPatches(values, topk));
  const [cellWidth, cellHeight] = [TILE / columns, TILE / rows];
  const cells = values.map((value, i) => {
    const share = high > low ? (value - low) / (high - low) : 0;
    const place = `x="${(i % columns) * cellWidth}" y="${Math.floor(i / columns) * cellHeight}" width="${cellWidth}" height="${cellHeight}"`;
    const frame = speaking.has(i) ? ' stroke="#ffffff" stroke-width="1.5" stroke-opacity="0.8"' : '';
    // From nothing over orange to red.
    return `<rect ${place} fill="hsl(${Math.round(40 - 40 * share)}, 95%, 50%)" fill-opacity="${(0.65 * share).toFixed(3)}"${frame}/>`;
  });
  const caption = `${expression} ${Math.round(100 * (probabilities[expression] as number))}%`;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${TILE}" height="${TILE + CAPTION}" font-family="sans-serif" font-size="14" fill="#222b33">` +
    `${cells.join('')}<text x="2" y="${TILE + 16}">${escapeUTF8(caption)}</text></svg>`
  );
}
