/** What `/metrics` says, in Prometheus' format. No label comes from a request: their values are our own words, so that their number is bounded. */

import type { ServePackages } from './packages.js';
import type { PredictorFacts } from './predictProcess.js';
import { PROBLEM_KINDS, type ProblemKind } from './problems.js';
import type { ServiceWatcher } from './service.js';

export interface Metrics extends Omit<ServiceWatcher, 'ended'> {
  processEnded(): void;
  /** The type of `text`. */
  readonly type: string;
  text(): Promise<string>;
  answered(route: string, method: string, status: number, seconds: number): void;
  /** An answer that is an error, or `gone`: nobody waits for it any more. */
  failed(kind: ProblemKind | 'gone'): void;
  pictures(outcome: 'predicted' | 'failed', decisions: readonly (string | null)[]): void;
  /** Tells of the model, and how long the queue is whenever somebody asks. */
  describe(facts: PredictorFacts, version: string, waiting: () => number, limit: number): void;
}

const SECONDS = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30];
const COUNTS = [1, 2, 4, 8, 16, 32, 64, 128];
const METHODS = ['GET', 'HEAD', 'POST', 'OPTIONS'];

export function createMetrics({ prometheus }: ServePackages): Metrics {
  const { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } = prometheus;
  const register = new Registry();
  const registers = [register];
  collectDefaultMetrics({ register });
  const requests = new Histogram({
    name: 'uafer_request_seconds',
    help: 'From the head of a request to the end of its answer.',
    labelNames: ['route', 'method', 'status'],
    buckets: SECONDS,
    registers,
  });
  const stages = new Histogram({
    name: 'uafer_stage_seconds',
    help: "A picture's waiting for memory, and its decoding and prediction, with the waiting for a batch.",
    labelNames: ['stage'],
    buckets: SECONDS,
    registers,
  });
  const batches = new Histogram({
    name: 'uafer_batch_pictures',
    help: 'Pictures that were predicted together.',
    buckets: COUNTS,
    registers,
  });
  const faces = new Histogram({ name: 'uafer_batch_faces', help: 'Faces of such a batch.', buckets: COUNTS, registers });
  const batchSeconds = new Histogram({
    name: 'uafer_batch_seconds',
    help: 'Detection and prediction of such a batch.',
    buckets: SECONDS,
    registers,
  });
  const decisions = new Counter({
    name: 'uafer_faces_total',
    help: 'Faces by what the model decided; none where it has no thresholds.',
    labelNames: ['decision'],
    registers,
  });
  const pictures = new Counter({
    name: 'uafer_pictures_total',
    help: 'Pictures by whether there was a prediction.',
    labelNames: ['outcome'],
    registers,
  });
  const errors = new Counter({
    name: 'uafer_errors_total',
    help: 'Requests that were answered with a problem, by its kind; gone are those that nobody waited for.',
    labelNames: ['kind'],
    registers,
  });
  const ends = new Counter({
    name: 'uafer_process_ends_total',
    help: 'Processes that predict and ended by themselves; another one took the place of each.',
    registers,
  });
  // What has not happened yet is 0, not absent: a rate of it can be asked for.
  for (const kind of [...PROBLEM_KINDS, 'gone'] as const) errors.inc({ kind }, 0);
  for (const decision of ['report', 'ambiguous', 'reject', 'none']) decisions.inc({ decision }, 0);
  for (const outcome of ['predicted', 'failed']) pictures.inc({ outcome }, 0);
  return {
    type: register.contentType,
    text: () => register.metrics(),
    answered: (route, method, status, seconds) =>
      requests.observe({ route, method: METHODS.includes(method) ? method : 'other', status }, seconds),
    failed: (kind) => errors.inc({ kind }),
    pictures(outcome, made) {
      pictures.inc({ outcome });
      for (const decision of made) decisions.inc({ decision: decision ?? 'none' });
    },
    batch(count, found, seconds) {
      batches.observe(count);
      faces.observe(found);
      batchSeconds.observe(seconds);
    },
    processEnded: () => ends.inc(),
    stage: (stage, seconds) => stages.observe({ stage }, seconds),
    describe({ model, backend }, version, waiting, limit) {
      const info = { version, model: model.name, precision: model.network.precision, backend };
      new Gauge({ name: 'uafer_info', help: 'What answers.', labelNames: Object.keys(info), registers }).set(info, 1);
      new Gauge({ name: 'uafer_queue_limit', help: 'Pictures that may wait.', registers }).set(limit);
      new Gauge({
        name: 'uafer_queue_pictures',
        help: 'Pictures that are accepted and not answered yet.',
        registers,
        collect() {
          this.set(waiting());
        },
      });
    },
  };
}
