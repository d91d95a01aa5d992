import type { LossConfig } from '#uafer/config/schema.js';

/** The loss of recipe `released`, with changes. */
export function lossConfig(changes: Partial<LossConfig> = {}): LossConfig {
  return {
    lossFunction: 'edl',
    edlType: 'mse',
    evidence: 'relu',
    annealing: 'step',
    withKl: false,
    withAvu: false,
    disentangle: false,
    lambdaKd: 1,
    lambdaRuc: 1,
    lambdaBranch: 1,
    target: 'label',
    distillation: 'cls',
    ...changes,
  };
}
