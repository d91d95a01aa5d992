/** The seam between preparing a data set and finding and aligning faces. */
import { type AlignOptions, alignFace } from '../align/align.js';
import { intersectionOverUnion } from '../align/boxes.js';
import { createDetector } from '../align/detector.js';
import { selectFaces } from '../align/select.js';
import type { Box, Detector, Face } from '../align/types.js';
import type { Picture } from '../data/decode.js';
import type { FaceHint } from './plan.js';

/** Makes the aligned picture of the face that a picture shows. */
export interface FaceAligner {
  /** Everything that its pictures depend on: a data set that was begun with other settings isn't gone on with. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** @returns null when no face is found */
  align(picture: Picture, face: FaceHint): Promise<Picture | null>;
  close(): Promise<void>;
}

/**
 * Aligns by the owners' landmarks where there are any, else by those of MTCNN: of several faces the one that lies most on the owners'
 * box, or without a box the largest.
 *
 * @param atOnce pictures that are under way at the same time; each has a detector of its own
 */
export function createFaceAligner(options: AlignOptions, atOnce: number): FaceAligner {
  const detectors = Array.from({ length: atOnce }, () => lazily(() => createDetector('mtcnn')));
  const idle = [...detectors];
  const detect = async (picture: Picture): Promise<Face[]> => {
    const detector = idle.pop();
    if (detector === undefined) throw new Error(`more than ${atOnce} pictures at once`);
    try {
      return await (await detector.get()).detect(picture);
    } finally {
      idle.push(detector);
    }
  };
  return {
    settings: { ...options, detector: 'mtcnn' },
    align: async (picture, { box, landmarks }) => {
      if (landmarks) return alignFace(picture, { box: wholeOf(picture), landmarks }, options);
      const faces = await detect(picture);
      const face = box ? nearest(faces, box) : selectFaces(faces, 'largest', picture)[0];
      return face ? alignFace(picture, face, options) : null;
    },
    close: async () => {
      await Promise.all(detectors.map(async ({ made }) => (await made())?.close()));
    },
  };
}

interface Lazy {
  get(): Promise<Detector>;
  made(): Promise<Detector> | undefined;
}

function lazily(create: () => Promise<Detector>): Lazy {
  let value: Promise<Detector> | undefined;
  return {
    get: () => {
      value ??= create();
      return value;
    },
    made: () => value,
  };
}

const wholeOf = ({ width, height }: Picture): Box => ({ left: 0, top: 0, width, height });

/** The face that overlaps the box most; none when none does. */
function nearest(faces: readonly Face[], box: Box): Face | undefined {
  const overlap = (face: Face) => intersectionOverUnion(scored(face.box), scored(box));
  const [best] = [...faces].sort((a, b) => overlap(b) - overlap(a));
  return best && overlap(best) > 0 ? best : undefined;
}

const scored = ({ left, top, width, height }: Box) => ({ left, top, right: left + width, bottom: top + height, score: 1 });
