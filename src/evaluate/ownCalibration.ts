import type { Calibration } from '../calibration/calibration.js';
import type { TrainConfig } from '../config/schema.js';

/**
 * How a network's logits are read where nothing was fitted: of one that was trained by the likelihood of votes as the logarithms of a Dirichlet
 * distribution's parameters (`src/uafer/dirichletMultinomial.ts`). Undefined of all others, whose answers need no reading.
 */
export function ownCalibration({ task, loss }: Pick<TrainConfig, 'task' | 'loss'>): Calibration | undefined {
  if (task !== 'uafer' || loss.lossFunction !== 'dm') return undefined;
  return {
    scaling: { kind: 'temperature', temperature: 1 },
    evidence: { kind: 'logits', slope: 1, offset: 0 },
    riskHead: null,
    conformal: null,
    decision: null,
    fittedOn: 'the votes of its training pictures',
  };
}
