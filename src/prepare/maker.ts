import { createThreads, type Threads } from '../threads.js';
import { createFaceAligner, type FaceAligner } from './faceAligner.js';
import { type Made, type MakeSettings, type MakeTask, makePicture } from './make.js';

/** Makes pictures, wherever that is done. */
export interface PictureMaker {
  readonly settings: MakeSettings;
  make(bytes: Uint8Array, task: MakeTask): Promise<Made>;
  close(): Promise<void>;
}

/** Copies need no thread beside sharp's own; aligned pictures are made in threads, each with a detector. */
export function createMaker(settings: MakeSettings, threads: number): PictureMaker {
  return settings === null ? localMaker(null) : threadedMaker(settings, threads);
}

/** Makes pictures in the caller's thread. */
export function localMaker(settings: MakeSettings, align?: FaceAligner): PictureMaker {
  const aligner = align ?? (settings ? createFaceAligner(settings) : async () => null);
  return { settings, make: (bytes, task) => makePicture(bytes, task, settings, aligner), close: async () => {} };
}

interface Job {
  bytes: Uint8Array;
  task: MakeTask;
}

/** The threads start with the first picture. */
function threadedMaker(settings: NonNullable<MakeSettings>, threads: number): PictureMaker {
  const module = new URL('./pictureThread.js', import.meta.url);
  let pool: Threads<Job, Made> | undefined;
  return {
    settings,
    make: (bytes, task) => {
      pool ??= createThreads({ module, count: threads, data: settings });
      return pool.run({ bytes, task });
    },
    close: async () => pool?.close(),
  };
}
