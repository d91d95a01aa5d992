import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { UaferError } from '../errors.js';
import { addonPath, locateLibtorch } from './locate.js';
import type { DType, Tensor, TypedArray } from './types.js';

/** What an operator takes and gives at the addon's boundary; the operator's own schema decides how each value is read. */
export type Value = Tensor | number | bigint | boolean | string | null | undefined | readonly Value[];

/** The functions of the addon in `native/`. Only `src/engine` calls them. */
export interface Native {
  /** Version of libtorch that the addon was built against, and of the one that is loaded. */
  versions(): { built: string; loaded: string };
  findOperator(name: string, overload: string): (...args: Value[]) => Value;
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
  enterAutocast(device: string, dtype: DType | null): void;
  leaveAutocast(): void;
  backward(outputs: readonly Tensor[], gradients: readonly (Tensor | null)[], retainGraph: boolean): void;
  grad(outputs: readonly Tensor[], inputs: readonly Tensor[], retainGraph: boolean, createGraph: boolean): (Tensor | null)[];
  linear(x: Tensor, weight: Tensor, bias: Tensor | null): Tensor;
  quickGeluLinear(x: Tensor, weight: Tensor, bias: Tensor): Tensor;
  /** Whether `linear` takes oneDNN's products for large ones in fp32. */
  productsByOneDnn(): boolean;
  beginProfile(): void;
  /** Operators that this thread called since, each with how often and the seconds of its own. */
  endProfile(): [name: string, calls: number, seconds: number][];
  manualSeed(seed: number): void;
  generatorState(device: string): Tensor;
  setGeneratorState(state: Tensor, device: string): void;
  releaseMemory(): void;
  memoryInUse(device: string): number;
  peakMemory(device: string): number;
  resetPeakMemory(device: string): void;
  setThreads(count: number): void;
  threads(): number;
  setTf32(allowed: boolean): void;
  tf32(): boolean;
  deviceAvailable(kind: string): boolean;
  cpuCapability(): string;
  /** What `src/engine/distributed.ts` is made of; but for `backends` only there where that names one. Times are in milliseconds. */
  backends(): ('gloo' | 'nccl')[];
  openStore(host: string, port: number, keeps: boolean, prefix: string, timeout: number): number;
  setStoreTimeout(store: number, timeout: number): void;
  storeSet(store: number, key: string, text: string): void;
  storeGet(store: number, key: string): string | null;
  storeAdd(store: number, key: string, amount: number): number;
  startBeat(store: number, key: string): void;
  storeAnswers(store: number): boolean;
  closeStore(store: number): void;
  openGroup(
    store: number,
    name: string,
    backend: string,
    rank: number,
    size: number,
    timeout: number,
    address: string,
    networkInterface: string,
  ): number;
  closeGroup(group: number): void;
  allReduce(group: number, x: Tensor): void;
  allReduced(group: number, x: Tensor): Tensor;
  broadcast(group: number, x: Tensor, root: number): void;
  allGather(group: number, x: Tensor): Tensor[];
  gather(group: number, x: Tensor, root: number): Tensor[];
  openReducer(group: number, parameters: readonly Tensor[], firstBytes: number, bytes: number): number;
  reducerBuckets(reducer: number): number;
  reducerBegin(reducer: number): void;
  reducerFinish(reducer: number, factor: number): number;
  closeReducer(reducer: number): void;
  readTorchScript(path: string): Record<string, Tensor>;
  liveHandles(): number;
}

let loaded: Native | undefined;

/** The addon, loaded at first use. Throws `ENGINE_NOT_FOUND` or `ENGINE_VERSION` with the remedy. */
export function native(): Native {
  loaded ??= load();
  return loaded;
}

function load(): Native {
  const libtorch = locateLibtorch();
  const path = addonPath(libtorch);
  if (!existsSync(path)) {
    throw new UaferError(
      'ENGINE_NOT_FOUND',
      `The engine's addon isn't built for the libtorch ${libtorch.version} in ${libtorch.root}. Run \`uafer engine install\`.`,
    );
  }
  const addon = open(path);
  addon.setErrorClass(UaferError);
  const versions = addon.versions();
  if (versions.built !== versions.loaded) {
    throw new UaferError(
      'ENGINE_VERSION',
      `${path} was built against libtorch ${versions.built}, but ${versions.loaded} was loaded from ${libtorch.root}. ` +
        'Run `uafer engine build`.',
    );
  }
  return addon;
}

function open(path: string): Native & { setErrorClass(errorClass: typeof UaferError): void } {
  try {
    return createRequire(import.meta.url)(path);
  } catch (error) {
    throw new UaferError(
      'ENGINE_VERSION',
      `${path} could not be loaded: ${error instanceof Error ? error.message : String(error)}. Run \`uafer engine build\`.`,
      { cause: error },
    );
  }
}
