import { noGrad, ops, scope, type Tensor } from '../engine/index.js';
import { UaferError } from '../errors.js';
import { REMEDY } from '../run/checksum.js';
import type { ParameterGroup } from '../task/task.js';

const BETA1 = 0.9;
const EPS = 1e-8;

/** AdamW's memory of one parameter. */
interface Moments {
  /** Running mean of the gradient; shape of the parameter. */
  expAvg: Tensor;
  /** Running mean of the squared gradient; shape of the parameter. */
  expAvgSq: Tensor;
  /** Steps taken, a float32 scalar as the fused kernel wants it. */
  step: Tensor;
}

/** AdamW over named parameters. Plain data; the functions of this file work on it. */
export interface Optimizer {
  groups: readonly ParameterGroup[];
  /** Decay of the squared gradients. */
  beta2: number;
  parameters: ReadonlyMap<string, Tensor>;
  /** Made at a parameter's first gradient. */
  moments: Map<string, Moments>;
}

/**
 * AdamW (Loshchilov and Hutter 2019; beta1 0.9, eps 1e-8) over `groups`, whose names are keys of `state`. The parameters are
 * marked as requiring gradients. Throws `USAGE` when a group names a tensor that `state` lacks.
 */
export function createOptimizer(
  state: Readonly<Record<string, Tensor>>,
  groups: readonly ParameterGroup[],
  { beta2 = 0.999 }: { beta2?: number } = {},
): Optimizer {
  const parameters = new Map<string, Tensor>();
  for (const name of groups.flatMap((group) => group.names)) {
    const parameter = state[name];
    if (!parameter) throw new UaferError('USAGE', `A parameter group names "${name}", which the model does not have.`);
    if (parameters.has(name)) throw new UaferError('USAGE', `The parameter "${name}" stands in two parameter groups.`);
    parameter.requiresGrad = true;
    parameters.set(name, parameter);
  }
  return { groups, beta2, parameters, moments: new Map() };
}

/** Drops every gradient. */
export function zeroGrad(optimizer: Optimizer): void {
  for (const parameter of optimizer.parameters.values()) parameter.grad = null;
}

/** Multiplies every gradient by `factor`. */
export function scaleGradients(optimizer: Optimizer, factor: number): void {
  scope(() => {
    const gradients = [...optimizer.parameters.values()].flatMap((parameter) => parameter.grad ?? []);
    if (gradients.length > 0) ops.foreachMul_(gradients, factor);
  });
}

/**
 * Scales all gradients together so that their norm is at most `most`, as `torch.nn.utils.clip_grad_norm_` does (Pascanu et al. 2013), and
 * returns the norm that they had: g <- g min(1, most / (|g| + 1e-6)), |g|^2 the sum of all squares. Gradients whose norm is not finite stay.
 */
export function clipGradients(optimizer: Optimizer, most: number): number {
  return noGrad(() =>
    scope(() => {
      const gradients = [...optimizer.parameters.values()].flatMap((parameter) => parameter.grad ?? []);
      if (gradients.length === 0) return 0;
      const norm = ops.vectorNorm(ops.stack(ops.foreachNorm(gradients))).item();
      const factor = most / (norm + 1e-6);
      if (Number.isFinite(norm) && factor < 1) ops.foreachMul_(gradients, factor);
      return norm;
    }),
  );
}

/**
 * One step at learning rate `lr` times each group's `lrScale`, as `torch.optim.AdamW`: parameters without a gradient are left
 * alone, their step counts too.
 */
export function optimizerStep(optimizer: Optimizer, lr: number): void {
  noGrad(() => {
    for (const group of optimizer.groups) stepGroup(optimizer, group, lr * group.lrScale);
  });
}

function stepGroup(optimizer: Optimizer, group: ParameterGroup, lr: number): void {
  scope(() => {
    const parameters: Tensor[] = [];
    const gradients: Tensor[] = [];
    const made: [string, Moments][] = [];
    const moments: Moments[] = [];
    for (const name of group.names) {
      const parameter = optimizer.parameters.get(name) as Tensor;
      const gradient = parameter.grad;
      if (!gradient) continue;
      parameters.push(parameter);
      gradients.push(gradient);
      const known = optimizer.moments.get(name);
      const own = known ?? newMoments(parameter);
      if (!known) made.push([name, own]);
      moments.push(own);
    }
    if (parameters.length > 0)
      fusedStep(parameters, gradients, moments, { lr, beta2: optimizer.beta2, weightDecay: group.weightDecay });
    return made;
  }).forEach(([name, own]) => {
    optimizer.moments.set(name, own);
  });
}

function newMoments(parameter: Tensor): Moments {
  return {
    expAvg: ops.zerosLike(parameter),
    expAvgSq: ops.zerosLike(parameter),
    step: ops.zeros([], { device: parameter.device }),
  };
}

function fusedStep(
  parameters: readonly Tensor[],
  gradients: readonly Tensor[],
  moments: readonly Moments[],
  options: { lr: number; beta2: number; weightDecay: number },
): void {
  for (const { step } of moments) ops.add_(step, 1);
  ops.fusedAdamw_(
    parameters,
    gradients,
    moments.map((m) => m.expAvg),
    moments.map((m) => m.expAvgSq),
    moments.map((m) => m.step),
    { ...options, beta1: BETA1, eps: EPS },
  );
}

/** AdamW's memory as tensors named `<parameter>/exp_avg`, `<parameter>/exp_avg_sq`, `<parameter>/step`. */
export function optimizerTensors(optimizer: Optimizer): Record<string, Tensor> {
  const tensors: Record<string, Tensor> = {};
  for (const [name, { expAvg, expAvgSq, step }] of optimizer.moments) {
    tensors[`${name}/exp_avg`] = expAvg;
    tensors[`${name}/exp_avg_sq`] = expAvgSq;
    tensors[`${name}/step`] = step;
  }
  return tensors;
}

/** Makes the memory of these parameters where it isn't there yet, empty as at their first gradient. */
export function prepareMoments({ parameters, moments }: Optimizer, names: readonly string[]): void {
  for (const name of names) {
    const parameter = parameters.get(name);
    if (parameter && !moments.has(name))
      moments.set(
        name,
        scope(() => newMoments(parameter)),
      );
  }
}

/** The name of the first parameter that is not finite; null when all are. */
export function brokenWeights({ parameters }: Optimizer): string | null {
  for (const [name, parameter] of parameters) if (!(largest(parameter, ops.abs) < Infinity)) return name;
  return null;
}

/** The name of the first parameter whose memory cannot be AdamW's: not finite, or a mean of squares below 0; null when there is none. */
export function brokenMoments({ moments }: Optimizer): string | null {
  for (const [name, { expAvg, expAvgSq, step }] of moments) {
    // What is not a number is not below infinity either.
    const mean = largest(expAvg, ops.abs) < Infinity;
    const square = largest(expAvgSq) < Infinity && largest(expAvgSq, ops.neg) <= 0;
    if (!mean || !square || !Number.isInteger(step.item())) return name;
  }
  return null;
}

/** The largest element of `x`, or of what `of` makes of it; not a number when one isn't. */
function largest(x: Tensor, of: (x: Tensor) => Tensor = (same) => same): number {
  return x.nbytes === 0 ? 0 : noGrad(() => scope(() => ops.amax(of(x), []).item()));
}

/**
 * Takes over what `optimizerTensors` gave (copied). Throws `CHECKPOINT` naming the tensor that is missing, unknown, of another shape or
 * holds what AdamW never does; `source` stands in the message.
 */
export function restoreOptimizer(optimizer: Optimizer, tensors: Readonly<Record<string, Tensor>>, source: string): void {
  for (const key of Object.keys(tensors)) {
    const name = key.slice(0, key.lastIndexOf('/'));
    const parameter = optimizer.parameters.get(name);
    if (!parameter) {
      throw new UaferError('CHECKPOINT', `${source} holds "${key}", but this run does not train "${name}".`);
    }
    if (optimizer.moments.has(name)) continue;
    const part = (kind: string, shape: readonly number[]) =>
      copyOfPart(tensors, `${name}/${kind}`, shape, parameter.device, source);
    optimizer.moments.set(name, {
      expAvg: part('exp_avg', parameter.shape),
      expAvgSq: part('exp_avg_sq', parameter.shape),
      step: part('step', []),
    });
  }
  const broken = brokenMoments(optimizer);
  if (broken !== null) {
    throw new UaferError(
      'CHECKPOINT',
      `${source} is damaged: its moments of "${broken}" are not finite, or are a negative mean of squares. ${REMEDY}`,
    );
  }
}

function copyOfPart(
  tensors: Readonly<Record<string, Tensor>>,
  key: string,
  shape: readonly number[],
  device: string,
  source: string,
): Tensor {
  const found = tensors[key];
  if (!found) throw new UaferError('CHECKPOINT', `${source} lacks "${key}".`);
  if (found.shape.join() !== shape.join()) {
    throw new UaferError('CHECKPOINT', `${source}: "${key}" has shape [${found.shape}], expected [${shape}].`);
  }
  return scope(() => ops.clone(ops.toDevice(found, device)));
}
