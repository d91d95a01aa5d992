/** Compiles `kernels/` to WebAssembly and writes it as a module, `dist/kernels/binary.js`, which Node.js and browsers import alike. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { main } from 'assemblyscript/asc';

const root = fileURLToPath(new URL('..', import.meta.url));
const options = ['-O3', '--noAssert', '--enable', 'simd,bulk-memory', '--runtime', 'stub', '--importMemory'];
/** @type {Uint8Array | undefined} */
let binary;

const { error, stderr } = await main(['kernels/index.ts', ...options, '--outFile', 'kernels.wasm', '--baseDir', root], {
  writeFile(_, contents) {
    if (typeof contents !== 'string') binary = contents;
  },
});
if (error || !binary) {
  process.stderr.write(stderr.toString());
  throw error ?? new Error('the AssemblyScript compiler wrote no WebAssembly');
}
mkdirSync(`${root}dist/kernels`, { recursive: true });
const base64 = Buffer.from(binary).toString('base64');
writeFileSync(`${root}dist/kernels/binary.js`, `export const binary = '${base64}';\n`);
