import { join } from 'node:path';
import { UaferError } from '../errors.js';
import { fiveOf68, parsePointLines } from '../faces/landmarks.js';
import { collectProblems, type Problems } from '../problems.js';
import { chooseFrames, type LaboratoryLayout, type LaboratoryPicture, placeByPeople } from './laboratory.js';
import { type Alignment, compareWithPublished, type Expression, type FaceHint, type LeftOut, type Plan } from './plan.js';
import { requireStore, type Store } from './store.js';

export interface CkplusOptions {
  align: Alignment;
  landmarks: boolean;
  layout: LaboratoryLayout;
  /** Frames from each labelled sequence's beginning, as neutral. */
  neutralFrames: number;
  /** Frames from its end, as its expression. */
  peakFrames: number;
  /** Whether contempt stays, as an eighth class. */
  contempt: boolean;
}

/** Emotion labels 0 to 7 (Lucey et al. 2010). */
const LABELS: readonly Expression[] = ['neutral', 'anger', 'contempt', 'disgusted', 'fear', 'happy', 'sad', 'surprise'];
/** Labelled sequences of each expression: 327 (Lucey et al. 2010, table 3). */
const SEQUENCES: Partial<Record<Expression, number>> = {
  anger: 45,
  contempt: 18,
  disgusted: 59,
  fear: 25,
  happy: 69,
  sad: 28,
  surprise: 83,
};

/**
 * CK+ (Lucey et al. 2010): `cohn-kanade-images`, `Emotion` and, for landmarks, `Landmarks`, as folders or in the owners' zips. Sequences
 * begin neutral and end at the peak; 327 of the 593 have a label, the others are left out. The usual 7 classes are neutral and six
 * expressions: 309 sequences, 1,236 pictures with one neutral and three peak frames; contempt makes it 327 and 1,308.
 *
 * @throws UaferError `DATA` naming the file, and its line
 */
export async function planCkplus(raw: string, options: CkplusOptions): Promise<Plan> {
  const { neutralFrames, peakFrames, contempt } = options;
  if (contempt && options.layout === 'lists')
    throw new UaferError('USAGE', 'RAF-DB’s lists have no contempt: --contempt needs --layout folder');
  const images = await requireStore(
    [
      { parent: raw, folder: 'cohn-kanade-images', archive: 'extended-cohn-kanade-images.zip' },
      { parent: join(raw, 'extended-cohn-kanade-images'), folder: 'cohn-kanade-images' },
    ],
    'expected CK+ with cohn-kanade-images and Emotion',
  );
  const emotions = await requireStore(
    [
      { parent: raw, folder: 'Emotion', archive: 'Emotion_labels.zip' },
      { parent: join(raw, 'Emotion_labels'), folder: 'Emotion' },
    ],
    'the labels of CK+ are there',
  );
  const faces = options.landmarks ? await openLandmarks(raw) : null;

  const problems = collectProblems();
  const labels = await readLabels(emotions, problems);
  const pictures: LaboratoryPicture[] = [];
  const leftOut: LeftOut[] = [];
  for (const [sequence, frames] of sequencesOf(images, problems)) {
    const where = `${images.where}/${sequence}`;
    const label = labels.get(sequence);
    labels.delete(sequence);
    if (label === undefined) leftOut.push({ where, why: 'the sequence has no emotion label' });
    else if (label === 'contempt' && !contempt) leftOut.push({ where, why: 'contempt (--contempt keeps it)' });
    else {
      const chosen = chooseFrames(frames, neutralFrames, peakFrames);
      if (chosen === null)
        problems.add(
          `${where} has ${frames.length} frames, too few for ${neutralFrames} neutral and ${peakFrames} peak frames`,
        );
      const parts: [readonly string[], Expression][] = [
        [chosen?.neutral ?? [], 'neutral'],
        [chosen?.peak ?? [], label],
      ];
      for (const [names, expression] of parts) {
        for (const name of names) pictures.push(await picture(images, name, expression, faces, problems));
      }
    }
  }
  for (const sequence of labels.keys())
    problems.add(`${emotions.where}/${sequence} has a label, but ${images.where} has no frames of it`);
  problems.check('CK+ cannot be used');
  const published = { all: publishedCounts(options) };
  const placed = placeByPeople(raw, pictures, options);
  return {
    set: 'ckplus',
    ...placed,
    leftOut,
    published,
    notes: compareWithPublished(placed.pictures, published),
    close: () => {
      for (const store of [images, emotions, faces]) store?.close();
    },
  };
}

function openLandmarks(raw: string): Promise<Store> {
  return requireStore([{ parent: raw, folder: 'Landmarks' }], "--landmarks takes the owners' 68 points from there");
}

/** Label of each sequence that has one, by `S005/001`. */
async function readLabels(emotions: Store, problems: Problems): Promise<Map<string, Expression>> {
  const labels = new Map<string, Expression>();
  for (const name of emotions.names()) {
    const sequence = /^(S\d+\/\d+)\/S\d+_\d+_\d+_emotion\.txt$/.exec(name)?.[1];
    if (sequence === undefined) continue;
    const source = emotions.source(name);
    const text = (await emotions.annotation(name)).toString('utf8').trim();
    const label = text === '' ? undefined : LABELS[Number(text)];
    if (label === undefined) problems.add(`${source.where}:1: label "${text}", expected 0 to ${LABELS.length - 1}`);
    else if (labels.has(sequence)) problems.add(`${source.where}: ${sequence} has a label already`);
    else labels.set(sequence, label);
  }
  return labels;
}

/** Frames of each sequence in their order. */
function sequencesOf(images: Store, problems: Problems): Map<string, string[]> {
  const sequences = new Map<string, string[]>();
  for (const name of images.names()) {
    if (!/\.(png|tiff?|jpe?g)$/i.test(name)) continue;
    const [, sequence, person, take, numbers] = /^((S\d+)\/(\d+))\/(S\d+_\d+)_\d{8}\.png$/.exec(name) ?? [];
    if (sequence === undefined || numbers !== `${person}_${take}`) {
      problems.add(`${images.where}/${name}: expected a name like S005/001/S005_001_00000001.png`);
      continue;
    }
    const frames = sequences.get(sequence);
    if (frames) frames.push(name);
    else sequences.set(sequence, [name]);
  }
  return sequences;
}

async function picture(
  images: Store,
  name: string,
  label: Expression,
  faces: Store | null,
  problems: Problems,
): Promise<LaboratoryPicture> {
  const [subject = '', , file = ''] = name.split('/');
  const face = faces ? await readFace(faces, name.replace(/\.png$/, '_landmarks.txt'), problems) : {};
  return { source: images.source(name), file, label, subject, ...face };
}

async function readFace(faces: Store, name: string, problems: Problems): Promise<{ face?: FaceHint }> {
  if (!faces.has(name)) {
    problems.add(`${faces.where}: no file ${name}`);
    return {};
  }
  const source = faces.source(name);
  const points = parsePointLines((await faces.annotation(name)).toString('utf8'), 68);
  if (typeof points !== 'string') return { face: { landmarks: fiveOf68(points) } };
  problems.add(`${source.where}:${points}`);
  return {};
}

function publishedCounts({ neutralFrames, peakFrames, contempt }: CkplusOptions): Record<string, number> {
  const kept = Object.entries(SEQUENCES).filter(([label]) => contempt || label !== 'contempt');
  const sequences = kept.reduce((total, [, count]) => total + count, 0);
  return {
    ...Object.fromEntries(kept.map(([label, count]) => [label, count * peakFrames])),
    neutral: sequences * neutralFrames,
  };
}
