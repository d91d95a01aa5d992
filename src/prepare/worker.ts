/** A thread that makes pictures, with a detector of its own. Started by `maker.ts`. */
import { workerData } from 'node:worker_threads';
import { createFaceAligner } from './align.js';
import { type Made, type MakeSettings, type MakeTask, makePicture } from './make.js';

const settings = workerData as NonNullable<MakeSettings>;
const align = createFaceAligner(settings);

export function make({ bytes, task }: { bytes: Uint8Array; task: MakeTask }): Promise<Made> {
  return makePicture(bytes, task, settings, align);
}
