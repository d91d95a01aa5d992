/** From a network's outputs to what a person or program reads. */
import { digamma } from '../metrics/digamma.js';
import type { ModelFile } from './modelFile.js';

/**
 * What to do with an answer: `report` it; `ambiguous`, people would disagree; `reject`, the picture is not like those that the model learned
 * from. Null where the model has no thresholds and none was given.
 */
export type Decision = 'report' | 'ambiguous' | 'reject' | null;

/** What the model says of a face. */
export interface Answer {
  /** The most probable class. */
  expression: string;
  /** By class; they sum to 1. */
  probabilities: Record<string, number>;
  /**
   * In [0, 1]. Of an evidential model the vacuity C / S: how little evidence there is. Of one with softmax the entropy over log C.
   */
  uncertainty: number;
  /**
   * In [0, 1]: how much people would disagree, the expected entropy sum_c (a_c / S) (psi(S + 1) - psi(a_c + 1)) over log C. Of a model with
   * softmax it is the entropy over log C.
   */
  ambiguity: number;
  decision: Decision;
  /** Where people would disagree: the two most probable classes, the first one first. */
  candidates?: [string, string];
}

/** One face's share of the outputs, C numbers each; `evidence` of an evidential model. */
export interface RawAnswer {
  logits: Float32Array;
  probabilities: Float32Array;
  evidence: Float32Array | null;
}

/** @param abstain uncertainty above which to reject, in place of the model's own thresholds */
export function answerOf({ logits, probabilities, evidence }: RawAnswer, model: ModelFile, abstain?: number): Answer {
  const { classes } = model;
  // With ReLU evidence all probabilities may be equal: the class is that of the largest logit, as in evaluation.
  const ranked = classes.map((_, c) => c).sort((a, b) => (logits[b] as number) - (logits[a] as number) || a - b);
  const [first, second] = ranked as [number, number];
  const { uncertainty, ambiguity } = evidence ? ofEvidence(evidence) : ofProbabilities(probabilities);
  const decision = decide(uncertainty, probabilities[first] as number, model, abstain);
  return {
    expression: classes[first] as string,
    probabilities: Object.fromEntries(classes.map((name, c) => [name, probabilities[c] as number])),
    uncertainty,
    ambiguity,
    decision,
    ...(decision === 'ambiguous' ? { candidates: [classes[first] as string, classes[second] as string] } : {}),
  };
}

function ofEvidence(evidence: Float32Array): { uncertainty: number; ambiguity: number } {
  const alpha = Array.from(evidence, (value) => value + 1);
  const strength = alpha.reduce((sum, value) => sum + value, 0);
  const atTop = digamma(strength + 1);
  const expected = alpha.reduce((sum, value) => sum + (value / strength) * (atTop - digamma(value + 1)), 0);
  return { uncertainty: alpha.length / strength, ambiguity: expected / Math.log(alpha.length) };
}

function ofProbabilities(probabilities: Float32Array): { uncertainty: number; ambiguity: number } {
  const entropy = probabilities.reduce((sum, p) => (p > 0 ? sum - p * Math.log(p) : sum), 0) / Math.log(probabilities.length);
  return { uncertainty: entropy, ambiguity: entropy };
}

function decide(uncertainty: number, probability: number, { decision }: ModelFile, abstain: number | undefined): Decision {
  const limit = abstain ?? decision?.reject.uncertainty;
  if (limit !== undefined && uncertainty > limit) return 'reject';
  if (decision) return probability >= decision.report.probability ? 'report' : 'ambiguous';
  return limit === undefined ? null : 'report';
}
