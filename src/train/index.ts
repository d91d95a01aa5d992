/**
 * `uafer/train`: training and evaluation as a library. Needs libtorch (`uafer engine install`).
 *
 * @packageDocumentation
 *
 * @example
 * import { createTask, resolveConfig, train } from 'uafer/train';
 *
 * const config = resolveConfig({
 *   recipe: 'quickstart',
 *   options: { dataset: 'rafdb', dataPath: 'examples/faces', out: 'runs/mine', 'optimizer.epochs': 1 },
 * });
 * const { metrics } = await train(createTask(config), config, {
 *   onEvent: (event) => event.kind === 'step' && console.log(event.globalStep, event.loss),
 * });
 * console.log(metrics?.accuracy);
 */
export { type ConfigSources, resolveConfig } from '../config/resolve.js';
export type { TrainConfig } from '../config/schema.js';
export { type ClassMap, readClassMap } from '../data/classMap.js';
export { addDataset, type DatasetRow, type LoadOptions } from '../data/datasets.js';
export type { Batch, Dataset, Parts, Sample } from '../data/types.js';
export { UaferError } from '../errors.js';
export { type EvaluateOptions, type Evaluation, evaluate, type Prediction } from '../evaluate/evaluate.js';
export {
  type CheckpointEvaluation,
  type EvaluateCheckpointOptions,
  evaluateCheckpoint,
} from '../evaluate/evaluateCheckpoint.js';
export { bootstrap, differences, type Interval } from '../metrics/bootstrap.js';
export type { ClassScores } from '../metrics/classification.js';
export { computeMetrics, METRICS, type MetricName, type Metrics } from '../metrics/metrics.js';
export { SCORES, type ScoreName } from '../metrics/scores.js';
export { computeTrust, type JudgedAnswer, type Trust, trustFigures } from '../metrics/trust.js';
export {
  type Checkpoint,
  type CheckpointState,
  readCheckpoint,
  readCheckpointState,
  readCheckpointWeights,
} from '../run/checkpoint.js';
export type { Best, Ending, EpochEvent, StepEvent, TrainingEvent, TrainResult } from '../run/messages.js';
export { findRun, type RunFolder, readRunConfig, runFolder } from '../run/runFolder.js';
export type { ModelDescription } from '../task/modelDescription.js';
export type { BatchPrediction, LossParts, Model, Moment, ParameterGroup, Task } from '../task/task.js';
export { createTask } from '../tasks/createTask.js';
export type { TrainHooks } from './run.js';
export { train } from './trainer.js';
export { type RunTrainingOptions, runTraining } from './trainingHost.js';
