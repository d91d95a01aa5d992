import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { collectProblems } from '../problems.js';
import { type LaboratoryLayout, type LaboratoryPicture, placeByPeople } from './laboratory.js';
import { type Alignment, compareWithPublished, type Expression, type LeftOut, type Plan } from './plan.js';
import { folderStore } from './store.js';

/** The two letters before the take in a file name (Lyons et al. 1998). */
const LABELS: Readonly<Record<string, Expression>> = {
  AN: 'anger',
  DI: 'disgusted',
  FE: 'fear',
  HA: 'happy',
  NE: 'neutral',
  SA: 'sad',
  SU: 'surprise',
};
/** 213 pictures of 10 women (Lyons et al. 1998). */
const PUBLISHED = { all: { anger: 30, disgusted: 29, fear: 32, happy: 31, neutral: 30, sad: 31, surprise: 30 } };

/**
 * JAFFE (Lyons et al. 1998): TIFF files named `KA.AN1.39.tiff`, which say person, expression, take and number, in the folder itself or
 * in its `jaffe` folder.
 *
 * @throws UaferError `DATA` naming the pictures whose names say something else
 */
export async function planJaffe(raw: string, options: { align: Alignment; layout: LaboratoryLayout }): Promise<Plan> {
  const store = folderStore(existsSync(join(raw, 'jaffe')) ? join(raw, 'jaffe') : raw);
  const problems = collectProblems();
  const pictures: LaboratoryPicture[] = [];
  const leftOut: LeftOut[] = [];
  for (const name of store.names()) {
    const source = store.source(name);
    const [, subject, letters = ''] = /^([A-Z]{2})\.([A-Z]{2})\d+\.\d+\.tiff?$/.exec(name) ?? [];
    const label = LABELS[letters];
    if (!/\.(tiff?|jpe?g|png|bmp)$/i.test(name)) leftOut.push({ where: source.where, why: 'no picture' });
    else if (subject === undefined || label === undefined)
      problems.add(
        `${source.where}: expected a name like KA.AN1.39.tiff, with ${Object.keys(LABELS).join(', ')} in its middle`,
      );
    else pictures.push({ source, file: name, label, subject });
  }
  if (pictures.length === 0) problems.add(`${store.where}: no picture named like KA.AN1.39.tiff`);
  problems.check('JAFFE cannot be used');
  const placed = placeByPeople(raw, pictures, options);
  return {
    set: 'jaffe',
    ...placed,
    leftOut,
    published: PUBLISHED,
    notes: compareWithPublished(placed.pictures, PUBLISHED),
    close: store.close,
  };
}
