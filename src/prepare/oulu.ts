import { join } from 'node:path';
import { UaferError } from '../errors.js';
import { isFolder } from '../files.js';
import { collectProblems, type Problems } from '../problems.js';
import { chooseFrames, type LaboratoryLayout, type LaboratoryPicture, placeByPeople } from './laboratory.js';
import { type Alignment, compareWithPublished, type Expression, type Plan } from './plan.js';
import { folderStore, type Store } from './store.js';

export const ILLUMINATIONS = ['Strong', 'Weak', 'Dark'] as const;
export type Illumination = (typeof ILLUMINATIONS)[number];

export interface OuluOptions {
  align: Alignment;
  layout: LaboratoryLayout;
  illumination: Illumination;
  neutralFrames: number;
  peakFrames: number;
}

/** Folder names of the six expressions (Zhao et al. 2011). */
const LABELS: Readonly<Record<string, Expression>> = {
  Anger: 'anger',
  Disgust: 'disgusted',
  Fear: 'fear',
  Happiness: 'happy',
  Sadness: 'sad',
  Surprise: 'surprise',
};
const PEOPLE = 80;
const ORIGINAL = [
  'B_OriginalImg/B_OriginalImg/OriginalImg/VL',
  'B_OriginalImg/OriginalImg/VL',
  'B_OriginalImg/VL',
  'OriginalImg/VL',
  'VL',
];
const CROPPED = ['PreProcess_Img', 'PreProcessImg', 'PreProcess', 'F_PreProcessImg', 'B_PreProcessImg', '.'].map(
  (folder) => `${folder}/VL_Acropped`,
);

/**
 * Oulu-CASIA (Zhao et al. 2011), visible light: `.../VL/Strong/P001/Anger/000.jpeg`, or the owners' cropped `VL_Acropped/Strong/...`,
 * which `--align none` prefers. Each of 480 sequences goes from neutral to the peak; its last frames have its expression, and its first
 * ones are neutral where that is asked for (the owners have six expressions and no neutral).
 *
 * @throws UaferError `DATA` naming the folders and frames that are not as they should be
 */
export async function planOulu(raw: string, options: OuluOptions): Promise<Plan> {
  const { neutralFrames, peakFrames } = options;
  const store = folderStore(findFrames(raw, options));
  const problems = collectProblems();
  const pictures: LaboratoryPicture[] = [];
  for (const { subject, label, frames, where } of sequencesOf(store, problems)) {
    const chosen = chooseFrames(frames, neutralFrames, peakFrames);
    if (chosen === null)
      problems.add(`${where} has ${frames.length} frames, too few for ${neutralFrames} neutral and ${peakFrames} peak frames`);
    const take = (name: string, expression: Expression) =>
      pictures.push({ source: store.source(name), file: name.replaceAll('/', '_'), label: expression, subject });
    for (const name of chosen?.neutral ?? []) take(name, 'neutral');
    for (const name of chosen?.peak ?? []) take(name, label);
  }
  problems.check('Oulu-CASIA cannot be used');
  const published = { all: publishedCounts(neutralFrames, peakFrames) };
  const placed = placeByPeople(raw, pictures, options);
  return {
    set: 'oulu',
    ...placed,
    leftOut: [],
    published,
    notes: compareWithPublished(placed.pictures, published),
    close: store.close,
  };
}

function findFrames(raw: string, { align, illumination }: OuluOptions): string {
  const places = align === 'none' ? [...CROPPED, ...ORIGINAL] : [...ORIGINAL, ...CROPPED];
  const candidates = [...places.map((place) => join(raw, place, illumination)), join(raw, illumination)];
  const found = candidates.find(isFolder);
  if (found === undefined)
    throw new UaferError(
      'DATA',
      `${raw} holds no ${join('OriginalImg', 'VL', illumination)} nor ${join('VL_Acropped', illumination)}`,
    );
  return found;
}

interface Sequence {
  subject: string;
  label: Expression;
  frames: string[];
  where: string;
}

function sequencesOf(store: Store, problems: Problems): Sequence[] {
  const sequences = new Map<string, Sequence>();
  for (const name of store.names()) {
    if (!/\.(jpe?g|png|bmp|tiff?)$/i.test(name)) continue;
    const [, sequence = '', subject = '', expression = ''] = /^((P\d{3})\/([^/]+))\/\d+\.jpe?g$/.exec(name) ?? [];
    const label = LABELS[expression];
    if (label === undefined) {
      problems.add(`${store.where}/${name}: expected a name like P001/Anger/000.jpeg, with ${Object.keys(LABELS).join(', ')}`);
      continue;
    }
    const known = sequences.get(sequence);
    if (known) known.frames.push(name);
    else sequences.set(sequence, { subject, label, frames: [name], where: `${store.where}/${sequence}` });
  }
  if (sequences.size === 0) problems.add(`${store.where}: no frame named like P001/Anger/000.jpeg`);
  return [...sequences.values()];
}

function publishedCounts(neutralFrames: number, peakFrames: number): Record<string, number> {
  const labels = Object.values(LABELS);
  const peaks = Object.fromEntries(labels.map((label) => [label, PEOPLE * peakFrames]));
  return neutralFrames === 0 ? peaks : { ...peaks, neutral: PEOPLE * labels.length * neutralFrames };
}
