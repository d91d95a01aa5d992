import { join } from 'node:path';
import type { NoFace } from '#uafer/align/job.js';
import type { Picture } from '#uafer/image/picture.js';
import type { FaceAligner } from '#uafer/prepare/faceAligner.js';
import { localMaker, type PictureMaker } from '#uafer/prepare/maker.js';
import type { FaceHint, Plan } from '#uafer/prepare/plan.js';
import { type WriteOptions, type Written, writePlan } from '#uafer/prepare/write.js';

const SIDE = 224;

/** Stands for detection and alignment: a grey picture for each face; a record of what was asked for. */
export function fakeMaker(find: (picture: Picture) => boolean = () => true, noFace: NoFace = 'skip') {
  const asked: FaceHint[] = [];
  const align: FaceAligner = async (picture, face) => {
    asked.push(face);
    return find(picture) ? { data: new Uint8Array(SIDE * SIDE * 3).fill(128), width: SIDE, height: SIDE } : null;
  };
  const maker: PictureMaker = localMaker({ style: 'similarity', size: SIDE, margin: 0, noFace }, align);
  return { maker, asked };
}

/** Writes a plan of `root/raw` into `root/out`; pictures are copied unless `options` has another maker. */
export async function prepare(root: string, plan: Plan, options: Partial<WriteOptions> = {}): Promise<Written> {
  try {
    return await writePlan(plan, {
      raw: join(root, 'raw'),
      out: join(root, 'out'),
      maker: localMaker(null),
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
