import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createGraph, floatTensor, int64Tensor, type OnnxFile } from '#uafer/export/onnxGraph.js';
import { loadNetwork } from '#uafer/onnx/network.js';
import { loadOnnxRuntime } from '#uafer/runtime/onnxRuntime.js';
import { temporaryFolder } from '../support/pictures.js';
import { missingModules, runPython } from '../support/python.js';

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

/** x (N, 2) to x W + b, last column first. */
function affine() {
  const graph = createGraph('affine');
  const x = graph.input('x', 'float32', ['N', 2]);
  const weight = graph.constant('W', floatTensor('W', Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]));
  const bias = graph.constant('b', floatTensor('b', new Float32Array(300).fill(0.5), [300]));
  const first = graph.node('Slice', [bias, ...[0, 3].map((n) => graph.constant(`n${n}`, int64Tensor([n])))]);
  const sum = graph.node('Add', [graph.node('MatMul', [x, weight]), first]);
  const ends = [-1, -4].map((n) => graph.constant(`n${n}`, int64Tensor([n])));
  const axis = graph.constant('axis', int64Tensor([-1]));
  const reversed = graph.node('Slice', [sum, ends[0] as string, ends[1] as string, axis, axis]);
  graph.output('y', reversed, 'float32', ['N', 3]);
  return graph;
}

function write(name: string, { model, data }: OnnxFile): string {
  const path = join(folder.path, `${name}.onnx`);
  writeFileSync(path, Buffer.concat(model));
  if (data) writeFileSync(join(folder.path, `${name}.data`), Buffer.concat(data));
  return path;
}

async function run(path: string) {
  const { runtime } = await loadOnnxRuntime();
  const network = await loadNetwork(runtime, path, { name: path, threads: 1 });
  const outputs = await network.run(Float32Array.of(1, 0, 0, 1), [2, 2]);
  await network.close();
  return Array.from(outputs('y').data);
}

describe('a graph', () => {
  it('computes what its nodes say, for any size of its open dimension', async () => {
    expect(await run(write('inside', affine().file({ dataFile: 'inside.data' })))).toEqual([3.5, 2.5, 1.5, 6.5, 5.5, 4.5]);
  });

  it('puts tensors beside it when they are larger than its file may be', async () => {
    const { model, data } = affine().file({ dataFile: 'beside.data', limit: 1000 });
    expect(data?.map((piece) => piece.length)).toEqual([1200]);
    expect(await run(write('beside', { model, data }))).toEqual([3.5, 2.5, 1.5, 6.5, 5.5, 4.5]);
  });

  it('refuses a tensor that is not a number, naming it, and one of another size', () => {
    expect(() => floatTensor('proj', Float32Array.of(1, Number.NaN), [2])).toThrow(/"proj" hold a value that is not a finite/);
    const small = { type: 'float32', dims: [2], bytes: new Uint8Array(4) } as const;
    expect(() => createGraph('g').constant('short', small)).toThrow(/short: 4 bytes for float32 \[2\]/);
  });

  const missing = missingModules('onnx');
  it.skipIf(missing)(missing ?? 'holds to the standard', () => {
    const paths = [
      write('inside', affine().file({ dataFile: 'inside.data' })),
      write('beside', affine().file({ dataFile: 'beside.data', limit: 1000 })),
    ];
    expect(runPython({ file: 'check_onnx.py' }, ...paths)).toBe('17\n17\n');
  });
});
