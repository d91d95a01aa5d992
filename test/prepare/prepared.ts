import { join } from 'node:path';
import type { Picture } from '#uafer/data/decode.js';
import type { FaceAligner } from '#uafer/prepare/align.js';
import type { FaceHint, Plan } from '#uafer/prepare/plan.js';
import { type WriteOptions, type Written, writePlan } from '#uafer/prepare/write.js';

const SIDE = 224;

/** Stands for detection and alignment: a grey picture for each; a record of what was asked for. */
export function fakeAligner(find: (picture: Picture, face: FaceHint) => boolean = () => true) {
  const asked: FaceHint[] = [];
  const aligner: FaceAligner = {
    settings: { style: 'fake' },
    align: async (picture, face) => {
      asked.push(face);
      return find(picture, face) ? { data: new Uint8Array(SIDE * SIDE * 3).fill(128), width: SIDE, height: SIDE } : null;
    },
    close: async () => {},
  };
  return { aligner, asked };
}

/** Writes a plan of `raw` into `root/out`; no alignment unless `options` has an aligner. */
export async function prepare(root: string, plan: Plan, options: Partial<WriteOptions> = {}): Promise<Written> {
  try {
    return await writePlan(plan, {
      raw: join(root, 'raw'),
      out: join(root, 'out'),
      aligner: null,
      noFace: 'skip',
      size: SIDE,
      settings: {},
      workers: 2,
      allowUnreadable: false,
      signal: new AbortController().signal,
      onProgress: () => {},
      ...options,
    });
  } finally {
    plan.close();
  }
}
