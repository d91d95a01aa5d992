/** A thread that aligns pictures, one after the other, with a detector of its own. Started by `run.ts`. */
import { workerData } from 'node:worker_threads';
import { type ErrorCode, UaferError } from '../errors.js';
import { createDetector } from './detector.js';
import { type AlignJob, type AlignSettings, alignFile, type PictureRecord } from './job.js';
import type { Detector } from './types.js';

export interface WorkerData {
  out: string;
  settings: AlignSettings;
}

/** An error crosses a thread as its parts, since the boundary strips its class. */
export type Answer = { record: PictureRecord } | { code: ErrorCode; message: string };

const { out, settings } = workerData as WorkerData;
let loading: Promise<Detector> | undefined;

const detector = (): Promise<Detector> => {
  loading ??= createDetector(settings.detector, settings.detection);
  return loading;
};

export async function align(job: AlignJob): Promise<Answer> {
  try {
    return { record: await alignFile(job, out, detector, settings) };
  } catch (error) {
    if (error instanceof UaferError) return { code: error.code, message: error.message };
    const reason = error instanceof Error ? error.message : String(error);
    return {
      code: 'IO',
      message: `${job.path} could not be aligned: ${reason}. What was aligned by then stays; the same command goes on.`,
    };
  }
}
