/** How far answers can be trusted, as a person reads it on a terminal. */
import type { Interval } from '../metrics/bootstrap.js';
import { SCORES } from '../metrics/scores.js';
import { SCORE_COLUMNS, type ScoreFigureName, type Trust } from '../metrics/trust.js';
import { VOTE_FIGURES } from '../metrics/votes.js';
import { textTable } from '../textTable.js';

/**
 * Every score side by side, Brier's score in parts, and the figures against votes, with intervals where there are some. Ends without a line
 * break.
 */
export function formatTrust(trust: Trust): string {
  return [scoreText(trust), brierText(trust), ...(trust.votes ? [voteText(trust)] : [])].join('\n\n');
}

function scoreText({ scores, intervals, votes }: Trust): string {
  const columns = SCORE_COLUMNS.filter(({ name }) => votes !== null || name !== 'votesSpearman');
  const rows = SCORES.flatMap(({ name, title }) => {
    const row = scores[name];
    if (!row) return [];
    const ends = intervals?.scores[name];
    const cells = (of: (figure: ScoreFigureName) => string) => columns.map((column) => of(column.name));
    const below = ends ? [['', ...cells((figure) => range(ends[figure]))]] : [];
    return [[title, ...cells((figure) => decimal(row[figure]))], ...below];
  });
  const heading = ['finds errors by', ...columns.map(({ title, better }) => `${title} ${better === 'higher' ? '↑' : '↓'}`)];
  const absent = (what: string) =>
    SCORES.filter(({ name, needs }) => needs === what && !scores[name]).map(({ title }) => title);
  const [dirichlet, density] = [absent('dirichlet'), absent('density')];
  const without = [
    ...(dirichlet.length > 0 ? [`Only answers that are Dirichlet distributions have: ${dirichlet.join(', ')}.`] : []),
    ...(density.length > 0 ? [`Only after \`uafer calibrate --density\` there are: ${density.join(', ')}.`] : []),
  ];
  return [textTable([heading, ...rows]), ...without].join('\n');
}

function brierText({ brier: { score, reliability, resolution, uncertainty, withinBins } }: Trust): string {
  const parts = `${decimal(reliability)} reliability - ${decimal(resolution)} resolution + ${decimal(uncertainty)} uncertainty`;
  return `Brier score ${decimal(score)} = ${parts} ${withinBins < 0 ? '-' : '+'} ${decimal(Math.abs(withinBins))} within bins`;
}

function voteText({ votes, intervals }: Trust): string {
  if (!votes) return '';
  const { singles, others } = votes.counting;
  const counting = `single votes ${kept(singles)}, answers that are no class ${kept(others)}`;
  const rows = VOTE_FIGURES.map(({ name, title }) => {
    const ends = intervals?.votes?.[name];
    return [title, decimal(votes[name]), ...(ends ? [range(ends)] : [])];
  });
  return `${votes.samples} pictures with votes (${counting})\n${textTable(rows)}`;
}

const kept = (what: 'keep' | 'drop') => (what === 'keep' ? 'kept' : 'dropped');

function decimal(value: number | null): string {
  return value === null ? '-' : value.toFixed(4);
}

function range(interval: Interval | null): string {
  return interval === null ? '-' : interval.map((end) => end.toFixed(3)).join('..');
}
