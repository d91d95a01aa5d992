/** The processes that train one run together, as the loop sees them. */
import { noGrad, ops, type ProcessGroup, scope, type Tensor, tensor, toArray } from '../engine/index.js';
import { UaferError } from '../errors.js';

export interface Processes {
  readonly rank: number;
  readonly size: number;
  /** Whether this process writes the run and tells of it: rank 0. */
  readonly leads: boolean;
  /** Where tensors of the run's device are summed; null for one process. */
  readonly group: ProcessGroup | null;
  /** Each number summed over the processes; every process calls it with as many. */
  sum(values: readonly number[]): number[];
  /** The leading process's value (of JSON), for every process. */
  told<T>(value: T): T;
  /** Every process's bytes, by rank, for the leading one; null for the others. */
  gathered(bytes: Uint8Array): Uint8Array[] | null;
  /** Makes a tensor the leading process's. */
  share(x: Tensor): void;
  /** To be called when all work that takes more than one process is done. */
  part(): void;
}

/** A failure that this process has found itself; what it is told of by others, or that they are gone, is a plain `DISTRIBUTED`. */
export class OwnFailure extends UaferError {
  constructor(message: string) {
    super('DISTRIBUTED', message);
  }
}

/** A process that trains alone. */
export const ALONE: Processes = {
  rank: 0,
  size: 1,
  leads: true,
  group: null,
  sum: (values) => [...values],
  told: (value) => value,
  gathered: (bytes) => [bytes],
  share: () => {},
  part: () => {},
};

/**
 * @param control of CPU tensors
 * @param group of tensors on the run's `device`: small sums go there too, since NCCL's take the same time for many processes as for few
 * @param onPart told once, when all processes have parted
 */
export function createProcesses(control: ProcessGroup, group: ProcessGroup, device: string, onPart: () => void): Processes {
  const { rank, size } = control;
  const leads = rank === 0;
  const sum = (values: readonly number[]) =>
    scope(() => {
      const x = tensor(Float64Array.from(values), [values.length], { device });
      group.allReduce(x);
      return toArray(x);
    });
  let parted = false;
  return {
    rank,
    size,
    leads,
    group,
    sum,
    told: (value) => toldBytes(control, value),
    gathered: (bytes) => gatheredBytes(control, bytes),
    share: (x) => shareTensor(control, x),
    part: () => {
      if (parted) return;
      sum([0]);
      parted = true;
      onPart();
    },
  };
}

function toldBytes<T>(control: ProcessGroup, value: T): T {
  const text = control.rank === 0 ? new TextEncoder().encode(JSON.stringify(value ?? null)) : new Uint8Array();
  return scope(() => {
    const length = tensor(BigInt64Array.of(BigInt(text.length)), [1]);
    control.broadcast(length);
    const bytes = new Uint8Array(length.item());
    bytes.set(text);
    const x = tensor(bytes, [bytes.length]);
    control.broadcast(x);
    return JSON.parse(new TextDecoder().decode(x.data() as Uint8Array));
  });
}

/** Tensors of a gathering have one shape: each is as long as the longest, and says first how much of it counts. */
function gatheredBytes(control: ProcessGroup, bytes: Uint8Array): Uint8Array[] | null {
  return scope(() => {
    const lengths = control.allGather(tensor(BigInt64Array.of(BigInt(bytes.length)), [1])).map((x) => x.item());
    const padded = new Uint8Array(Math.max(1, ...lengths));
    padded.set(bytes);
    const all = control.gather(tensor(padded, [padded.length]));
    if (control.rank !== 0) return null;
    return all.map((x, rank) => Uint8Array.from((x.data() as Uint8Array).subarray(0, lengths[rank])));
  });
}

function shareTensor(control: ProcessGroup, x: Tensor): void {
  noGrad(() =>
    scope(() => {
      const copy = ops.contiguous(ops.toDevice(x, 'cpu'));
      control.broadcast(copy);
      ops.copy_(x, copy);
    }),
  );
}
