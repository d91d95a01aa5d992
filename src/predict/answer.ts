/** From a network's outputs to what a person or program reads. */
import { type CalibratedAnswer, calibratedAnswer, type RawAnswer } from '../calibration/calibration.js';
import { layersOf } from '../calibration/density.js';
import type { NetworkOutputs } from '../onnx/network.js';
import { layerOutput, type ModelFile } from './modelFile.js';

/**
 * What to do with an answer: `report` it; `ambiguous`, people would disagree; `reject`, the picture is not like those that the model learned
 * from. Null where the model has no thresholds and none was given.
 */
export type Decision = CalibratedAnswer['decision'];

/** What the model says of a face. */
export interface Answer {
  /** The most probable class. */
  expression: string;
  /** By class; they sum to 1. */
  probabilities: Record<string, number>;
  /**
   * In [0, 1]: how little evidence there is, W / (W + total evidence) with a prior weight W; of an evidential model the vacuity C / S. Of a
   * model without evidence the entropy over log C. Of a model that knows its training pictures (`uafer calibrate --density`) it grows with the
   * distance from them.
   */
  uncertainty: number;
  /**
   * In [0, 1]: how much people would disagree, the expected entropy sum_c (a_c / S) (psi(S + 1) - psi(a_c + 1)) over log C. Of a model without
   * evidence it is the entropy over log C.
   */
  ambiguity: number;
  /** In [0, 1]: how probably the expression is wrong. */
  risk: number;
  decision: Decision;
  /** Where people would disagree: the two most probable classes, the first one first. */
  candidates?: [string, string];
  /** Of a model with conformal sets: the classes among which the right one is, as often as its calibration says, the most probable first. */
  set?: string[];
}

/** What the network says of picture i of a batch, and what of it a calibration looks at. */
export function rawAnswerAt(outputs: NetworkOutputs, i: number, { answer, calibration }: ModelFile): RawAnswer {
  const row = (name: string) => {
    const { data, shape } = outputs(name);
    const width = data.length / (shape[0] as number);
    return data.subarray(i * width, (i + 1) * width);
  };
  const raw = { logits: Array.from(row('logits')), evidence: answer.kind === 'evidence' ? Array.from(row('evidence')) : null };
  if (!calibration?.density) return raw;
  const layers = layersOf(calibration.density).map((name) => [name, row(layerOutput(name))] as const);
  return { ...raw, features: { feature: row('feature'), layers: Object.fromEntries(layers) } };
}

/** @param abstain uncertainty above which to reject, in place of the model's own threshold */
export function answerOf(raw: RawAnswer, { classes, calibration }: ModelFile, abstain?: number): Answer {
  const answer = calibratedAnswer(raw, calibration, { abstain, featureScores: false });
  // With ReLU evidence all probabilities may be equal: the class is that of the largest logit, as in evaluation.
  return namedAnswer(classes, ranked(answer.logits), answer);
}

type Numbered = Pick<CalibratedAnswer, 'probabilities' | 'uncertainty' | 'ambiguity' | 'risk' | 'decision' | 'set'>;

/** The answer with the names of its classes. @param order their positions, that of the expression first */
export function namedAnswer(
  classes: readonly string[],
  order: readonly number[],
  { probabilities, uncertainty, ambiguity, risk, decision, set }: Numbered,
): Answer {
  const name = (c: number) => classes[c] as string;
  const [first, second] = order as [number, number];
  return {
    expression: name(first),
    probabilities: Object.fromEntries(classes.map((each, c) => [each, probabilities[c] as number])),
    uncertainty,
    ambiguity,
    risk,
    decision,
    ...(decision === 'ambiguous' ? { candidates: [name(first), name(second)] } : {}),
    ...(set ? { set: set.map(name) } : {}),
  };
}

/** Positions of the values, the largest first; of equal ones `preferred`, then the earlier. */
export function ranked(values: readonly number[], preferred = 0): number[] {
  const order = (a: number, b: number) => (values[b] as number) - (values[a] as number);
  return [...values.keys()].sort((a, b) => order(a, b) || Number(b === preferred) - Number(a === preferred) || a - b);
}
