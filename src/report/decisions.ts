import type { Decision } from '../metrics/decision.js';
import type { PredictionRow } from '../run/predictionsFile.js';

/** The decisions in the order in which they are shown, with their colours on the page. */
export const DECISIONS = [
  { name: 'report', colour: 'var(--report)' },
  { name: 'ambiguous', colour: 'var(--ambiguous)' },
  { name: 'reject', colour: 'var(--reject)' },
] as const satisfies readonly { name: Decision; colour: string }[];

/** How many pictures each decision was made for, and how many of their answers are right; null where a model decides nothing. */
export function decisionCounts(rows: readonly PredictionRow[]): Record<Decision, { pictures: number; right: number }> | null {
  if (!rows.some(({ decision }) => decision !== undefined)) return null;
  const of = (name: Decision) => {
    const own = rows.filter(({ decision }) => decision === name);
    return { pictures: own.length, right: own.filter(({ label, predicted }) => label === predicted).length };
  };
  return { report: of('report'), ambiguous: of('ambiguous'), reject: of('reject') };
}
