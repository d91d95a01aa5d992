import type { Classifier } from '../clip/classifier.js';
import { noGrad, ops, scope, type Tensor } from '../engine/index.js';
import type { PlainClassifier } from './classifierGraph.js';
import type { Weight } from './layers.js';

/** A classifier's tensors as plain numbers, from whatever device. */
export function plainClassifier(classifier: Classifier): PlainClassifier {
  const weights = Object.entries(classifier.weights).map(([name, tensor]) => [name, plain(tensor)] as const);
  return { ...classifier, weights: Object.fromEntries(weights), text: plain(classifier.text) };
}

function plain(tensor: Tensor): Weight {
  return noGrad(() =>
    scope(() => {
      const single = ops.toDtype(ops.toDevice(ops.detach(tensor), 'cpu'), 'float32');
      return { dims: [...tensor.shape], values: Float32Array.from(ops.contiguous(single).data() as Float32Array) };
    }),
  );
}
