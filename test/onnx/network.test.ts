import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as onnxRuntime from 'onnxruntime-node';
import { expect, it } from 'vitest';
import { loadNetwork } from '#uafer/onnx/network.js';

const bytes = (model: string) => readFileSync(fileURLToPath(new URL(`../../models/${model}.onnx`, import.meta.url)));

it('runs a network of whatever input name, and gives its outputs by name', async () => {
  const network = await loadNetwork(onnxRuntime, bytes('mtcnn-rnet'), { name: 'rnet', threads: 1 });
  const outputs = await network.run(new Float32Array(2 * 3 * 24 * 24), [2, 3, 24, 24]);
  expect(outputs('box').shape).toEqual([2, 4]);
  expect(outputs('box').data).toHaveLength(8);
  await network.close();
});

it('names the network and what it has when an output is asked for that it lacks', async () => {
  const network = await loadNetwork(onnxRuntime, bytes('mtcnn-rnet'), { name: 'rnet', threads: 1 });
  const outputs = await network.run(new Float32Array(3 * 24 * 24), [1, 3, 24, 24]);
  expect(() => outputs('logits')).toThrow(/rnet is another network .*has no output "logits" but .*box/);
  await network.close();
});
