/** What the page says, in plain words. */
import { type Decision, decide } from '#uafer/metrics/decision.js';
import type { Answer } from '#uafer/predict/answer.js';
import type { ModelSummary } from './messages';

/** From an answer's probability of being wrong and the model's thresholds; null where the model has none. */
export type Deciding = Pick<ModelSummary, 'decision'> & { risk: number | null };

/** @param risk the largest that is reported, in place of the model's own threshold */
function decisionOf({ uncertainty, risk }: Answer, { decision, risk: most }: Deciding): Decision | null {
  if (!decision) return null;
  const rule = { ignorance: decision.reject.uncertainty, uncertainty: most ?? decision.report.risk };
  return decide({ uncertainty: risk, ignorance: uncertainty }, rule);
}

/** The answer by the thresholds that the person chose. */
export function decided<T extends Answer>(answer: T, deciding: Deciding): T {
  const decision = decisionOf(answer, deciding);
  const { candidates: _, ...rest } = answer;
  return { ...rest, decision, ...(decision === 'ambiguous' && { candidates: twoOf(answer) }) } as T;
}

/** Names of the classes, the most probable first. */
export function byProbability({ probabilities }: Answer): string[] {
  return Object.keys(probabilities).sort((a, b) => (probabilities[b] as number) - (probabilities[a] as number));
}

function twoOf(answer: Answer): [string, string] {
  const [first, second] = [answer.expression, ...byProbability(answer).filter((name) => name !== answer.expression)];
  return [first as string, second as string];
}

export const capital = (name: string) => name.charAt(0).toUpperCase() + name.slice(1);

/** `98%`; never a rounded 100% or 0% for what is neither. */
export function percent(share: number): string {
  if (share > 0.995 && share < 1) return '> 99%';
  if (share > 0 && share < 0.005) return '< 1%';
  return `${Math.round(100 * share)}%`;
}

/** `70 in 100`. */
export const inHundred = (share: number) => `${Math.round(100 * share)} in 100`;

/** What stands over a face, and is read first. */
export function headline(answer: Answer): string {
  if (answer.decision === 'reject') return 'No answer';
  if (answer.candidates) return answer.candidates.map((name, i) => (i ? name : capital(name))).join(' or ');
  return capital(answer.expression);
}

/** On a photo, where there is little room. */
export function caption(answer: Answer): string {
  if (answer.decision === 'reject') return 'No answer';
  if (answer.candidates) return answer.candidates.map((name, i) => (i ? name : capital(name))).join(' or ');
  return `${capital(answer.expression)} ${percent(answer.probabilities[answer.expression] as number)}`;
}

export const DECISIONS = {
  report: 'Sure enough to say',
  ambiguous: 'People would disagree',
  reject: 'Not a picture like those it learned from',
} as const;

/** A choice of words, fitted to nothing. */
const OF_AMBIGUITY = [
  [0.25, 'People would mostly agree about this face.'],
  [0.5, 'Some people would call it something else.'],
  [1, 'People would be split over this face.'],
] as const;

export function wordsOfAmbiguity(ambiguity: number): string {
  return (OF_AMBIGUITY.find(([most]) => ambiguity <= most) ?? OF_AMBIGUITY[2])[1];
}

/** @param limit from which on the model declines; null where it never does */
export function wordsOfIgnorance(uncertainty: number, limit: number | null): string {
  if (limit !== null && uncertainty > limit) return 'It has seen too little like this to answer.';
  if (uncertainty <= 0.35) return 'It has seen much like this.';
  return uncertainty <= 0.7 ? 'It has seen some faces like this.' : 'It has seen little like this.';
}
