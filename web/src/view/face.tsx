import { useLayoutEffect, useRef } from 'preact/hooks';
import type { Heatmap } from '#uafer/image/heatmap.js';

interface FaceProps {
  /** Address of the aligned face, or its pixels. */
  source: string | ImageBitmap | null;
  heatmap: Heatmap | undefined;
  expression: string | null;
  /** Side of what the model sees, where the face is shown so. */
  asSeen: { side: number; grey: boolean } | null;
  label: string;
}

/** Side of the canvases, in pixels. */
const SIDE = 320;

/** A face upright, as the model sees it, and over it which patches speak for an expression. */
export function Face({ source, heatmap, expression, asSeen, label }: FaceProps) {
  const face = useRef<HTMLCanvasElement>(null);
  const heat = useRef<HTMLCanvasElement>(null);
  const side = asSeen?.side ?? SIDE;
  useLayoutEffect(() => {
    const canvas = face.current;
    if (!canvas || !source) return;
    if (typeof source !== 'string') return source.width > 0 ? draw(canvas, source, side) : undefined;
    const image = new Image();
    let wanted = true;
    image.src = source;
    void image.decode().then(
      () => wanted && draw(canvas, image, side),
      () => {},
    );
    return () => {
      wanted = false;
    };
  }, [source, side]);
  useLayoutEffect(() => {
    if (heat.current) drawHeat(heat.current, heatmap, expression);
  }, [heatmap, expression]);
  return (
    <div class={`face ${expression || asSeen?.grey ? 'grey' : ''} ${asSeen ? 'as-seen' : ''}`} role="img" aria-label={label}>
      <canvas ref={face} width={SIDE} height={SIDE} />
      <canvas ref={heat} class="heat" width={SIDE} height={SIDE} hidden={!expression} data-expression={expression ?? ''} />
      {expression && (
        <span class="heat-legend">
          <span class="ramp" /> {expression}
        </span>
      )}
    </div>
  );
}

function draw(canvas: HTMLCanvasElement, source: CanvasImageSource, side: number): void {
  canvas.width = side;
  canvas.height = side;
  const context = canvas.getContext('2d');
  if (!context) return;
  context.imageSmoothingQuality = 'high';
  context.drawImage(source, 0, 0, side, side);
}

/** Opacity of the patch that speaks most. */
const STRONGEST = 0.78;

/** Each patch by how much it speaks for the expression, from the least (nothing) to the most, with soft edges between. */
function drawHeat(canvas: HTMLCanvasElement, heatmap: Heatmap | undefined, expression: string | null): void {
  const context = canvas.getContext('2d');
  const values = expression ? heatmap?.classes[expression] : undefined;
  if (!context) return;
  context.clearRect(0, 0, canvas.width, canvas.height);
  if (!heatmap || !values) return;
  const { rows, columns } = heatmap;
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const small = new OffscreenCanvas(columns, rows);
  const patches = new ImageData(columns, rows);
  for (const [i, value] of values.entries()) {
    const share = high > low ? (value - low) / (high - low) : 0;
    patches.data.set([232, 104 - 40 * share, 36, 255 * STRONGEST * share ** 1.8], 4 * i);
  }
  small.getContext('2d')?.putImageData(patches, 0, 0);
  context.imageSmoothingQuality = 'high';
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
}
