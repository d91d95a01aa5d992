/** How the weights of the KL and AvU terms grow. */
export type Annealing = 'step' | 'exp' | 'none';

/** Weight of the constant schedule `none`. */
const CONSTANT = 0.1;
/** Epochs until `step` reaches 1. */
const STEP_EPOCHS = 10;
/** Weight that `exp` starts from. */
const EXP_START = 0.01;

/**
 * Annealing coefficient, in [0, 1], of the KL and AvU terms at `epoch` (from 0) of `epochs`: `step` is min(1, epoch / 10) (Sensoy
 * et al. 2018), `exp` grows from 0.01 to 1 as 0.01 exp(-ln(0.01) epoch / epochs), `none` is 0.1 throughout.
 */
export function annealingCoefficient(kind: Annealing, epoch: number, epochs: number): number {
  switch (kind) {
    case 'step':
      return Math.min(1, epoch / STEP_EPOCHS);
    case 'exp':
      return EXP_START * Math.exp((-Math.log(EXP_START) * epoch) / epochs);
    case 'none':
      return CONSTANT;
  }
}
