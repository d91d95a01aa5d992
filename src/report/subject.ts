/** What a report is about: a run, or an evaluation, with what their files hold. */
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { UaferError } from '../errors.js';
import { isFolder, readList } from '../files.js';
import { computeMetrics, type Metrics } from '../metrics/metrics.js';
import { computeTrust, type Trust, type TrustIntervals } from '../metrics/trust.js';
import { type Examples, readExamples } from '../run/examplesFile.js';
import type { Best } from '../run/messages.js';
import { type PredictionRow, readPredictions } from '../run/predictionsFile.js';
import { holdsRun, runFolder } from '../run/runFolder.js';
import { type LogLine, readRunLog } from '../run/runLog.js';
import { isReleasedForm } from './releasedForm.js';

/** A model's answers to the test pictures, judged. */
export interface Evaluated {
  metrics: Metrics;
  /** The answers themselves, and what follows from them alone; null where only figures were kept. */
  answers: { rows: readonly PredictionRow[]; trust: Trust } | null;
  examples: Examples | null;
  /** Answers to pictures that were changed for the worse; none where that was not tried. */
  corruptions: readonly Corruption[];
  /** Answers to pictures unlike those of the data set; null where that was not tried. */
  others: OtherPictures | null;
}

/** A run's own story. */
export interface RunStory {
  log: readonly LogLine[];
  /** `config.yaml`. */
  config: string;
  /** Of the evaluation, from 0. */
  epoch: number | null;
  best: Best | null;
}

export interface Subject {
  name: string;
  /** Path of the run or the predictions file. */
  source: string;
  /** Null for a run that has not been evaluated. */
  evaluated: Evaluated | null;
  run: RunStory | null;
  /** Whether the uncertainty is that of the released form, which says nothing (`releasedForm.ts`). */
  releasedForm: boolean;
  /** What was left out of it, and why. */
  notes: readonly string[];
}

const figure = z.number().nullable();
const corruptionSchema = z.object({
  name: z.string(),
  /** As a person reads it; the name where there is none. */
  title: z.string().optional(),
  severity: z.number(),
  metrics: z.looseObject({ accuracy: z.number(), expectedCalibrationError: figure.optional(), errorAuroc: figure.optional() }),
  /** By score, as in `trust.ts`. */
  scores: z.record(z.string(), z.record(z.string(), figure).nullable()).optional(),
  /** How well each score tells these pictures from those that were not changed. */
  outliers: z.record(z.string(), z.object({ auroc: figure }).nullable()).nullish(),
});

/** Figures under one corruption at one severity. */
export type Corruption = z.infer<typeof corruptionSchema>;

const detection = z.object({ auroc: figure, aupr: figure, fpr95: figure });

const otherPicturesSchema = z.object({
  folder: z.string(),
  /** How many there are, and how many test pictures they are told from. */
  samples: z.int(),
  ordinary: z.int(),
  /** How well each score tells them apart. */
  outliers: z.record(z.string(), detection.nullable()),
});

/** How pictures of another folder are told from those of the test. */
export type OtherPictures = z.infer<typeof otherPicturesSchema>;

const intervalsSchema = z.record(z.string(), z.tuple([z.number(), z.number()]).nullable());

/** What of `metrics.json` is not computed again from the answers. */
const metricsFileSchema = z.looseObject({
  confusion: z.array(z.array(z.number())),
  /** How the votes were counted, which intervals stand on. */
  votes: z
    .looseObject({ counting: z.object({ singles: z.enum(['keep', 'drop']), others: z.enum(['keep', 'drop']) }) })
    .nullish(),
  intervals: z
    .object({
      resamples: z.int(),
      seed: z.int(),
      level: z.number(),
      metrics: intervalsSchema,
      scores: z.record(z.string(), intervalsSchema.nullable()),
      votes: intervalsSchema.nullable(),
    })
    .optional(),
});
type MetricsFile = z.infer<typeof metricsFileSchema>;

/**
 * Reads a run folder, or a predictions file that `uafer eval --predictions` wrote, with what stands beside it.
 *
 * @throws UaferError `USAGE` for a path that is neither, `DATA` naming the file that is damaged
 */
export function readSubject(path: string): Subject {
  if (holdsRun(path)) return readRun(path);
  if (isFolder(path)) {
    throw new UaferError(
      'USAGE',
      `${path} is not a run folder: expected one that "uafer train" wrote, with config.yaml in it, or a file that ` +
        '`uafer eval --predictions` wrote.',
    );
  }
  return readEvaluation(path);
}

/** A predictions file. What stands beside it is shown where it is of the same answers. */
function readEvaluation(path: string): Subject {
  const { classes, rows } = readPredictions(path);
  const beside = metricsBeside(path);
  const metrics = named(path, () => computeMetrics(rows, classes));
  const notes: string[] = [];
  const own = beside !== null && isOf(beside.content, metrics);
  const counting = own ? beside.content.votes?.counting : undefined;
  const trust = named(path, () => computeTrust(rows, classes.length, counting ? { counting } : {}));
  if (beside !== null && !own) notes.push(`${beside.path} is of other answers than ${path}: left out.`);
  // What has the name of the folder alone is of the predictions that were written last, as metrics.json is.
  const shared = beside === null || own;
  return {
    name: basename(path).replace(/\.json$/, ''),
    source: path,
    evaluated: {
      metrics,
      answers: { rows, trust: withIntervals(trust, own ? beside.content : null) },
      examples: readExamples(path),
      corruptions: readBeside(z.array(corruptionSchema), path, 'corruptions', shared) ?? [],
      others: readBeside(otherPicturesSchema, path, 'ood', shared),
    },
    run: null,
    releasedForm: false,
    notes,
  };
}

/** What was evaluated just now, whether or not it stands in a file. */
export function evaluatedNow(
  { name, source, classes, releasedForm }: Pick<Subject, 'name' | 'source' | 'releasedForm'> & { classes: readonly string[] },
  rows: readonly PredictionRow[],
  known: { trust: Trust; examples: Examples | null; corruptions?: readonly Corruption[]; others?: OtherPictures | null },
): Subject {
  const { trust, examples, corruptions = [], others = null } = known;
  const evaluated = { metrics: computeMetrics(rows, classes), answers: { rows, trust }, examples, corruptions, others };
  return { name, source, evaluated, run: null, releasedForm, notes: [] };
}

/**
 * A run with its log and configuration. Where its predictions are those of its metrics they are shown too.
 *
 * @throws UaferError `USAGE` when the folder holds no run
 */
export function readRun(path: string): Subject {
  if (!holdsRun(path)) {
    throw new UaferError(
      'USAGE',
      `${path} is not a run folder: expected one that "uafer train" wrote, with config.yaml in it.`,
    );
  }
  const run = runFolder(path);
  const config = readFileSync(run.config, 'utf8');
  const metrics = existsSync(run.metrics) ? readRunMetrics(run.metrics) : null;
  const log = readRunLog(run.log);
  const notes: string[] = [];
  return {
    name: basename(resolve(path)),
    source: path,
    evaluated: metrics && evaluatedRun(metrics, run.predictions, notes),
    run: { log, config, epoch: metrics?.epoch ?? null, best: metrics?.best ?? null },
    releasedForm: isReleasedForm(parse(config)),
    notes,
  };
}

type RunMetrics = Metrics & { epoch: number; best: Best | null };

function evaluatedRun(metrics: RunMetrics, predictions: string, notes: string[]): Evaluated {
  const corruptions = readBeside(z.array(corruptionSchema), predictions, 'corruptions', true) ?? [];
  const others = readBeside(otherPicturesSchema, predictions, 'ood', true);
  const { best, epoch } = metrics;
  if ((corruptions.length > 0 || others) && best && best.epoch !== epoch)
    notes.push(
      `Spoilt and other pictures were shown to the checkpoint that \`uafer eval\` took (the best one, after epoch ${best.epoch + 1}, unless ` +
        `another was named); the other figures are after epoch ${epoch + 1}.`,
    );
  const without = { metrics, answers: null, examples: null, corruptions, others };
  if (!existsSync(predictions)) return without;
  const { classes, rows } = readPredictions(predictions);
  const { confusion } = named(predictions, () => computeMetrics(rows, classes));
  if (JSON.stringify(confusion) !== JSON.stringify(metrics.confusion)) {
    notes.push(`${predictions} is of another epoch than metrics.json: left out.`);
    return without;
  }
  const trust = named(predictions, () => computeTrust(rows, classes.length));
  return { ...without, answers: { rows, trust }, examples: readExamples(predictions) };
}

/** Figures of the answers in a file. What is wrong with one is told with the file's name. */
function named<T>(path: string, figures: () => T): T {
  try {
    return figures();
  } catch (cause) {
    if (cause instanceof UaferError) throw new UaferError(cause.code, `${path}: ${cause.message}`, { cause });
    throw cause;
  }
}

function readRunMetrics(path: string): RunMetrics {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new UaferError('DATA', `${path} is not JSON: ${(cause as Error).message}. Delete it and evaluate the run again.`, {
      cause,
    });
  }
}

/** `out.metrics.json` or `metrics.json`, as `uafer eval` writes them. */
function metricsBeside(predictions: string): { path: string; content: MetricsFile } | null {
  const named = predictions.replace(/(\.json)?$/, '.metrics.json');
  const path = [named, join(dirname(predictions), 'metrics.json')].find((each) => existsSync(each));
  return path === undefined ? null : { path, content: parseMetrics(path) };
}

function parseMetrics(path: string): MetricsFile {
  return parseBy(metricsFileSchema, path, 'metrics of `uafer eval`');
}

/** `out.corruptions.json`, of the predictions file `out.json` alone, or else the folder's `corruptions.json`; null where there is none. */
function readBeside<T>(schema: z.ZodType<T>, predictions: string, kind: 'corruptions' | 'ood', shared: boolean): T | null {
  const named = predictions.replace(/(\.json)?$/, `.${kind}.json`);
  const paths = shared ? [named, join(dirname(predictions), `${kind}.json`)] : [named];
  const path = paths.find((each) => existsSync(each));
  return path === undefined ? null : parseBy(schema, path, `figures of \`uafer eval --${kind}\``);
}

function parseBy<T>(schema: z.ZodType<T>, path: string, what: string): T {
  try {
    return schema.parse(JSON.parse(readList(path)));
  } catch (cause) {
    if (cause instanceof UaferError) throw cause;
    const reason = cause instanceof z.ZodError ? z.prettifyError(cause) : (cause as Error).message;
    throw new UaferError('DATA', `${path} holds no ${what}: ${reason}`, { cause });
  }
}

/** Several predictions files of a folder share one `metrics.json`: the last one's. */
function isOf(file: MetricsFile, { confusion, negativeLogLikelihood }: Metrics): boolean {
  return JSON.stringify(file.confusion) === JSON.stringify(confusion) && file.negativeLogLikelihood === negativeLogLikelihood;
}

function withIntervals(trust: Trust, file: MetricsFile | null): Trust {
  return file?.intervals ? { ...trust, intervals: file.intervals as TrustIntervals } : trust;
}
