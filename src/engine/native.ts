import type { DType, Tensor, TypedArray } from './tensor.js';

/** What an operator takes and gives at the addon's boundary; the operator's own schema decides how each value is read. */
export type Value = Tensor | number | bigint | boolean | string | null | undefined | readonly Value[];

/** The functions of the addon in `native/`. Only `src/engine` calls them. */
export interface Native {
  /** Version of libtorch that the addon was built against, and of the one that is loaded. */
  versions(): { built: string; loaded: string };
  findOperator(name: string, overload: string): number;
  call(operator: number, args: readonly Value[]): Value;
  isTensor(value: unknown): value is Tensor;
  fromTypedArray(values: TypedArray, shape: readonly number[], dtype?: DType, device?: string): Tensor;
  toNumbers(x: Tensor): number[];
  beginScope(): void;
  /** Frees every handle made since the matching `beginScope` but `keep`, which move to the enclosing scope. */
  endScope(keep: readonly Tensor[]): void;
  /** Sets gradient recording for this thread and returns the former setting. */
  setGradEnabled(enabled: boolean): boolean;
  enterInferenceMode(): void;
  leaveInferenceMode(): void;
  enterAutocast(device: string, dtype: DType): void;
  leaveAutocast(): void;
  backward(outputs: readonly Tensor[], gradients: readonly (Tensor | null)[], retainGraph: boolean): void;
  grad(outputs: readonly Tensor[], inputs: readonly Tensor[], retainGraph: boolean, createGraph: boolean): (Tensor | null)[];
  manualSeed(seed: number): void;
  generatorState(device: string): Tensor;
  setGeneratorState(state: Tensor, device: string): void;
  setThreads(count: number): void;
  threads(): number;
  deviceAvailable(kind: string): boolean;
  cpuCapability(): string;
  readTorchScript(path: string): Record<string, Tensor>;
  readTorchSave(path: string): Record<string, Tensor>;
  writeTorchSave(path: string, tensors: Record<string, Tensor>): void;
  liveHandles(): number;
}

let loaded: Native | undefined;

/** The addon, loaded at first use. Throws `ENGINE_NOT_FOUND` or `ENGINE_VERSION` with the remedy. */
export function native(): Native {
  if (!loaded) throw new Error('not yet');
  return loaded;
}
