/** Many processes that compute together: c10d's store and process groups, and gradients that are summed during backward. */
import { UaferError } from '../errors.js';
import { type Native, native } from './native.js';
import type { Tensor } from './types.js';

export type Backend = 'gloo' | 'nccl';

/** The backends that this engine has. None where libtorch comes without c10d. */
export function backends(): Backend[] {
  return native().backends();
}

/** Where processes leave each other notes, at one address. */
export interface Store {
  set(key: string, text: string): void;
  /** Null where nothing was set. */
  get(key: string): string | null;
  /** Adds to a whole number that starts at 0, and returns the sum. */
  add(key: string, amount: number): number;
  /** Adds 1 to the number of `key` once a second from a thread of its own, until the store is closed: a sign of life. */
  beat(key: string): void;
  /** Whether it has answered to the beat in the last seconds; what is asked of one that can't be reached any more may block. True without a beat. */
  answers(): boolean;
  close(): void;
  /** The addon's number of it. */
  readonly number: number;
}

export interface StoreOptions {
  host: string;
  port: number;
  /** Whether this process keeps the store; the others connect to it. */
  keeps: boolean;
  /** Stands before every key. */
  prefix?: string;
  /** Seconds to connect in. */
  connectSeconds: number;
  /** Seconds in which the store must answer later. */
  answerSeconds: number;
}

/** Throws `DISTRIBUTED` when the port is taken, or nobody keeps a store there within `connectSeconds`. */
export function openStore({ host, port, keeps, prefix = '', connectSeconds, answerSeconds }: StoreOptions): Store {
  const addon = withDistributed();
  const number = addon.openStore(host, port, keeps, prefix, milliseconds(connectSeconds));
  addon.setStoreTimeout(number, milliseconds(answerSeconds));
  return {
    number,
    set: (key, text) => addon.storeSet(number, key, text),
    get: (key) => addon.storeGet(number, key),
    add: (key, amount) => addon.storeAdd(number, key, amount),
    beat: (key) => addon.startBeat(number, key),
    answers: () => addon.storeAnswers(number),
    close: () => addon.closeStore(number),
  };
}

/** The key by which a process tells all that it fails: whatever they wait for is broken off, within about a second, with `DISTRIBUTED`. */
export const TROUBLE = 'trouble';

/**
 * Processes that compute together. All call the same functions in the same order with tensors of the same shape, and wait for each other. Each
 * throws `DISTRIBUTED` when a process is gone, says that it fails (`TROUBLE`), or does not come within the time-out.
 */
export interface ProcessGroup {
  readonly rank: number;
  readonly size: number;
  readonly backend: Backend;
  /** The tensor becomes the sum of every process's: the same bits everywhere, and in every run. */
  allReduce(x: Tensor): void;
  /** The sum of every process's `x`; the loss being the sum of the processes' losses, its gradient is the sum of theirs. */
  allReduced(x: Tensor): Tensor;
  /** The tensor becomes that of the process `root`. */
  broadcast(x: Tensor, root?: number): void;
  /** Every process's tensor, by rank. */
  allGather(x: Tensor): Tensor[];
  /** The same for the process `root`; none for the others. */
  gather(x: Tensor, root?: number): Tensor[];
  /** To be called by all when the work is done. Without it, the group ends with the process. */
  close(): void;
  /** The addon's number of it. */
  readonly number: number;
}

export interface GroupOptions {
  store: Store;
  /** Groups of one store have names of their own. */
  name: string;
  backend: Backend;
  rank: number;
  size: number;
  timeoutSeconds: number;
  /** Gloo: this machine's address or name, at which the others reach it. */
  address: string;
  /** Gloo: the network interface instead, where not empty. */
  networkInterface?: string;
}

/** Connects this process with all others of the group. Throws `DISTRIBUTED` when one does not come within the time-out. */
export function openGroup(options: GroupOptions): ProcessGroup {
  const { store, name, backend, rank, size, timeoutSeconds, address, networkInterface = '' } = options;
  const addon = withDistributed();
  const timeout = milliseconds(timeoutSeconds);
  const number = addon.openGroup(store.number, name, backend, rank, size, timeout, address, networkInterface);
  return {
    number,
    rank,
    size,
    backend,
    allReduce: (x) => addon.allReduce(number, x),
    allReduced: (x) => addon.allReduced(number, x),
    broadcast: (x, root = 0) => addon.broadcast(number, x, root),
    allGather: (x) => addon.allGather(number, x),
    gather: (x, root = 0) => addon.gather(number, x, root),
    close: () => addon.closeGroup(number),
  };
}

/** Sums the gradients of parameters over all processes. */
export interface GradientReducer {
  /** Sums that a step makes. */
  readonly buckets: number;
  /** From the next gradients on: one backward follows. The parameters have no gradients, or such as are to be added to. */
  begin(): void;
  /**
   * Waits for the sums and multiplies them by `factor`; each gradient is then that of all processes. Returns the seconds that were waited
   * after backward: what it could not hide.
   */
  finish(factor: number): number;
  close(): void;
}

const MEBIBYTE = 2 ** 20;
/** PyTorch's sizes (Li et al. 2020, PyTorch Distributed): large enough to be fast, and a small first one, so that sums begin early. */
const FIRST_BUCKET = MEBIBYTE;
const BUCKET = 25 * MEBIBYTE;

/**
 * Sums begin during backward, as soon as the gradients of a bucket are whole, and go on while it computes those of earlier layers.
 *
 * @param parameters leaves that require gradients, about in the order in which the network uses them
 */
export function createGradientReducer(
  group: ProcessGroup,
  parameters: readonly Tensor[],
  bucketBytes = BUCKET,
): GradientReducer {
  const addon = withDistributed();
  const number = addon.openReducer(group.number, parameters, Math.min(FIRST_BUCKET, bucketBytes), bucketBytes);
  return {
    buckets: addon.reducerBuckets(number),
    begin: () => addon.reducerBegin(number),
    finish: (factor) => addon.reducerFinish(number, factor),
    close: () => addon.closeReducer(number),
  };
}

function withDistributed(): Native {
  if (native().backends().length > 0) return native();
  throw new UaferError(
    'DISTRIBUTED',
    'This libtorch was built without c10d: it trains in one process only. See `uafer doctor`.',
  );
}

function milliseconds(seconds: number): number {
  return Math.max(1, Math.round(seconds * 1000));
}
