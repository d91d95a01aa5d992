/** A thread that aligns pictures, one after the other, with a detector of its own. Started by `alignPictures.ts`. */
import { workerData } from 'node:worker_threads';
import { UaferError } from '../errors.js';
import type { Detector } from '../faces/types.js';
import { createDetector } from '../runtime/detectors.js';
import { shown } from '../shown.js';
import { reasonOf, systemFailure } from '../systemErrors.js';
import { inThread } from '../threads.js';
import { type AlignSettings, alignFile, type NamedJob, type PictureRecord } from './job.js';

export interface ThreadData {
  out: string;
  settings: AlignSettings;
}

const { out, settings } = workerData as ThreadData;
let loading: Promise<Detector> | undefined;

const detector = (): Promise<Detector> => {
  loading ??= createDetector(settings.detector, settings.detection);
  return loading;
};

export const work = inThread(async (job: NamedJob): Promise<PictureRecord> => {
  try {
    return await alignFile(job, out, detector, settings);
  } catch (error) {
    if (error instanceof UaferError && error.code !== 'IO') throw error;
    const reason = (systemFailure(error)?.message ?? reasonOf(error)).replace(/\.$/, '');
    throw new UaferError(
      'IO',
      `${shown(job.path)} could not be aligned: ${reason}. What was aligned by then stays; the same command goes on.`,
    );
  }
});
