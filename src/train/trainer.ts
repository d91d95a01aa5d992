/**
 * The training loop. Read it in this order:
 *
 *     train           looks at the data (`checkData.ts`), opens the run (`openRun.ts`), and draws the report when it ends
 *       trainEpochs   an epoch after the other, each with an evaluation of the test set, until a reason to end
 *         trainEpoch  a step after the other, and checkpoints by the clock
 *           trainStep   batches -> loss and gradients (`step.ts`) -> clipping, AdamW (`optimizer.ts`) -> moving average -> log
 *         save          a checkpoint
 *         evaluateRun   the test set with the averaged weights
 *         endEpoch      log, metrics, checkpoint, in this order
 */

import type { TrainConfig } from '../config/schema.js';
import { datasetRow } from '../data/datasets.js';
import type { Batch } from '../data/types.js';
import { UaferError } from '../errors.js';
import { type Evaluation, evaluate } from '../evaluate/evaluate.js';
import { examplesOf } from '../evaluate/evaluateCheckpoint.js';
import { ownCalibration } from '../evaluate/ownCalibration.js';
import { writeFileAtomically } from '../files.js';
import { writeRunReport } from '../report/writeReport.js';
import { writeExamples } from '../run/examplesFile.js';
import type { Best, Ending, EpochEvent, StepEvent, TrainingEvent, TrainResult } from '../run/messages.js';
import { writePredictions } from '../run/predictionsFile.js';
import { precisionNote } from '../task/precision.js';
import { prepareEngine } from '../task/prepareEngine.js';
import type { Task } from '../task/task.js';
import { checkData } from './checkData.js';
import { evaluateTogether } from './evaluateTogether.js';
import { updateMovingAverage, withAverages } from './movingAverage.js';
import { closeRun, openRun, refuseRun } from './openRun.js';
import { clipGradients, optimizerStep } from './optimizer.js';
import { ALONE } from './processes.js';
import { nothingSpent, type Run, seconds, type TrainHooks } from './run.js';
import { advice, save, saveBest, showAsBest } from './saveRun.js';
import { learningRate } from './schedule.js';
import { lossAndGradients, type StepLoss, type Together } from './step.js';
import { agreedBatch, batchNote, refuseDrift, refuseSmallBatches } from './together.js';

/**
 * Trains `task` as `config` says and leaves a run folder in `config.out`: the original's loop (per-step learning rate, an evaluation
 * of the whole test set after every epoch) with checkpoints in between. A run that was stopped, or killed at any moment, and then
 * resumed ends with the same numbers as one that was left alone (same threads, CPU).
 *
 * `maxSteps` counts the steps of the whole run, `maxMinutes` this process alone; a run that ends by either is evaluated where it
 * stands, without a trace in the state that `--resume` goes on from. Throws `USAGE` when the folder holds another run, `LOCKED`
 * when another process trains it, `CHECKPOINT` when the one to resume does not fit, `DATA` and `IMAGE` when its pictures cannot be used, `DIVERGED` when the loss or a weight is no longer a number (the last checkpoint stays good).
 */
export async function train(task: Task, asked: TrainConfig, hooks: TrainHooks = {}): Promise<TrainResult> {
  const config = prepareEngine(asked);
  const { processes = ALONE } = hooks;
  refuseRun(task, config, hooks);
  refuseSmallBatches(config, processes);
  const note = precisionNote(config);
  if (note) hooks.onEvent?.({ kind: 'log', text: note });
  if (asked.precision === 'auto')
    hooks.onEvent?.({ kind: 'log', text: `--precision auto: ${config.precision} on this machine.` });
  await checkData(task, config, hooks);
  const run = openRun(task, config, hooks);
  try {
    if (processes.group) run.emit({ kind: 'log', text: batchNote(config, processes) });
    run.emit(startEvent(run));
    const result = await trainEpochs(run);
    processes.part();
    // Whoever asks to stop wants to be gone: the report is drawn when the resumed run ends.
    if (result.ending !== 'stopped' && processes.leads) await drawReport(run);
    return result;
  } finally {
    await closeRun(run);
  }
}

/** The training is what counts: a report that cannot be drawn is told of, and can be drawn later. */
async function drawReport(run: Run): Promise<void> {
  const { folder, emit } = run;
  try {
    await keepExamples(run);
    await writeRunReport(folder.path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const text =
      `The run is complete, but its report could not be drawn: ${reason}\n` +
      `Once that is mended, uafer train --resume ${folder.path} draws it.`;
    emit({ kind: 'log', text });
  }
}

/** What the report shows of single pictures, by the weights of the last evaluation: those that are in memory when a run ends. */
async function keepExamples({ task, config, preprocessing, ema, session, folder }: Run): Promise<void> {
  const { evaluation } = session;
  if (!evaluation) return;
  const examples = () => examplesOf({ ...evaluation, dataset: task.dataset }, { ...task, preprocessing }, config);
  writeExamples(folder.predictions, await (ema ? withAverages(ema, examples) : examples()));
}

async function trainEpochs(run: Run): Promise<TrainResult> {
  const { progress, config } = run;
  while (progress.epoch < config.optimizer.epochs) {
    if (outOfPatience(run)) return result(run, 'patience');
    const ending = await trainEpoch(run);
    if (ending === 'stopped') return stopped(run);
    if (ending) return await endEarly(run, ending);
    refuseDrift(run.processes, run.optimizer, run.progress.globalStep);
    // Whatever fails in the evaluation, the epoch is not lost: a resumed run finds it trained, and evaluates it.
    save(run);
    const evaluation = await evaluateRun(run);
    if (!evaluation) return stopped(run);
    endEpoch(run, evaluation);
  }
  return result(run, 'finished');
}

function outOfPatience({ progress, config }: Run): boolean {
  const { patience } = config.run;
  return patience > 0 && progress.best !== null && progress.epoch - 1 - progress.best.epoch >= patience;
}

/** Trains from where the run stands to the end of the epoch (null), or to what ends the run before. */
async function trainEpoch(run: Run): Promise<Ending | null> {
  const { progress, config, session } = run;
  const batches = run.train.epoch(progress.epoch, progress.step * config.optimizer.accumulate)[Symbol.asyncIterator]();
  try {
    while (progress.step < run.steps) {
      const ending = reasonToEnd(run);
      if (ending) return ending;
      await trainStep(run, batches);
      if (minutesSince(session.savedAt) >= config.run.checkpointMinutes) save(run);
    }
  } finally {
    await batches.return?.();
  }
  return run.processes.sum([run.shouldStop() ? 1 : 0])[0] === 0 ? null : 'stopped';
}

/** The same for all processes: any may be asked to stop, and the leading one has the clock. */
function reasonToEnd({ progress, config, session, shouldStop, processes }: Run): Ending | null {
  const { maxSteps, maxMinutes } = config.run;
  const late = processes.leads && maxMinutes > 0 && minutesSince(session.startedAt) >= maxMinutes;
  const [stops, minutesUp] = processes.sum([shouldStop() ? 1 : 0, late ? 1 : 0]);
  if (stops !== 0) return 'stopped';
  if (maxSteps > 0 && progress.globalStep >= maxSteps) return 'maxSteps';
  return minutesUp === 0 ? null : 'maxMinutes';
}

const minutesSince = (time: number) => (seconds() - time) / 60;

async function trainStep(run: Run, batches: AsyncIterator<Batch>): Promise<void> {
  const { task, config, optimizer, progress } = run;
  const { spent } = progress;
  const began = seconds();
  const waitedBefore = spent.wait;
  const { epochs, accumulate } = config.optimizer;
  const { epoch, step } = progress;
  const lr = learningRate(epoch + step / run.steps, config.optimizer);
  const moment = { epoch, epochs, step, steps: run.steps };
  const options = { precision: config.precision, device: config.device, accumulate };
  const taken = take(run, batches);
  const loss = await lossAndGradients(task, optimizer, taken, moment, options, togetherIn(run));
  refuseDivergence(run, 'loss', loss.loss, lr);
  const { clipGrad } = config.optimizer;
  const gradNorm = clipGrad > 0 ? clipGradients(optimizer, clipGrad) : undefined;
  refuseDivergence(run, "gradient's norm", gradNorm ?? 0, lr);
  optimizerStep(optimizer, lr);
  if (run.ema) updateMovingAverage(run.ema, progress.globalStep + 1);
  const took = seconds() - began;
  spent.compute += took - (spent.wait - waitedBefore);
  recordStep(run, loss, gradNorm, lr, took);
}

/** What several processes need to make a step; undefined for one process. */
function togetherIn({ processes, reducer, progress, config, train }: Run): Together | undefined {
  const { accumulate } = config.optimizer;
  return reducer
    ? { processes, reducer, batches: Math.min(accumulate, train.batches - progress.step * accumulate) }
    : undefined;
}

/** The batches of the next step; the time they kept us waiting is added to what was spent. */
async function* take(run: Run, batches: AsyncIterator<Batch>): AsyncGenerator<Batch> {
  const { processes, train, progress, config } = run;
  const { epoch, step, spent } = progress;
  const { accumulate } = config.optimizer;
  for (let number = step * accumulate; number < (step + 1) * accumulate; number++) {
    const began = seconds();
    const next = await batches.next();
    const batch = next.done ? null : await agreedBatch(processes, train, next.value, { epoch, number });
    spent.wait += seconds() - began;
    tellKept(run);
    if (!batch) return;
    yield batch;
  }
}

function refuseDivergence({ progress, folder }: Run, what: string, value: number, lr: number): void {
  if (Number.isFinite(value)) return;
  throw new UaferError(
    'DIVERGED',
    `The ${what} became ${value} in epoch ${progress.epoch + 1} at step ${progress.globalStep + 1} (learning rate ${lr}). ${advice(folder)}`,
  );
}

function recordStep(
  run: Run,
  { loss, parts, samples }: StepLoss,
  gradNorm: number | undefined,
  lr: number,
  took: number,
): void {
  const { progress, config } = run;
  for (const [name, value] of Object.entries({ loss, ...parts })) progress.totals[name] = (progress.totals[name] ?? 0) + value;
  progress.step += 1;
  progress.globalStep += 1;
  progress.spent.pictures += samples;
  const event: StepEvent = {
    kind: 'step',
    epoch: progress.epoch,
    epochs: config.optimizer.epochs,
    step: progress.step,
    steps: run.steps,
    globalStep: progress.globalStep,
    loss,
    parts,
    lr,
    gradNorm,
    imagesPerSecond: samples / took,
    secondsLeft: secondsLeft(run),
  };
  if (progress.globalStep % config.run.logEvery === 0) run.log?.step(event);
  run.emit(event);
}

function secondsLeft({ progress, config, steps }: Run): number {
  const all = steps * config.optimizer.epochs;
  const { maxSteps } = config.run;
  const left = Math.max(0, (maxSteps > 0 ? Math.min(all, maxSteps) : all) - progress.globalStep);
  return ((progress.spent.wait + progress.spent.compute) / progress.step) * left;
}

/** Scores the whole test set, with the averaged weights where the run keeps them; null when asked to stop meanwhile. */
async function evaluateRun(run: Run): Promise<Evaluation | null> {
  const { task, config, test, ema, processes } = run;
  const options = {
    samples: task.dataset.test,
    calibration: ownCalibration(config),
    epoch: run.progress.epoch,
    precision: config.precision,
    device: config.device,
    onBatch: (done: number) => run.emit({ kind: 'evaluating', done, total: test.batches }),
    shouldStop: run.shouldStop,
  };
  const score = () =>
    processes.group ? evaluateTogether(task, test, options, processes) : evaluate(task, test.epoch(0), options);
  const began = seconds();
  const evaluation = await (ema ? withAverages(ema, score) : score());
  run.session.evaluationSeconds = seconds() - began;
  if (evaluation) run.session.evaluation = evaluation;
  tellUnreadable(run);
  tellKept(run);
  return evaluation;
}

/** Names each picture that could not be read, once. */
function tellUnreadable({ train, test, session, emit }: Run): void {
  for (const [path, reason] of [...train.unreadable, ...test.unreadable]) {
    if (session.unreadable.has(path)) continue;
    session.unreadable.add(path);
    emit({ kind: 'log', text: `Left out: ${reason}` });
  }
}

/** What there is to say about what is kept of pictures on the disk, each sentence once. */
function tellKept({ train, test, task, session, emit }: Run): void {
  const told = (notes: ReadonlyMap<string, string>, of: string) => {
    for (const [kind, text] of notes) {
      if (session.keptNotes.has(`${of} ${kind}`)) continue;
      session.keptNotes.add(`${of} ${kind}`);
      emit({ kind: 'log', text });
    }
  };
  for (const { notes } of [train, test]) told(notes, 'pictures');
  for (const { notes, what } of task.keeping ?? []) told(notes, what);
}

/** The best so far with this evaluation counted; an equal later one does not replace it. */
function bestWith({ progress, task }: Run, { metrics }: Evaluation): Best {
  const metric = datasetRow(task.dataset.name).decisive;
  const value = metrics[metric];
  return progress.best && progress.best.value >= value ? progress.best : { metric, value, epoch: progress.epoch };
}

/** Log and metrics first, checkpoint last: who is killed in between repeats them to the same values. */
function endEpoch(run: Run, evaluation: Evaluation): void {
  const { progress } = run;
  const best = bestWith(run, evaluation);
  const improved = best !== progress.best;
  report(run, evaluation, best);
  Object.assign(progress, { epoch: progress.epoch + 1, step: 0, totals: {}, spent: nothingSpent(), best });
  if (improved) saveBest(run);
  else save(run);
}

/**
 * A limit is reached: the state to go on from is written first, so that the evaluation that follows cannot alter a run that is
 * resumed with a higher limit.
 */
async function endEarly(run: Run, ending: Ending): Promise<TrainResult> {
  save(run);
  if (run.progress.step === 0) return result(run, ending);
  const evaluation = await evaluateRun(run);
  if (!evaluation) return result(run, 'stopped');
  const best = bestWith(run, evaluation);
  report(run, evaluation, best);
  if (best !== run.progress.best) showAsBest(run);
  return { ...result(run, ending), best };
}

function stopped(run: Run): TrainResult {
  save(run);
  return result(run, 'stopped');
}

function result({ progress, folder, session }: Run, ending: Ending): TrainResult {
  return {
    ending,
    runFolder: folder.path,
    epochs: progress.epoch,
    steps: progress.globalStep,
    best: progress.best,
    metrics: session.evaluation?.metrics ?? null,
  };
}

function report(run: Run, evaluation: Evaluation, best: Best): void {
  const { progress, session, config, folder } = run;
  const { spent } = progress;
  const means = Object.fromEntries(Object.entries(progress.totals).map(([name, sum]) => [name, sum / progress.step]));
  const { loss = Number.NaN, ...parts } = means;
  const event: EpochEvent = {
    kind: 'epoch',
    epoch: progress.epoch,
    epochs: config.optimizer.epochs,
    globalStep: progress.globalStep,
    loss,
    parts,
    lr: learningRate(progress.epoch + (progress.step - 1) / run.steps, config.optimizer),
    metrics: evaluation.metrics,
    testLoss: evaluation.loss,
    best,
    imagesPerSecond: spent.pictures / (spent.wait + spent.compute),
    seconds: { wait: spent.wait, compute: spent.compute, evaluate: session.evaluationSeconds },
  };
  if (!run.processes.leads) return;
  run.log?.epoch(event);
  const { metrics, testLoss } = event;
  const summary = {
    epoch: event.epoch,
    step: event.globalStep,
    ...metrics,
    loss: testLoss,
    unreadable: run.test.unreadable.size,
    best,
  };
  writePredictions(folder.predictions, run.task.classes, evaluation.predictions);
  writeFileAtomically(folder.metrics, `${JSON.stringify(summary, null, 2)}\n`);
  run.emit(event);
}

function startEvent({ folder, config, steps, progress }: Run): TrainingEvent {
  const { epoch, step } = progress;
  return { kind: 'start', runFolder: folder.path, epochs: config.optimizer.epochs, steps, epoch, step };
}
