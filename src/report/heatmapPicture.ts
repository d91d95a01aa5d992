/** A face with the patches that speak for a class, as inline SVG. */
import type { ExamplePicture } from '../run/examplesFile.js';
import { text } from './html.js';

type Marks = NonNullable<ExamplePicture['heatmap']>['classes'][string];

/** Of a picture without patches: any square will do. */
const NO_GRID = { rows: 1, columns: 1 };

/**
 * The face of a picture. Its bytes are in the page once, at the face that is drawn with `id` first; others show them by that id.
 *
 * @param id of the picture on the page
 */
export function faceDrawing(
  { thumbnail, heatmap }: ExamplePicture,
  id: string,
  { first = false, of, caption }: { first?: boolean; of?: string | undefined; caption: string },
): string {
  const { rows, columns } = heatmap ?? NO_GRID;
  const size = `width="${columns}" height="${rows}"`;
  const face = first
    ? `<image id="${id}" href="data:image/jpeg;base64,${thumbnail}" ${size} preserveAspectRatio="none"/>`
    : `<use href="#${id}"/>`;
  const marks = of === undefined ? [] : (heatmap?.classes[of] ?? []);
  const drawing = `<svg viewBox="0 0 ${columns} ${rows}" role="img" aria-label="${text(caption)}">${face}${patches(marks, columns)}</svg>`;
  return `<figure class="face">${drawing}<figcaption>${text(caption)}</figcaption></figure>`;
}

/** Shades of a patch, by how much it speaks for the class. */
const SHADES = 4;

/** A path a shade: squares one by one would be most of a page. */
function patches(marks: Marks, columns: number): string {
  const paths = Array.from({ length: SHADES }, () => '');
  for (const [patch, share] of marks) {
    const shade = Math.min(SHADES - 1, Math.max(0, Math.floor(share * SHADES)));
    paths[shade] += `M${patch % columns} ${Math.floor(patch / columns)}h1v1h-1z`;
  }
  return paths.map((path, shade) => (path === '' ? '' : `<path class="p${shade + 1}" d="${path}"/>`)).join('');
}
