/** A thread that aligns pictures, one after the other, with a detector of its own. Started by `run.ts`. */
import { workerData } from 'node:worker_threads';
import { UaferError } from '../errors.js';
import { createDetector } from './detector.js';
import { type AlignJob, type AlignSettings, alignFile, type PictureRecord } from './job.js';
import type { Detector } from './types.js';

export interface WorkerData {
  out: string;
  settings: AlignSettings;
}

/** An error crosses a thread as its parts. */
export type Answer = { record: PictureRecord } | { failed: string };

const { out, settings } = workerData as WorkerData;
let detector: Promise<Detector> | undefined;

export async function align(job: AlignJob): Promise<Answer> {
  try {
    const record = await alignFile(
      job,
      out,
      () => (detector ??= createDetector(settings.detector, settings.detection)),
      settings,
    );
    return { record };
  } catch (error) {
    if (error instanceof UaferError) throw error;
    return { failed: `${job.path} could not be aligned: ${error instanceof Error ? error.message : String(error)}` };
  }
}
