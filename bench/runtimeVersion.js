import { readFileSync } from 'node:fs';

/** The native ONNX Runtime that is installed. */
export function runtimeVersion() {
  const file = new URL('../node_modules/onnxruntime-node/package.json', import.meta.url);
  return `ONNX Runtime ${JSON.parse(readFileSync(file, 'utf8')).version}`;
}
