import type { ModelFile } from '#uafer/predict/modelFile.js';

/** A `model.json` of two classes and pictures of 4 pixels. */
export function testModel(changed: Partial<ModelFile> = {}): ModelFile {
  return {
    format: 'uafer-model',
    version: 1,
    name: 'test',
    classes: ['happy', 'sad'],
    network: { file: 'model.onnx', bytes: 1, sha256: '0'.repeat(64), precision: 'fp32', opset: 17 },
    preprocessing: { imageSize: 4, resize: 'shorter-bicubic', colour: 'rgb', mean: [0, 0, 0], deviation: [1, 1, 1] },
    patches: { rows: 1, columns: 2, topk: 1 },
    answer: { kind: 'softmax' },
    source: { checkpoint: 'run', recipe: 'released', dataset: 'folder' },
    licence: 'MIT',
    ...changed,
  };
}
