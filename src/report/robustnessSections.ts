/** Pictures that are not as they should be: test pictures that were spoilt, and other ones. */
import { SCORES, type ScoreName } from '../metrics/scores.js';
import type { Curve } from './charts.js';
import { htmlTable, paragraph, type Section } from './html.js';
import type { Corruption, Evaluated } from './subject.js';
import { corruptionTables, corruptionTitle, otherTables } from './tables.js';

/** What was tried of the two. */
export async function robustnessSections({ corruptions, others, metrics }: Evaluated): Promise<Section[]> {
  const sections: Section[] = [];
  if (corruptions.length > 0) sections.push({ heading: 'Spoilt pictures', body: await spoiltPictures(corruptions, metrics) });
  if (others) {
    const words =
      'Pictures that are no test pictures, from another folder. A model that knows what it does not know is less certain of them.';
    sections.push({
      heading: 'Other pictures',
      body:
        paragraph(words) +
        otherTables(others)
          .map((table) => htmlTable(table))
          .join(''),
    });
  }
  return sections;
}

async function spoiltPictures(corruptions: readonly Corruption[], unchanged: Evaluated['metrics']): Promise<string> {
  const { panels } = await import('./charts.js');
  const axes = { x: 'severity', domain: [0, 1] as [number, number] };
  const perScore = (heading: string, value: (row: Corruption, score: ScoreName) => number | null | undefined) => {
    const drawn = panelsOf(corruptions, (rows) =>
      SCORES.map(({ name, title }) => curve(title, rows, (row) => value(row, name))),
    );
    if (drawn.every(({ curves }) => curves.length === 0)) return '';
    return `<h3>${heading}</h3>${panels({ panels: drawn, ...axes, percent: false })}`;
  };
  const quality = panelsOf(corruptions, (rows) => [
    curve('accuracy', rows, ({ metrics }) => metrics.accuracy, unchanged.accuracy),
    curve('calibration error', rows, ({ metrics }) => metrics.expectedCalibrationError, unchanged.expectedCalibrationError),
  ]);
  return [
    paragraph('The same pictures, changed for the worse in several severities; 0 is unchanged.'),
    panels({ panels: quality, ...axes, percent: true }),
    perScore('Errors found among them (AUROC of each score)', ({ scores }, score) => scores?.[score]?.errorAuroc),
    perScore('Told apart from unchanged pictures (AUROC of each score)', ({ outliers }, score) => outliers?.[score]?.auroc),
    ...corruptionTables(corruptions).map((table) => htmlTable(table)),
  ].join('');
}

/** A panel a corruption, without the curves that have no point. */
function panelsOf(corruptions: readonly Corruption[], curves: (rows: readonly Corruption[]) => Curve[]) {
  return [...new Set(corruptions.map(({ name }) => name))].map((name) => {
    const rows = corruptions.filter((each) => each.name === name).sort((a, b) => a.severity - b.severity);
    return { title: corruptionTitle(corruptions, name), curves: curves(rows).filter(({ points }) => points.length > 0) };
  });
}

/** @param unchanged the value without any corruption, where it is known */
function curve(
  name: string,
  rows: readonly Corruption[],
  y: (row: Corruption) => number | null | undefined,
  unchanged?: number | null,
): Curve {
  const points = rows.flatMap((row) => {
    const value = y(row);
    return value == null ? [] : [{ x: row.severity, y: value }];
  });
  return { name, points: unchanged == null ? points : [{ x: 0, y: unchanged }, ...points] };
}
