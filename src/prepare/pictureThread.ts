/** A thread that makes pictures, with a detector of its own. Started by `maker.ts`. */
import { workerData } from 'node:worker_threads';
import { inThread } from '../threads.js';
import { createFaceAligner } from './faceAligner.js';
import { type MakeSettings, type MakeTask, makePicture } from './make.js';

const settings = workerData as NonNullable<MakeSettings>;
const align = createFaceAligner(settings);

export const work = inThread(({ bytes, task }: { bytes: Uint8Array; task: MakeTask }) =>
  makePicture(bytes, task, settings, align),
);
