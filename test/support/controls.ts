const RANGES = [
  [0x00, 0x09],
  [0x0b, 0x1f],
  [0x7f, 0x9f],
  [0x61c, 0x61c],
  [0x200e, 0x200f],
  [0x2028, 0x202e],
  [0x2066, 0x2069],
] as const;

/** The letters of a text that no terminal may get: control characters but line breaks, and marks that turn the direction of writing. */
export function controlsIn(text: string): string[] {
  const isControl = (code: number) => RANGES.some(([first, last]) => code >= first && code <= last);
  return [...text].filter((letter) => isControl(letter.codePointAt(0) as number));
}
