import { afterEach, describe, expect, it } from 'vitest';
import {
  cpuCapability,
  deviceAvailable,
  generatorState,
  libtorchVersions,
  manualSeed,
  ops,
  setGeneratorState,
  setTf32,
  setThreads,
  type Tensor,
  tf32,
  threads,
  toArray,
} from '#uafer/engine/index.js';
import { LIBTORCH_VERSION } from '#uafer/engine/locate.js';

describe('random numbers', () => {
  const draw = () => toArray(ops.randn([5]));

  it('repeat with the seed', () => {
    manualSeed(3);
    const first = draw();
    expect(draw()).not.toEqual(first);
    manualSeed(3);
    expect(draw()).toEqual(first);
  });

  it("are PyTorch's", () => {
    manualSeed(0);
    expect(toArray(ops.rand([3])).map((x) => x.toFixed(4))).toEqual(['0.4963', '0.7682', '0.0885']); // torch.manual_seed(0)
  });

  it('go on from a state that was kept', () => {
    draw();
    const state = generatorState();
    const next = [draw(), draw()];
    setGeneratorState(state);
    expect([draw(), draw()]).toEqual(next);
  });

  it('refuse states that are none', () => {
    expect(() => setGeneratorState(ops.zeros([3], { dtype: 'uint8' }))).toThrow(/setGeneratorState: /);
    expect(() => setGeneratorState(ops.zeros([3]))).toThrow(/setGeneratorState: /);
    expect(() => setGeneratorState(1 as unknown as Tensor)).toThrow(/a tensor was expected, got a number/);
    expect(() => manualSeed(0.5)).toThrow(/whole number/);
    expect(() => manualSeed(Number.NaN)).toThrow(/whole number/);
  });
});

it('says whether GPUs may round to TF32, as it was told', () => {
  expect(tf32()).toBe(false);
  setTf32(true);
  expect(tf32()).toBe(true);
  setTf32(false);
  expect(tf32()).toBe(false);
});

describe('threads', () => {
  const before = threads();
  afterEach(() => setThreads(before));

  it('are as many as was said', () => {
    setThreads(1);
    expect(threads()).toBe(1);
    setThreads(2);
    expect(threads()).toBe(2);
  });

  it.each([0, -1, 1.5, 1e9, Number.NaN, Number.POSITIVE_INFINITY])('cannot be %d', (count) => {
    expect(() => setThreads(count)).toThrow(/setThreads: .*whole number/);
    expect(threads()).toBe(before);
  });
});

describe('devices', () => {
  it('are asked for by name', () => {
    expect(deviceAvailable('cpu')).toBe(true);
    expect(deviceAvailable('toaster')).toBe(false);
  });

  it.skipIf(deviceAvailable('cuda'))('that are absent are errors that name them', () => {
    const x = ops.zeros([1]);
    expect(() => ops.toDevice(x, 'cuda')).toThrow(expect.objectContaining({ code: 'OPERATOR' }));
    expect(() => ops.toDevice(x, 'cuda')).toThrow(/cuda/i);
    expect(() => generatorState('cuda')).toThrow(/cuda/i);
  });
});

describe('versions', () => {
  it('are the pinned one, built and loaded', () => {
    expect(libtorchVersions()).toEqual({
      built: LIBTORCH_VERSION,
      loaded: LIBTORCH_VERSION,
    });
    expect(cpuCapability()).toMatch(/^[A-Z0-9]+$/);
  });
});
