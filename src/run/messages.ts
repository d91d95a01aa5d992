import type { Metrics } from '../metrics/metrics.js';

/** Why a run ended. */
export type Ending =
  /** Every epoch is done. */
  | 'finished'
  /** No better test metric for `run.patience` epochs. */
  | 'patience'
  | 'maxSteps'
  | 'maxMinutes'
  /** Asked to stop; `--resume` goes on. */
  | 'stopped';

/** The best test metric of a run so far. */
export interface Best {
  /** Its name in the metrics. */
  metric: string;
  value: number;
  epoch: number;
}

export interface TrainResult {
  ending: Ending;
  runFolder: string;
  /** Epochs completed. */
  epochs: number;
  /** Optimiser steps of the whole run. */
  steps: number;
  best: Best | null;
  /** Metrics of the last evaluation; null when the run ended before one. */
  metrics: Metrics | null;
}

/** What a run trains on, before it starts. */
export interface DataEvent {
  kind: 'data';
  dataset: string;
  root: string;
  /** Pictures. */
  train: number;
  test: number;
  classes: { name: string; train: number; test: number }[];
  /** How the parts came about, where not by the data set's owners. */
  notes: readonly string[];
}

/** One optimiser step is done. */
export interface StepEvent {
  kind: 'step';
  epoch: number;
  epochs: number;
  /** Steps done in this epoch, and its steps in all. */
  step: number;
  steps: number;
  /** Steps done in the whole run. */
  globalStep: number;
  loss: number;
  /** The loss's named parts. */
  parts: Record<string, number>;
  /** Learning rate before each group's scale. */
  lr: number;
  /** Norm of all gradients together before clipping; undefined in runs that don't clip. */
  gradNorm: number | undefined;
  imagesPerSecond: number;
  /** Until the last step of the run at this epoch's pace, evaluation left out. */
  secondsLeft: number;
}

/** An epoch is trained and evaluated. */
export interface EpochEvent {
  kind: 'epoch';
  epoch: number;
  epochs: number;
  /** Optimiser steps of the whole run so far. */
  globalStep: number;
  /** Means over the epoch's steps. */
  loss: number;
  parts: Record<string, number>;
  /** Learning rate of the last step, before each group's scale. */
  lr: number;
  metrics: Metrics;
  /** Mean of the evaluation loss over batches; null when the task defines none. */
  testLoss: number | null;
  best: Best | null;
  /** In training. */
  imagesPerSecond: number;
  /** Where the time went. `wait`: for pictures; `compute`: forward, backward, optimiser. */
  seconds: { wait: number; compute: number; evaluate: number };
}

/** What a run tells while it goes. */
export type TrainingEvent =
  | DataEvent
  /** Headers of pictures that were read, before the start. */
  | { kind: 'checking'; done: number; total: number }
  | { kind: 'start'; runFolder: string; epochs: number; steps: number; epoch: number; step: number }
  | StepEvent
  | { kind: 'evaluating'; done: number; total: number }
  | EpochEvent
  | { kind: 'checkpoint'; path: string }
  | { kind: 'log'; text: string };
