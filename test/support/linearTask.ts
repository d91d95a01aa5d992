import { preprocessingFor } from '#uafer/data/datasets.js';
import type { Batch, Dataset } from '#uafer/data/types.js';
import { ops, scope, type Tensor, tensor } from '#uafer/engine/index.js';
import type { BatchPrediction, LossParts, Task } from '#uafer/task/task.js';

export interface LinearTaskOptions {
  dataset: Dataset;
  imageSize: number;
  /** Adds dropout to the input, so that training depends on libtorch's random numbers. */
  dropout?: boolean;
  /** Called at every training step; what it throws ends the run. */
  onLoss?(): void;
}

/** A softmax regression on pixels: the smallest thing that the trainer can train. Its second loss part stands for a distillation. */
export function createLinearTask({ dataset, imageSize, dropout, onLoss }: LinearTaskOptions): Task {
  const inputs = 3 * imageSize * imageSize;
  const classes = dataset.classes.length;
  const initial = Float32Array.from({ length: classes * inputs }, (_, i) => Math.sin(i) / 20);
  const state: Record<string, Tensor> = {
    'head.weight': tensor(initial, [classes, inputs]),
    'head.bias': tensor(new Float32Array(classes), [classes]),
    frozen: tensor([3], [1]),
  };
  const logitsOf = (images: Tensor) =>
    ops.linear(ops.reshape(images, [-1, inputs]), state['head.weight'] as Tensor, state['head.bias']);

  return {
    dataset,
    classes: dataset.classes,
    preprocessing: preprocessingFor(dataset.name, imageSize),
    state,
    groups: [
      { names: ['head.weight'], lrScale: 1, weightDecay: 5e-4 },
      { names: ['head.bias'], lrScale: 0.65, weightDecay: 0 },
    ],
    loss(batch: Batch): LossParts {
      onLoss?.();
      const images = tensor(batch.images, batch.shape);
      const logits = logitsOf(dropout ? ops.dropout(images, 0.5, true) : images);
      const labels = tensor(batch.labels, [batch.labels.length]);
      const oneHot = ops.oneHot(labels, classes);
      const lossCls = ops.neg(ops.mean(ops.sum(ops.mul(ops.logSoftmax(logits, 1), oneHot), 1)));
      const lossKd = ops.mean(ops.abs(logits));
      return { loss: ops.add(lossCls, lossKd, 0.1), parts: { loss_cls: lossCls, loss_kd: lossKd } };
    },
    predict(batch: Batch): BatchPrediction {
      return scope(() => {
        const logits = logitsOf(tensor(batch.images, batch.shape));
        const probabilities = ops.softmax(logits, 1);
        const uncertainty = ops.sub(1, ops.amax(probabilities, 1));
        return {
          logits: Float32Array.from(logits.data() as Float32Array),
          probabilities: Float32Array.from(probabilities.data() as Float32Array),
          uncertainty: Float32Array.from(uncertainty.data() as Float32Array),
        };
      });
    },
  };
}
