/** What is fitted to a trained model's answers on validation pictures, and what an answer becomes by it. */
import { z } from 'zod';
import { UaferError } from '../errors.js';
import { conformalSet } from '../metrics/conformal.js';
import { type Decision, decide } from '../metrics/decision.js';
import { predictLogistic } from '../metrics/logisticRegression.js';
import { applyEvidenceScale, applyTemperature, applyVectorScaling, logProbabilities } from '../metrics/scaling.js';
import { type Answer, dirichletEntropy, dirichletMean, entropy, SCORES, type ScoreName } from '../metrics/scores.js';
import { densitySchema, densityScores, layerDistance, type PictureFeatures } from './density.js';
import { evidenceOfLogits } from './logitEvidence.js';

const positive = z.number().positive();
const share = z.number().min(0).max(1);
const numbers = z.array(z.number());

/** Of the logits z of an answer; those of a Dirichlet distribution are the logarithms of its mean. */
const scalingSchema = z.discriminatedUnion('kind', [
  /** softmax(z / temperature): p^(1 / temperature), brought to the sum 1. */
  z.object({ kind: z.literal('temperature'), temperature: positive }),
  /** softmax(weights z + biases), (C) each. It may change which class is the most probable. */
  z.object({ kind: z.literal('vector'), weights: numbers, biases: numbers }),
]);

/** Where the evidence of an answer comes from. */
const evidenceSchema = z.discriminatedUnion('kind', [
  /** The network's own, times `scale`. */
  z.object({ kind: z.literal('scaled'), scale: positive }),
  /** exp(slope logit + offset) (`logitEvidence.ts`): a network with softmax has none of its own. */
  z.object({ kind: z.literal('logits'), slope: positive, offset: z.number() }),
]);

/** Classes among which the right one is, with a stated coverage (`src/metrics/conformal.ts`). */
const conformalSchema = z.object({
  method: z.enum(['thr', 'aps', 'raps']),
  coverage: share,
  threshold: z.number().nullable(),
});

/** Probability that an answer is wrong, from the scores of `src/metrics/scores.ts` (`src/metrics/logisticRegression.ts`). */
const riskHeadSchema = z.object({
  scores: z.array(z.enum(SCORES.map(({ name }) => name))),
  means: numbers,
  deviations: numbers,
  weights: numbers,
  bias: z.number(),
});

const decisionSchema = z.object({
  /** A picture of more uncertainty is rejected; null: none is. */
  reject: z.object({ uncertainty: share.nullable() }),
  /** Of the others an answer of at most this risk is reported; null: none is. */
  report: z.object({ risk: share.nullable() }),
  /** The rates that the thresholds were fitted at. */
  rates: z.object({ risk: share, rejected: share }),
});

/** From the strictest threshold to the one that answers the most. */
const curveSchema = z.array(z.object({ threshold: share, coverage: share, risk: share }));

/** How leaving the least certain unanswered did on pictures that nothing was fitted to (`src/metrics/abstention.ts`). */
const measuredSchema = z.object({
  /** How many pictures, and in words which. */
  pictures: z.int().positive(),
  of: z.string(),
  byUncertainty: curveSchema,
  byRisk: curveSchema,
});

export const calibrationSchema = z.object({
  scaling: scalingSchema,
  /** Null where the answers have no evidence. */
  evidence: evidenceSchema.nullable(),
  riskHead: riskHeadSchema.nullable(),
  conformal: conformalSchema.nullable(),
  decision: decisionSchema.nullable(),
  /** Left out where the pictures of training are not known. */
  density: densitySchema.optional(),
  /** Left out where every picture was fitted to, and by earlier versions. */
  measured: measuredSchema.optional(),
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
  /** What a calibration with a density looks at. */
  features?: PictureFeatures | undefined;
}

/** W of subjective logic, where nothing else says how much evidence an open mind is worth (Josang 2016, 3.5). */
const PRIOR_WEIGHT = 2;

/** What is known of a picture's class. */
export interface CalibratedAnswer {
  /** As the network gives them; after vector scaling those of the probabilities. The largest is that of the answer. */
  logits: number[];
  /** Sum to 1. */
  probabilities: number[];
  /** Parameters of the Dirichlet distribution over what people would say; null where the answer is none. */
  alpha: number[] | null;
  /**
   * In [0, 1]: W / (W + total evidence), with W = C for evidence + 1 (vacuity, C / S) and 2 for evidence from logits; without evidence the
   * entropy of the probabilities over ln C. With a density it grows with the picture's distance from those of training (`ignorance`).
   */
  uncertainty: number;
  /** In [0, 1]: how much people would disagree, the Dirichlet's expected entropy over ln C; without one the entropy of the probabilities. */
  ambiguity: number;
  /** In [0, 1]: how probably the answer is wrong; by the risk head where there is one, else 1 - the largest probability. */
  risk: number;
  /** Positions of the classes among which the right one is, the most probable first; null where no coverage was asked for. */
  set: number[] | null;
  /** Null where there are no thresholds. */
  decision: Decision | null;
  /** Present where the calibration has a density and the scores were asked for; its ignorance is `uncertainty`. */
  density?: NonNullable<Answer['density']>;
}

interface AnswerOptions {
  /** An uncertainty above which to reject, in place of the calibration's threshold. */
  abstain?: number | undefined;
  /** Whether the answer has its scores of features (`density`), which decide nothing but where the risk head looks at them; true when left out. */
  featureScores?: boolean;
}

/**
 * The answer by what was fitted; without a calibration the network's own.
 *
 * @throws UaferError `DIVERGED` when the network's numbers are none
 */
export function calibratedAnswer(
  raw: RawAnswer,
  calibration?: Calibration,
  { abstain, featureScores = true }: AnswerOptions = {},
): CalibratedAnswer {
  const { logits, evidence } = raw;
  if (![...logits, ...(evidence ?? [])].every(Number.isFinite))
    throw new UaferError(
      'DIVERGED',
      `The network's logits [${logits.join(', ')}] are not all numbers: its weights are broken.`,
    );
  const alpha = dirichletOf(raw, calibration?.evidence ?? null);
  const scaled = scaledBy(alpha ? logProbabilities(dirichletMean(alpha)) : logits, calibration?.scaling);
  const { probabilities } = scaled;
  const own = alpha ? ofDirichlet(alpha, evidence !== null) : ofProbabilities(probabilities);
  const { ambiguity } = own;
  const known = densityOf(raw, calibration);
  const uncertainty = known
    ? ignorance(own.uncertainty, layerDistance(known.features, known.density), alpha !== null)
    : own.uncertainty;
  const scored =
    known && (featureScores || calibration?.riskHead) ? densityScores(known.features, logits, known.density) : null;
  const answer = {
    logits: scaled.logits ?? [...logits],
    probabilities,
    alpha: alpha ?? undefined,
    ...(scored && { density: { ...scored, ignorance: uncertainty } }),
  };
  const risk = calibration?.riskHead ? riskOf(answer, calibration.riskHead) : 1 - Math.max(...probabilities);
  return {
    ...answer,
    alpha,
    uncertainty,
    ambiguity,
    risk,
    set: calibration?.conformal ? conformalSet(probabilities, calibration.conformal) : null,
    decision: decisionOf({ uncertainty, risk }, calibration?.decision ?? null, abstain),
  };
}

/** What a density looks at; null without one. */
function densityOf({ features }: RawAnswer, calibration: Calibration | undefined) {
  if (!calibration?.density) return null;
  if (!features) throw new RangeError('a calibration with a density needs what the network made of the picture');
  return { features, density: calibration.density };
}

/**
 * Evidence is worth the less, the further a picture lies from those of training: it is divided by 1 + e^(2 distance), so that W / (W + E) becomes
 * W / (W + E / (1 + e^(2 distance))). Without evidence what the model is certain of, 1 - uncertainty, is divided by it.
 *
 * @param distance standardised: about 0 for an ordinary picture
 */
function ignorance(uncertainty: number, distance: number, evidential: boolean): number {
  const worth = 1 / (1 + Math.exp(2 * distance));
  const certain = (1 - uncertainty) * worth;
  return evidential ? uncertainty / (uncertainty + certain) : 1 - certain;
}

function dirichletOf({ logits, evidence }: RawAnswer, calibration: Calibration['evidence']): number[] | null {
  if (evidence) {
    const alpha = evidence.map((e) => e + 1);
    return calibration?.kind === 'scaled' ? applyEvidenceScale(alpha, calibration.scale) : alpha;
  }
  return calibration?.kind === 'logits' ? evidenceOfLogits(logits, calibration) : null;
}

function scaledBy(
  logits: readonly number[],
  scaling: Calibration['scaling'] | undefined,
): { logits: number[] | null; probabilities: number[] } {
  if (scaling?.kind !== 'vector') return { logits: null, probabilities: applyTemperature(logits, scaling?.temperature ?? 1) };
  const probabilities = applyVectorScaling(logits, scaling);
  return { logits: logProbabilities(probabilities), probabilities };
}

/** @param withPrior whether the parameters hold 1 each beside the evidence */
function ofDirichlet(alpha: readonly number[], withPrior: boolean) {
  const strength = alpha.reduce((sum, a) => sum + a, 0);
  const uncertainty = withPrior ? alpha.length / strength : PRIOR_WEIGHT / (PRIOR_WEIGHT + strength);
  return { uncertainty, ambiguity: dirichletEntropy(alpha) };
}

function ofProbabilities(probabilities: readonly number[]) {
  const uncertainty = entropy(probabilities);
  return { uncertainty, ambiguity: uncertainty };
}

/** The scores that a risk head looks at, of one answer. */
export function riskFeatures(answer: Answer, names: readonly ScoreName[]): number[] {
  return names.map((name) => SCORES.find((row) => row.name === name)?.of(answer) as number);
}

function riskOf(answer: Answer, head: NonNullable<Calibration['riskHead']>): number {
  return predictLogistic(riskFeatures(answer, head.scores), head);
}

/**
 * The decision by a calibration's thresholds; null where there are none and no `abstain` is given. A model without thresholds reports all that it
 * doesn't reject.
 *
 * @param abstain an uncertainty above which to reject, in place of the calibration's threshold
 */
export function decisionOf(
  { uncertainty, risk }: Pick<CalibratedAnswer, 'uncertainty' | 'risk'>,
  thresholds: Calibration['decision'],
  abstain: number | undefined,
): Decision | null {
  if (!thresholds && abstain === undefined) return null;
  const ignorance = abstain ?? thresholds?.reject.uncertainty ?? null;
  return decide(
    { uncertainty: risk, ignorance: uncertainty },
    { ignorance, uncertainty: thresholds ? thresholds.report.risk : 1 },
  );
}
