/** `uafer/train`: training and evaluation as a library. Needs libtorch (`uafer engine install`). */
export type { Batch, Dataset, Sample } from '../data/types.js';
export { UaferError } from '../errors.js';
export { type EvaluateOptions, type Evaluation, evaluate, type Prediction } from '../evaluate/evaluate.js';
export { type ClassScores, computeMetrics, type Metrics } from '../evaluate/metrics.js';
export {
  type Checkpoint,
  type CheckpointState,
  readCheckpoint,
  readCheckpointState,
  readCheckpointWeights,
} from './checkpoint.js';
export type { TrainConfig } from './config.js';
export { createTask } from './createTask.js';
export { type RunTrainingOptions, runTraining } from './host.js';
export type { Best, Ending, EpochEvent, StepEvent, TrainingEvent, TrainResult } from './messages.js';
export { type ConfigSources, resolveConfig } from './resolve.js';
export type { TrainHooks } from './run.js';
export { findRun, type RunFolder, readRunConfig, runFolder } from './runFolder.js';
export type { BatchPrediction, LossParts, Moment, ParameterGroup, Task } from './task.js';
export { train } from './trainer.js';
