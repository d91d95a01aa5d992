import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';

/** A folder that is gone when the test ends. */
export function temporaryFolder(): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'uafer-test-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** Writes files (text) under a folder, making their folders. */
export function writeFiles(root: string, files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
}

/** RGB bytes of a picture that looks different for each `seed`: smooth ramps with a little texture. */
export function testPixels(width: number, height: number, seed: number): Uint8Array {
  return Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const pixel = Math.floor(i / 3);
    return ((pixel % width) * 3 + Math.floor(pixel / width) * 5 + (i % 3) * 40 + seed * 17 + ((pixel * 7919) % 13)) % 256;
  });
}

export async function writePng(file: string, width: number, height: number, seed = 0): Promise<void> {
  mkdirSync(dirname(file), { recursive: true });
  const raw = { width, height, channels: 3 } as const;
  await sharp(testPixels(width, height, seed), { raw })
    .png()
    .toFile(file);
}
