import { native } from './native.js';
import type { Tensor } from './types.js';

/** Seeds the generators of every device. */
export function manualSeed(seed: number): void {
  native().manualSeed(seed);
}

/** The generator's state as a uint8 tensor; with `setGeneratorState` a run continues with the same random numbers. */
export function generatorState(device = 'cpu'): Tensor {
  return native().generatorState(device);
}

export function setGeneratorState(state: Tensor, device = 'cpu'): void {
  native().setGeneratorState(state, device);
}

/**
 * Gives the memory of tensors that are gone back to the system. The engine keeps it for the next tensors of about those sizes, since
 * fresh memory is dear: what it holds is at most 9 / 8 of what tensors took at once.
 */
export function releaseMemory(): void {
  native().releaseMemory();
}

/**
 * Bytes of memory that tensors on a device hold now, those that autograd saved included; what the engine keeps for the next ones is not
 * counted. On Windows 0 for `cpu`.
 */
export function memoryInUse(device = 'cpu'): number {
  return native().memoryInUse(device);
}

/** The most bytes that tensors on a device held at once, in all threads, since the process began or `resetPeakMemory`. */
export function peakMemory(device = 'cpu'): number {
  return native().peakMemory(device);
}

/** `peakMemory` counts from now on. */
export function resetPeakMemory(device = 'cpu'): void {
  native().resetPeakMemory(device);
}

/** Threads that one operator may use, 1 to 1024. */
export function setThreads(count: number): void {
  native().setThreads(count);
}

export function threads(): number {
  return native().threads();
}

/** Whether GPUs of NVIDIA's, in all threads, round what they multiply in fp32 to TF32: 10 bits of fraction, many times as fast. */
export function setTf32(allowed: boolean): void {
  native().setTf32(allowed);
}

export function tf32(): boolean {
  return native().tf32();
}

/** Whether `cpu`, `cuda` or `mps` can be used by the libtorch that is loaded. */
export function deviceAvailable(kind: string): boolean {
  return native().deviceAvailable(kind);
}

/** libtorch's vector instruction level: `DEFAULT`, `AVX2`, `AVX512`, ... */
export function cpuCapability(): string {
  return native().cpuCapability();
}

/** Whether large products in fp32 are oneDNN's, which takes half of the time of libtorch's own on some processors (`native/layers.cpp`). */
export function productsByOneDnn(): boolean {
  return native().productsByOneDnn();
}

export function libtorchVersions(): { built: string; loaded: string } {
  return native().versions();
}

/** Tensor handles of this thread that are neither disposed nor collected: for leak tests. */
export function liveHandles(): number {
  return native().liveHandles();
}
