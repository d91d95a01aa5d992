/** Single pictures: the most certain mistakes, and those that a model is least certain of. */
import { voteShares } from '../metrics/votes.js';
import type { ExamplePicture } from '../run/examplesFile.js';
import type { PredictionRow } from '../run/predictionsFile.js';
import { faceDrawing } from './heatmapPicture.js';
import { paragraph, type Section, text } from './html.js';
import { percent } from './metricsText.js';
import type { Evaluated } from './subject.js';

const PATCHES =
  'Orange patches are the top-k ones whose affinity to the text of a class is the largest: the local score of the class is their mean, so they ' +
  'are what speaks for it. The darker, the more.';

/** None where no pictures were kept. @param prefix makes the ids of this subject's pictures its own on the page */
export function pictureSections({ answers, examples, metrics }: Evaluated, prefix: string): Section[] {
  if (!answers || !examples || examples.pictures.length === 0) return [];
  const classes = metrics.perClass.map(({ name }) => name);
  const pictures = new Map(examples.pictures.map((picture) => [picture.row, picture]));
  const drawn = new Set<number>();
  const cards = (rows: readonly number[]) =>
    rows.flatMap((at) => {
      const [picture, row] = [pictures.get(at), answers.rows[at]];
      if (!picture || !row) return [];
      const first = !drawn.has(at);
      drawn.add(at);
      return [card(picture, row, { classes, id: `${prefix}face-${at}`, first })];
    });
  const note = examples.pictures.some(({ heatmap }) => heatmap !== null) ? paragraph(PATCHES, 'small') : '';
  const list = (items: readonly string[]) => `<ul class="cards">${items.join('')}</ul>`;
  const [mistakes, uncertain] = [cards(examples.mistakes), cards(examples.uncertain)];
  const sections: Section[] = [];
  if (mistakes.length > 0)
    sections.push({
      heading: 'Most certain mistakes',
      body: `${paragraph('Wrong answers of the largest probability. Some may be mistakes of the labels.')}${note}${list(mistakes)}`,
    });
  if (uncertain.length > 0)
    sections.push({
      heading: 'Least certain pictures',
      body: `${paragraph("Answers of the largest uncertainty, by the model's own score.")}${note}${list(uncertain)}`,
    });
  return sections;
}

interface CardOptions {
  classes: readonly string[];
  id: string;
  /** Whether the picture's bytes stand in this card. */
  first: boolean;
}

function card(picture: ExamplePicture, row: PredictionRow, { classes, id, first }: CardOptions): string {
  const name = (c: number) => classes[c] as string;
  const said = `${name(row.predicted)} ${percent(row.probabilities[row.predicted])}`;
  const drawings = [faceDrawing(picture, id, { first, caption: 'what it saw' })];
  if (picture.heatmap) {
    drawings.push(faceDrawing(picture, id, { of: name(row.predicted), caption: `for ${name(row.predicted)}, its answer` }));
    if (row.label !== row.predicted)
      drawings.push(faceDrawing(picture, id, { of: name(row.label), caption: `for ${name(row.label)}, the label` }));
  }
  const lines = [
    `<p><b>${text(said)}</b>, ${row.label === row.predicted ? 'which is right' : `labelled <b>${text(name(row.label))}</b> (${percent(row.probabilities[row.label])})`}</p>`,
    `<p class="small">uncertainty ${row.uncertainty.toFixed(3)}${row.decision ? `, decision: ${row.decision}` : ''}${votesText(row, classes)}<br>${text(row.file)}</p>`,
  ];
  return `<li class="card"><div class="faces">${drawings.join('')}</div>${lines.join('')}${everyClass(picture, row, { classes, id })}</li>`;
}

function votesText({ votes }: PredictionRow, classes: readonly string[]): string {
  const shares = votes && voteShares(votes.slice(0, classes.length));
  if (!votes || !shares) return '';
  const given = classes.flatMap((name, c) => ((votes[c] as number) > 0 ? [`${name} ${votes[c]}`] : []));
  return text(`; votes: ${given.join(', ')}`);
}

/** Of each class the patches that speak for it, folded away. */
function everyClass(picture: ExamplePicture, row: PredictionRow, { classes, id }: Omit<CardOptions, 'first'>): string {
  if (!picture.heatmap) return '';
  const drawings = classes.map((of, c) => faceDrawing(picture, id, { of, caption: `${of} ${percent(row.probabilities[c])}` }));
  return `<details><summary>every class</summary><div class="faces all">${drawings.join('')}</div></details>`;
}
