/** What is fitted to a trained model's answers on validation pictures, and what an answer becomes by it. */
import { z } from 'zod';
import { UaferError } from '../errors.js';
import type { DecisionRule } from '../metrics/decision.js';
import { applyEvidenceScale, applyTemperature, logProbabilities } from '../metrics/scaling.js';
import { dirichletEntropy, dirichletMean, entropy } from '../metrics/scores.js';
import { evidenceOfLogits } from './logitEvidence.js';

const positive = z.number().positive();
const share = z.number().min(0).max(1);

/** Where the evidence of an answer comes from. */
const evidenceSchema = z.discriminatedUnion('kind', [
  /** The network's own, times `scale`. */
  z.object({ kind: z.literal('scaled'), scale: positive }),
  /** exp(slope logit + offset) (`logitEvidence.ts`): a network with softmax has none of its own. */
  z.object({ kind: z.literal('logits'), slope: positive, offset: z.number() }),
]);

const decisionSchema = z.object({
  /** A picture of more uncertainty is rejected; null: none is. */
  reject: z.object({ uncertainty: share.nullable() }),
  /** Of the others an answer of at most this risk (1 - the largest probability) is reported; null: none is. */
  report: z.object({ risk: share.nullable() }),
  /** The rates that the thresholds were fitted at. */
  rates: z.object({ risk: share, rejected: share }),
});

export const calibrationSchema = z.object({
  /** Probabilities are p^(1 / temperature), brought to the sum 1. */
  temperature: positive,
  /** Null where the answers have no evidence. */
  evidence: evidenceSchema.nullable(),
  decision: decisionSchema.nullable(),
  /** In words. */
  fittedOn: z.string(),
});

/** Plain data, which goes with the model. */
export type Calibration = z.infer<typeof calibrationSchema>;

/** What a network says of a picture, C numbers each. */
export interface RawAnswer {
  logits: readonly number[];
  /** Of a Dirichlet distribution with a = evidence + 1; null of a network with softmax. */
  evidence: readonly number[] | null;
}

/** What is known of a picture's class. */
export interface CalibratedAnswer {
  logits: readonly number[];
  /** Sum to 1. */
  probabilities: number[];
  /** Parameters of the Dirichlet distribution over what people would say; null where the answer is none. */
  alpha: number[] | null;
  /** In [0, 1]: C / (C + total evidence); without evidence the entropy of the probabilities over ln C. */
  uncertainty: number;
  /** In [0, 1]: how much people would disagree, the Dirichlet's expected entropy over ln C; without one the entropy of the probabilities. */
  ambiguity: number;
}

/**
 * The answer by what was fitted; without a calibration the network's own.
 *
 * @throws UaferError `DIVERGED` when the network's numbers are none
 */
export function calibratedAnswer(raw: RawAnswer, calibration?: Calibration): CalibratedAnswer {
  const { logits, evidence } = raw;
  if (![...logits, ...(evidence ?? [])].every(Number.isFinite))
    throw new UaferError(
      'DIVERGED',
      `The network's logits [${logits.join(', ')}] are not all numbers: its weights are broken.`,
    );
  const alpha = dirichletOf(raw, calibration?.evidence ?? null);
  const temperature = calibration?.temperature ?? 1;
  const probabilities = applyTemperature(alpha ? logProbabilities(dirichletMean(alpha)) : logits, temperature);
  if (!alpha) {
    const uncertainty = entropy(probabilities);
    return { logits, probabilities, alpha, uncertainty, ambiguity: uncertainty };
  }
  const prior = evidence ? 1 : 0;
  const total = alpha.reduce((sum, a) => sum + (a - prior), 0);
  return {
    logits,
    probabilities,
    alpha,
    uncertainty: alpha.length / (alpha.length + total),
    ambiguity: dirichletEntropy(alpha),
  };
}

function dirichletOf({ logits, evidence }: RawAnswer, calibration: Calibration['evidence']): number[] | null {
  if (evidence) {
    const alpha = evidence.map((e) => e + 1);
    return calibration?.kind === 'scaled' ? applyEvidenceScale(alpha, calibration.scale) : alpha;
  }
  return calibration?.kind === 'logits' ? evidenceOfLogits(logits, calibration) : null;
}

/** The thresholds of a calibration, as what decides takes them. */
export function decisionRule({ reject, report }: NonNullable<Calibration['decision']>): DecisionRule {
  return { ignorance: reject.uncertainty, uncertainty: report.risk };
}

/** What a decision looks at. */
export function decisionScores({ probabilities, uncertainty }: CalibratedAnswer): { uncertainty: number; ignorance: number } {
  return { uncertainty: 1 - Math.max(...probabilities), ignorance: uncertainty };
}
