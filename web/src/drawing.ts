/** Pictures that the worker draws: aligned faces, small views, and photos with their answers. */
import { alignment } from '#uafer/faces/alignFace.js';
import type { Face } from '#uafer/faces/types.js';
import type { Picture } from '#uafer/image/picture.js';
import type { Mark } from './messages';

const THUMBNAIL = 160;
const QUALITY = 0.92;

function canvasOf(width: number, height: number): [OffscreenCanvas, OffscreenCanvasRenderingContext2D] {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d');
  if (!context) throw new Error('This browser gives no canvas to draw on.');
  return [canvas, context];
}

/** Each face upright as the model sees it, but larger; a face that cannot be aligned (a picture of one) is the picture's middle. */
export function alignedFaces(picture: ImageBitmap, faces: readonly Pick<Face, 'landmarks'>[], size: number): OffscreenCanvas[] {
  return faces.map(({ landmarks }) => {
    const [canvas, context] = canvasOf(size, size);
    const transform = alignment(landmarks, size);
    context.imageSmoothingQuality = 'high';
    if (transform) {
      const { a, b, dx, dy } = transform;
      context.setTransform(a, b, -b, a, dx, dy);
    } else {
      const scale = size / Math.min(picture.width, picture.height);
      context.setTransform(scale, 0, 0, scale, (size - picture.width * scale) / 2, (size - picture.height * scale) / 2);
    }
    context.drawImage(picture, 0, 0);
    return canvas;
  });
}

/** The picture's pixels at another size. */
export function pixelsOf(picture: ImageBitmap, width: number, height: number): Picture {
  const [, context] = canvasOf(width, height);
  context.drawImage(picture, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  return {
    data: Uint8Array.from({ length: width * height * 3 }, (_, i) => data[Math.floor(i / 3) * 4 + (i % 3)] as number),
    width,
    height,
  };
}

/** A small JPEG of the picture's middle, square. */
export function thumbnailOf(picture: ImageBitmap): Promise<Blob> {
  const [canvas, context] = canvasOf(THUMBNAIL, THUMBNAIL);
  const side = Math.min(picture.width, picture.height);
  context.imageSmoothingQuality = 'high';
  const [left, top] = [(picture.width - side) / 2, (picture.height - side) / 2];
  context.drawImage(picture, left, top, side, side, 0, 0, THUMBNAIL, THUMBNAIL);
  return canvas.convertToBlob({ type: 'image/jpeg', quality: 0.8 });
}

/** How a decision's box is drawn: the same marks as on the page. */
const DASHES = { report: [], ambiguous: [4, 2], reject: [1, 2] } as const;

/** The photo with a box and a caption a face, as JPEG. */
export function marked(picture: ImageBitmap, marks: readonly Mark[]): Promise<Blob> {
  const { width, height } = picture;
  const [canvas, context] = canvasOf(width, height);
  context.drawImage(picture, 0, 0);
  const text = Math.max(12, Math.round(Math.min(width, height) / 40));
  context.font = `600 ${text}px system-ui, sans-serif`;
  context.textBaseline = 'middle';
  for (const mark of marks) drawBox(context, mark, text);
  for (const mark of marks) drawCaption(context, mark, text, width);
  return canvas.convertToBlob({ type: 'image/jpeg', quality: QUALITY });
}

function drawBox(context: OffscreenCanvasRenderingContext2D, { box, decision }: Mark, text: number): void {
  const line = Math.max(2, text / 8);
  for (const [colour, wide] of [
    ['rgb(0 0 0 / 0.45)', line * 2],
    ['#ffffff', line],
  ] as const) {
    context.strokeStyle = colour;
    context.lineWidth = wide;
    context.setLineDash(DASHES[decision ?? 'report'].map((dash) => dash * line));
    context.strokeRect(box.left, box.top, box.width, box.height);
  }
}

function drawCaption(context: OffscreenCanvasRenderingContext2D, { box, caption }: Mark, text: number, width: number): void {
  const wide = context.measureText(caption).width + text;
  const high = text * 1.6;
  const left = Math.max(0, Math.min(box.left, width - wide));
  const top = box.top >= high ? box.top - high : box.top + box.height;
  context.fillStyle = '#faf8f4';
  context.fillRect(left, top, wide, high);
  context.fillStyle = '#221f1b';
  context.fillText(caption, left + text / 2, top + high / 2);
}
