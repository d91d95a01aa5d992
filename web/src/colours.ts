/** A colour for each expression: the same on bars, beliefs and the time line. Names stand beside them, so that none need be told apart by it. */

/** Hues in degrees, by how the names of data sets begin. */
const HUES: Readonly<Record<string, number>> = {
  hap: 86,
  sur: 58,
  ang: 27,
  con: 350,
  fea: 308,
  sad: 256,
  dis: 140,
};

const hue = (name: string, place: number, count: number) => HUES[name.slice(0, 3).toLowerCase()] ?? (360 * place) / count;

/** @param classes of the model, in their order */
export function colourOf(name: string, classes: readonly string[]): string {
  if (/^neu/i.test(name)) return 'oklch(var(--class-light) 0.018 75)';
  return `oklch(var(--class-light) var(--class-colour) ${Math.round(hue(name, classes.indexOf(name), classes.length))})`;
}
