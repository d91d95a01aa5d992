/**
 * Ways in which pictures of faces are spoilt, in five severities each, in lengths and resolutions of the face, so that they mean the same for
 * pictures of any size. What is drawn at random depends on the kind and the picture's name alone: the severities of a kind spoil a picture in
 * the same direction, and any number of threads does the same.
 */
import { UaferError } from '../errors.js';
import type { Picture } from '../image/picture.js';
import { createRandom, type Random, STREAMS } from '../random.js';
import { gaussianBlur, motionBlur } from './blur.js';
import { lowResolution, rotation } from './geometry.js';
import { jpeg } from './jpeg.js';
import { colourCast, exposure, lowContrast } from './light.js';
import { gaussianNoise } from './noise.js';
import { occludedBlock, occludedEyes, occludedMouth } from './occlusion.js';

interface CorruptionRow {
  /** On the command line, in `metrics.json` and in programs. */
  name: string;
  /** As a person reads it. */
  title: string;
  /** Of severity 1 to 5. */
  strengths: readonly [number, number, number, number, number];
  /** What the strengths are. */
  unit: string;
  apply(picture: Picture, strength: number, random: Random): Picture;
}

/** The kinds, in the order in which they are shown. Adding one is adding its row. */
export const CORRUPTIONS = [
  {
    name: 'gaussianBlur',
    title: 'Gaussian blur',
    strengths: [0.012, 0.02, 0.03, 0.045, 0.065],
    unit: "deviation in shares of the face's side",
    apply: gaussianBlur,
  },
  {
    name: 'motionBlur',
    title: 'motion blur',
    strengths: [0.05, 0.09, 0.14, 0.2, 0.28],
    unit: "length in shares of the face's side",
    apply: motionBlur,
  },
  {
    name: 'noise',
    title: 'noise',
    strengths: [0.04, 0.07, 0.11, 0.17, 0.25],
    unit: "deviation in shares of white, in grains of a 48th of the face's side",
    apply: gaussianNoise,
  },
  {
    name: 'lowResolution',
    title: 'low resolution',
    strengths: [32, 24, 18, 13, 9],
    unit: 'pixels across the face',
    apply: lowResolution,
  },
  { name: 'darkness', title: 'darkness', strengths: [0.7, 0.5, 0.35, 0.22, 0.12], unit: 'times the light', apply: exposure },
  {
    name: 'overexposure',
    title: 'over-exposure',
    strengths: [1.3, 1.6, 2, 2.6, 3.5],
    unit: 'times the light',
    apply: exposure,
  },
  {
    name: 'lowContrast',
    title: 'low contrast',
    strengths: [0.7, 0.5, 0.35, 0.22, 0.12],
    unit: 'times the contrast',
    apply: lowContrast,
  },
  {
    name: 'jpeg',
    title: 'JPEG',
    strengths: [40, 25, 15, 9, 5],
    unit: 'quality, of a face of 96 pixels',
    apply: jpeg,
  },
  { name: 'rotation', title: 'rotation', strengths: [10, 20, 30, 45, 60], unit: 'degrees', apply: rotation },
  {
    name: 'eyes',
    title: 'eyes covered',
    strengths: [0.35, 0.5, 0.65, 0.8, 0.95],
    unit: "width in shares of the face's side",
    apply: occludedEyes,
  },
  {
    name: 'mouth',
    title: 'mouth covered',
    strengths: [0.25, 0.37, 0.5, 0.63, 0.75],
    unit: "width in shares of the face's side",
    apply: occludedMouth,
  },
  {
    name: 'block',
    title: 'a block covered',
    strengths: [0.15, 0.25, 0.35, 0.45, 0.55],
    unit: "side in shares of the face's side",
    apply: occludedBlock,
  },
  {
    name: 'colourCast',
    title: 'colour cast',
    strengths: [0.1, 0.2, 0.3, 0.45, 0.6],
    unit: 'largest change of a channel, in shares of it',
    apply: colourCast,
  },
] as const satisfies readonly CorruptionRow[];

export type CorruptionName = (typeof CORRUPTIONS)[number]['name'];

/** The severities that every kind has; 0 is a picture as it is. */
export const SEVERITIES = [1, 2, 3, 4, 5] as const;
type Severity = (typeof SEVERITIES)[number];

/** What is done to a picture. */
export interface Corruption {
  kind: CorruptionName;
  severity: Severity | 0;
}

/** For all pictures of all data sets: there is nothing to choose. */
const SEED = 42;

/**
 * A spoilt copy of a picture.
 *
 * @param name of the picture: with the kind it decides what is drawn
 */
export function corrupted(picture: Picture, { kind, severity }: Corruption, name: string): Picture {
  const { apply, strengths } = corruptionRow(kind);
  if (severity === 0) return picture;
  const random = createRandom({ seed: SEED, stream: STREAMS.corruption, epoch: hashed(kind), position: hashed(name) });
  return apply(picture, strengths[severity - 1] as number, random);
}

/** The row of a kind. Throws `USAGE` when there is none of this name. */
export function corruptionRow(kind: string): (typeof CORRUPTIONS)[number] {
  const row = CORRUPTIONS.find(({ name }) => name === kind);
  if (row) return row;
  const names = CORRUPTIONS.map(({ name }) => name).join(', ');
  throw new UaferError('USAGE', `There is no corruption "${kind}": expected one of ${names}.`);
}

/** 32 bits of a text (FNV-1a of Fowler, Noll and Vo, over its UTF-16 units). */
function hashed(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
