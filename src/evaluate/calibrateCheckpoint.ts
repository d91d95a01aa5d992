import { type CalibratedAnswer, type Calibration, calibratedAnswer } from '../calibration/calibration.js';
import { type Density, fitDensity, layersOf, type PictureFeatures } from '../calibration/density.js';
import { type FitOptions, fitCalibration, type ValidationAnswer } from '../calibration/fitCalibration.js';
import { earlyLayers } from '../clip/taps.js';
import type { TrainConfig } from '../config/schema.js';
import { createLoader } from '../data/loader.js';
import { inHashOrder } from '../data/people.js';
import type { Dataset, Sample } from '../data/types.js';
import { loadTraining, loadValidation } from '../data/validation.js';
import { UaferError } from '../errors.js';
import { abstentionCurves } from '../metrics/abstention.js';
import { setFigures } from '../metrics/conformal.js';
import { type DecisionFigures, decisionFigures } from '../metrics/decision.js';
import { computeMetrics, type Metrics } from '../metrics/metrics.js';
import { prepareEngine } from '../task/prepareEngine.js';
import { floats } from '../task/softmaxPrediction.js';
import type { ClassifierModel } from '../tasks/createTask.js';
import { evaluate, type Prediction } from './evaluate.js';
import { checkTestPictures } from './evaluateCheckpoint.js';
import { readModel, takenCheckpoint } from './readModel.js';

export interface CalibrateOptions extends Omit<FitOptions, 'fittedOn' | 'density'> {
  /** Of the validation pictures (of the people, where they are known), in (0, 1]: those that are fitted to. */
  share: number;
  /** Pictures of training that the calibration shall know, at most; none when left out. */
  density?: number | undefined;
  onNote?(note: string): void;
  /** Told after each batch how many are done, and how many there are. */
  onBatch?(done: number, total: number): void;
  /** The same of the pictures of training. */
  onTrainingBatch?(done: number, total: number): void;
}

/** What is fitted where nothing else is said. */
export const CALIBRATION_DEFAULTS = {
  share: 0.5,
  scaling: 'temperature',
  rates: { risk: 0.08, rejected: 0.05 },
  conformal: null,
  riskHead: false,
} as const satisfies CalibrateOptions;

/** How answers were before and are after, on validation pictures that were not fitted to; errors are looked for by the risk. */
export interface CalibrationFigures {
  before: Metrics;
  after: Metrics;
  decisions: DecisionFigures | null;
  /** Share of the sets that hold the right class, and how many classes they have on average. */
  sets: { coverage: number; meanSize: number } | null;
}

export interface CheckpointCalibration {
  /** What was calibrated: of a run the checkpoint that was taken. */
  checkpoint: string;
  calibration: Calibration;
  /** Null when all validation pictures were fitted to. */
  figures: CalibrationFigures | null;
  unreadable: string[];
}

/**
 * Fits a calibration to a checkpoint's answers to validation pictures, which are never those of the test: where a data set's test part is its
 * validation part (FER+), a share of it is fitted to and the rest is what figures are of.
 *
 * With `density` what is known of the pictures of training is fitted to those whose names come first by SHA-256.
 *
 * @throws UaferError `DATA` when the data set has no validation pictures, or none of training where those are asked for; `USAGE` when the share
 *   leaves none; or as evaluation does
 */
export async function calibrateCheckpoint(
  checkpoint: string,
  asked: TrainConfig,
  options: CalibrateOptions,
): Promise<CheckpointCalibration> {
  const config = prepareEngine(asked);
  const { dataset: name, dataPath, data } = config;
  const { votes: _, ...parts } = data;
  const validation = loadValidation({ name, dataPath, ...parts });
  const { onNote = () => {} } = options;
  const { fitted, rest } = splitValidation(validation.samples, options.share);
  const what = `${fitted.length} of ${validation.samples.length} pictures of ${validation.what}`;
  if (validation.tested) onNote(testedNote(rest.length));
  const taken = takenCheckpoint(checkpoint, onNote);
  const { model, epoch } = readModel(taken, config, validation.classes);
  const dataset: Dataset = { name, root: dataPath, classes: validation.classes, train: [], test: [...fitted, ...rest] };
  await checkTestPictures(dataset, config, model.preprocessing);
  const trained = options.density === undefined ? null : trainingPictures(config, validation.classes, options.density);
  const density = trained && (await densityOf(model, trained, config, options));
  const loader = createLoader(dataset.test, config, model.preprocessing, 'test');
  try {
    const { precision, device } = config;
    const onBatch = (done: number) => options.onBatch?.(done, loader.batches);
    const keptLayers = density ? layersOf(density.density) : undefined;
    const asked = { samples: dataset.test, epoch, precision, device, keptLayers, onBatch };
    const predictions = (await evaluate(model, loader.epoch(0), asked))?.predictions ?? [];
    const names = new Set(fitted.map(({ file }) => file));
    const own = predictions.filter(({ file }) => names.has(file)).map(toAnswer);
    const others = predictions.filter(({ file }) => !names.has(file));
    const fit = fitCalibration(own, { ...options, density: density?.density, fittedOn: what });
    const tried = others.length === 0 ? null : triedOn(others, fit, validation);
    const unreadable = [...(density?.unreadable ?? []), ...loader.unreadable.values()];
    const calibration = tried ? { ...fit, measured: tried.measured } : fit;
    return { checkpoint: taken, calibration, figures: tried?.figures ?? null, unreadable };
  } finally {
    for (const text of loader.notes.values()) onNote(text);
    await loader.close();
  }
}

function testedNote(left: number): string {
  return left === 0
    ? 'These are the test pictures of this data set too: its test figures are those of pictures that were fitted to.'
    : 'These are the test pictures of this data set too: take the figures of those that were not fitted to, which are below.';
}

/** What is fitted to, and what figures are of: the first by the SHA-256 of their names, so that every run and machine agrees; by people where they are known. */
export function splitValidation(samples: readonly Sample[], share: number): { fitted: Sample[]; rest: Sample[] } {
  const known = samples.every(({ subject }) => subject !== undefined);
  const key = ({ subject, file }: Sample) => (known ? (subject as string) : file);
  const ordered = inHashOrder(samples.map(key));
  const chosen = new Set(ordered.slice(0, Math.round(share * ordered.length)));
  const fitted = samples.filter((sample) => chosen.has(key(sample)));
  if (fitted.length === 0)
    throw new UaferError('USAGE', `--share ${share} leaves none of ${samples.length} validation pictures to fit to.`);
  return { fitted, rest: samples.filter((sample) => !chosen.has(key(sample))) };
}

interface TrainingPart {
  samples: Sample[];
  /** In words. */
  what: string;
}

/** Those whose names come first by the SHA-256, in that order; what was kept out of training is not among them. */
function trainingPictures(config: TrainConfig, classes: readonly string[], most: number): TrainingPart {
  const { dataset: name, dataPath, data } = config;
  const { train, classes: own } = loadTraining({ name, dataPath, ...data });
  if (train.length < 2 || own.join('/') !== classes.join('/'))
    throw new UaferError(
      'DATA',
      `--density: ${dataPath} has ${train.length} pictures of training, of the classes ${own.join(', ')}: expected some of ${classes.join(', ')}.`,
    );
  const byName = new Map(train.map((sample) => [sample.file, sample]));
  const samples = inHashOrder([...byName.keys()])
    .slice(0, most)
    .map((file) => byName.get(file) as Sample);
  return { samples, what: `${samples.length} of ${train.length} training pictures of ${name}` };
}

async function densityOf(
  model: ClassifierModel,
  { samples, what }: TrainingPart,
  config: TrainConfig,
  { onTrainingBatch }: CalibrateOptions,
): Promise<{ density: Density; unreadable: string[] }> {
  const { architecture, text } = model.classifier();
  const layers = earlyLayers(architecture);
  const loader = createLoader(samples, config, model.preprocessing, 'test');
  try {
    const { precision, device } = config;
    const onBatch = (done: number) => onTrainingBatch?.(done, loader.batches);
    const asked = { samples, epoch: 0, precision, device, keptLayers: layers, onBatch };
    const predictions = (await evaluate(model, loader.epoch(0), asked))?.predictions ?? [];
    const pictures = predictions.map(({ features, logits, label }) => ({
      features: features as PictureFeatures,
      logits,
      label,
    }));
    const weights = { values: floats(text), width: text.shape[1] as number };
    return { density: fitDensity(pictures, { weights, layers, fittedOn: what }), unreadable: [...loader.unreadable.values()] };
  } finally {
    await loader.close();
  }
}

function toAnswer({ label, logits, alpha, votes, features }: Prediction): ValidationAnswer {
  return { label, logits, features, evidence: alpha ? alpha.map((a) => a - 1) : null, votes: votes?.slice(0, logits.length) };
}

/** How the calibration does on pictures that it was not fitted to: the figures, and what of them goes with the model. */
function triedOn(
  predictions: readonly Prediction[],
  calibration: Calibration,
  { classes, what, samples }: { classes: readonly string[]; what: string; samples: readonly Sample[] },
): { figures: CalibrationFigures; measured: NonNullable<Calibration['measured']> } {
  const answers = predictions.map((prediction) => calibratedAnswer(toAnswer(prediction), calibration));
  const judged = predictions.map(({ label }, i) => {
    const { logits, probabilities, uncertainty, risk } = answers[i] as CalibratedAnswer;
    const predicted = logits.indexOf(Math.max(...logits));
    const correct = predicted === label;
    return { label, predicted, logits, probabilities, uncertainty: risk, ignorance: uncertainty, correct };
  });
  const before = predictions.map((own) => ({ ...own, uncertainty: 1 - Math.max(...own.probabilities) }));
  const { conformal, decision } = calibration;
  const sets = conformal && setFigures(judged, conformal);
  const rule = decision && { ignorance: decision.reject.uncertainty, uncertainty: decision.report.risk };
  const figures = {
    before: computeMetrics(before, classes),
    after: computeMetrics(judged, classes),
    decisions: rule && decisionFigures(judged, rule),
    sets: sets && { coverage: sets.coverage, meanSize: sets.meanSize },
  };
  const of = `the other ${judged.length} of ${samples.length} pictures of ${what}`;
  return {
    figures,
    measured: { pictures: judged.length, of, ...abstentionCurves(judged, rule ?? { ignorance: null, uncertainty: 1 }) },
  };
}
