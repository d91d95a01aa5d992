/**
 * How processes that train together find each other, make sure that they are about to train the same, and tell each other why they end. All
 * of it goes through c10d's store, which the leading process keeps (torchrun's agent, where there is one).
 */
import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { backends, openGroup, openStore, type ProcessGroup, type Store, TROUBLE } from '../engine/index.js';
import { type ErrorCode, UaferError } from '../errors.js';
import type { Launch } from './launched.js';
import { createProcesses, OwnFailure, type Processes } from './processes.js';

/** What a process says of itself, to be the same everywhere; a line of an error for each that differs. */
export type Card = Readonly<Record<string, unknown>>;

/** Processes that found each other. */
export interface Meeting {
  /** Waits until every process has shown a card of this name. Throws `USAGE` in all when they differ. */
  compare(name: string, card: Card): Promise<void>;
  /** Connects all with all. `device` is the run's. */
  connect(device: string): Promise<Processes>;
  /** What ends this process becomes known to all; returns the error to end with. */
  failed(error: unknown): Promise<unknown>;
  /** Gives the store free, some time after all have parted. */
  close(): void;
}

const POLL_MS = 50;
/** An attempt to reach the store; between two, Ctrl-C is heard. */
const ATTEMPT_SECONDS = 2;
/** In which a process that fails waits for the others to hear of it. */
const ACCOUNT_SECONDS = 5;
/** In which a process that is there gives a sign of it, more than once. */
const BEAT_SECONDS = 3;

interface Trouble {
  rank: number;
  host: string;
  /** Null for a process that was lost without a word. */
  failure: { code: ErrorCode | null; message: string } | null;
}

interface Whereabouts {
  host: string;
  pid: number;
}

/**
 * Meets the other processes. Throws `DISTRIBUTED` when the port is taken, the leading process isn't there, or one doesn't come within the
 * time-out, naming it; `USAGE` when two have the same rank; `INTERRUPTED` when asked to stop.
 */
export async function meet(launch: Launch, shouldStop: () => boolean): Promise<Meeting> {
  const store = await reachStore(launch, shouldStop);
  const meeting = { launch, store, shouldStop, parted: false };
  try {
    await sayHere(meeting);
  } catch (error) {
    throw await failed(meeting, error);
  }
  return {
    compare: (name, card) => compare(meeting, name, card),
    connect: (device) => connect(meeting, device),
    failed: (error) => failed(meeting, error),
    close: () => store.close(),
  };
}

interface Known {
  launch: Launch;
  store: Store;
  shouldStop(): boolean;
  /** Whether all work that takes more than one process is done. */
  parted: boolean;
}

/** `rank 2 of 4 (host, process 123)`. */
function nameOf({ launch: { size } }: Known, rank: number, where: Whereabouts | null): string {
  return `rank ${rank} of ${size}${where ? ` (${where.host}, process ${where.pid})` : ''}`;
}

async function reachStore(launch: Launch, shouldStop: () => boolean): Promise<Store> {
  const { rank, host, port, prefix, storeIsKept, timeoutSeconds } = launch;
  const keeps = rank === 0 && !storeIsKept;
  const deadline = Date.now() + timeoutSeconds * 1000;
  for (;;) {
    refuseStopped(shouldStop);
    const connectSeconds = Math.min(ATTEMPT_SECONDS, timeoutSeconds);
    try {
      return openStore({ host, port, keeps, prefix, connectSeconds, answerSeconds: timeoutSeconds });
    } catch (error) {
      if (keeps) throw cannotKeep(launch, error as Error);
      if (Date.now() > deadline) throw nobodyThere(launch, error as Error);
    }
    await sleep(POLL_MS);
  }
}

function cannotKeep({ host, port }: Launch, error: Error): UaferError {
  const why = error.message.includes('EADDRINUSE')
    ? `port ${port} of this machine (${hostname()}) is in use, perhaps by another training. Choose another one with MASTER_PORT (torchrun: --master-port).`
    : `it cannot listen at ${host}:${port}: ${error.message}`;
  return new UaferError('DISTRIBUTED', `The processes cannot meet at rank 0: ${why}`, { cause: error });
}

function nobodyThere({ rank, size, host, port, timeoutSeconds }: Launch, error: Error): UaferError {
  return new UaferError(
    'DISTRIBUTED',
    `Rank ${rank} of ${size} found no rank 0 at ${host}:${port} within ${timeoutSeconds} s. Look whether rank 0 was started and still runs, whether ` +
      `MASTER_ADDR and MASTER_PORT are the same for all, and whether this machine (${hostname()}) can reach it.`,
    { cause: error },
  );
}

function refuseStopped(shouldStop: () => boolean): void {
  if (shouldStop()) throw new UaferError('INTERRUPTED', 'Stopped before the training began.');
}

async function sayHere(known: Known): Promise<void> {
  const { store, launch } = known;
  const { rank, size } = launch;
  const others = store.add(`claims/${rank}`, 1);
  const where = { host: hostname(), pid: process.pid };
  if (others > 1) {
    const other = await whereIs(store, rank);
    throw new UaferError(
      'USAGE',
      `Two processes say that they are rank ${rank}: process ${where.pid} on ${where.host}, and ` +
        `${other ? `process ${other.pid} on ${other.host}` : 'another one'}. RANK must be another number for each (or another training ` +
        `is using ${launch.host}:${launch.port}).`,
    );
  }
  store.set(`here/${rank}`, JSON.stringify(where));
  store.beat(`beats/${rank}`);
  await compare(known, 'start', { WORLD_SIZE: size });
}

async function whereIs(store: Store, rank: number): Promise<Whereabouts | null> {
  const text = store.get(`here/${rank}`);
  return text === null ? null : JSON.parse(text);
}

/** Rank 0 compares the cards, and the others wait for what it says. */
async function compare(known: Known, name: string, card: Card): Promise<void> {
  const { store, launch } = known;
  store.set(`${name}/${launch.rank}`, JSON.stringify(card));
  if (launch.rank === 0) {
    const differing = await differences(known, name, card);
    if (differing !== null) throw differing;
    store.set(`${name}/verdict`, JSON.stringify({ size: launch.size }));
    return;
  }
  const verdict = JSON.parse(
    await noted(known, `${name}/verdict`, () => `Rank 0 has not answered within ${launch.timeoutSeconds} s.`),
  );
  if (verdict.size !== launch.size) throw otherSize(known, verdict.size);
}

const otherSize = ({ launch: { rank, size } }: Known, theirs: number) =>
  new UaferError('USAGE', `Rank ${rank} was started as one of ${size} processes (WORLD_SIZE), rank 0 as one of ${theirs}.`);

async function differences(known: Known, name: string, card: Card): Promise<UaferError | null> {
  const { store, launch } = known;
  const lines: string[] = [];
  for (let rank = 1; rank < launch.size; rank++) {
    const text = await noted(known, `${name}/${rank}`, () => absent(known, name));
    const theirs: Card = JSON.parse(text);
    const where = await whereIs(store, rank);
    for (const key of new Set([...Object.keys(card), ...Object.keys(theirs)])) {
      const [mine, other] = [JSON.stringify(card[key]), JSON.stringify(theirs[key])];
      if (mine !== other)
        lines.push(`  ${key}: ${nameOf(known, rank, where)} has ${other ?? 'nothing'}, rank 0 has ${mine ?? 'nothing'}`);
    }
  }
  if (lines.length === 0) return null;
  const shown = lines.slice(0, SHOWN_LINES);
  const more = lines.length > shown.length ? [`  and ${lines.length - shown.length} more`] : [];
  return new UaferError(
    'USAGE',
    `The processes were about to train different things. Start all with the same program, options, weights and data:\n${[...shown, ...more].join('\n')}`,
  );
}

const SHOWN_LINES = 12;

/** Names the ranks that have not come. */
function absent({ store, launch: { size, timeoutSeconds } }: Known, name: string): string {
  const missing = Array.from({ length: size }, (_, rank) => rank).filter((rank) => store.get(`${name}/${rank}`) === null);
  const which = missing.length === 1 ? `Rank ${missing[0]} of ${size} has` : `Ranks ${missing.join(', ')} of ${size} have`;
  const what = name === 'start' ? 'not come' : 'not got ready to train';
  return (
    `${which} ${what} within ${timeoutSeconds} s (--process-timeout). Look at what they say, whether they were started, and whether they reach ` +
    'MASTER_ADDR.'
  );
}

/** Waits for a note. Throws what another process says of its end, and `DISTRIBUTED` after the time-out. */
async function noted({ store, launch, shouldStop }: Known, key: string, tooLate: () => string): Promise<string> {
  const deadline = Date.now() + launch.timeoutSeconds * 1000;
  for (;;) {
    if (!store.answers()) throw new UaferError('DISTRIBUTED', 'the store does not answer');
    const text = store.get(key);
    if (text !== null) return text;
    if (store.get(TROUBLE) !== null) throw new UaferError('DISTRIBUTED', 'another process fails');
    refuseStopped(shouldStop);
    if (Date.now() > deadline) throw new OwnFailure(tooLate());
    await sleep(POLL_MS);
  }
}

async function connect(known: Known, device: string): Promise<Processes> {
  const { launch, store } = known;
  const { rank, size, timeoutSeconds, networkInterface } = launch;
  const address = await localAddress(launch);
  const open = (name: string, backend: ProcessGroup['backend']) =>
    openGroup({ store, name, backend, rank, size, timeoutSeconds, address, networkInterface });
  const control = open('control', 'gloo');
  const group = open('tensors', device === 'cpu' ? 'gloo' : nccl(device));
  return createProcesses(control, group, device, () => {
    known.parted = true;
    group.close();
    control.close();
  });
}

function nccl(device: string): 'nccl' {
  if (backends().includes('nccl')) return 'nccl';
  throw new OwnFailure(
    `Several processes on ${device} need NCCL, which this engine was built without: libtorch needs to be one with CUDA, and the headers of CUDA and NCCL ` +
      'must lie beside it (as pip installs them) or in /usr/local/cuda when `uafer engine build` runs. Or train with --device cpu.',
  );
}

/** The address of this machine on the way to the leading process: what a machine's own name stands for is often the loopback. */
async function localAddress({ host, port }: Launch): Promise<string> {
  const { address, family } = await lookup(host);
  const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
  try {
    return await new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.connect(port, address, () => resolve(socket.address().address));
    });
  } finally {
    socket.close();
  }
}

async function failed(known: Known, error: unknown): Promise<unknown> {
  if (known.parted) return error;
  // What is asked of a store that can't be reached any more would never be answered.
  if (!known.store.answers()) return isEcho(error) ? leaderLost(known) : error;
  try {
    return isEcho(error) ? await explained(known, error) : await told(known, error);
  } catch {
    // The store is gone, and with it the process that kept it.
    return isEcho(error) ? leaderLost(known) : error;
  }
}

/** Whether an error is that of a process that waits for others, and says nothing of why. */
function isEcho(error: unknown): error is UaferError {
  return error instanceof UaferError && error.code === 'DISTRIBUTED' && !(error instanceof OwnFailure);
}

const leaderLost = ({ launch: { rank, host, port } }: Known) =>
  new UaferError(
    'DISTRIBUTED',
    `Rank ${rank} ends: rank 0 at ${host}:${port} was lost, its process ended, or its machine or the network is gone. --resume goes on from the last checkpoint.`,
  );

/** Lets the others know of a failure of this process. */
async function told({ store, launch: { rank, size } }: Known, error: unknown): Promise<unknown> {
  const { message } = error instanceof Error ? error : new Error(String(error));
  const code = error instanceof UaferError ? error.code : null;
  if (store.add('troubles', 1) === 1) {
    const trouble: Trouble = { rank, host: hostname(), failure: { code, message } };
    store.set(TROUBLE, JSON.stringify(trouble));
  }
  await account(store, rank, size);
  return error;
}

/** Why this process was let down. */
async function explained(known: Known, error: UaferError): Promise<unknown> {
  const { store, launch } = known;
  const { rank, size } = launch;
  // Who notices that another is gone is the first to say so; a process that fails has said it before it goes.
  if (store.get(TROUBLE) === null && store.add('troubles', 1) === 1) {
    const trouble: Trouble = { rank, host: hostname(), failure: null };
    store.set(TROUBLE, JSON.stringify(trouble));
  }
  const lost = await silentRanks(store, size);
  await account(store, rank, size);
  const trouble: Trouble = JSON.parse(store.get(TROUBLE) ?? 'null') ?? { rank, host: '', failure: null };
  if (trouble.failure) return failureOf(trouble, known);
  const names = await Promise.all(lost.map(async (each) => nameOf(known, each, await whereIs(store, each))));
  if (names.length === 0) return noAnswer(known, error);
  const [was, its] =
    names.length === 1
      ? ['was', 'its process was killed, or its machine']
      : ['were', 'their processes were killed, or a machine'];
  return new UaferError(
    'DISTRIBUTED',
    `The training ends: ${names.join(', ')} ${was} lost (${its} or the network is gone). --resume goes on from the last checkpoint, with as many processes or another number.`,
  );
}

function failureOf({ rank, host, failure }: Trouble, known: Known): UaferError {
  const { code, message } = failure as NonNullable<Trouble['failure']>;
  return new UaferError(code ?? 'DISTRIBUTED', `${capital(nameOf(known, rank, null))} on ${host} failed: ${message}`);
}

const noAnswer = ({ launch: { timeoutSeconds } }: Known, error: UaferError) =>
  new UaferError(
    'DISTRIBUTED',
    `The training ends: the processes waited ${timeoutSeconds} s for each other (--process-timeout), though all are there: ${error.message}`,
  );

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** Those that have given no sign of life in the last seconds. */
async function silentRanks(store: Store, size: number): Promise<number[]> {
  const ranks = Array.from({ length: size }, (_, rank) => rank);
  const beats = () => ranks.map((rank) => store.add(`beats/${rank}`, 0));
  const before = beats();
  await sleep(BEAT_SECONDS * 1000);
  const after = beats();
  return ranks.filter((rank) => before[rank] === after[rank]);
}

/** Says that this process ends, and waits a while for all to say it: the leading one, which keeps the store, must not go before. */
async function account(store: Store, rank: number, size: number): Promise<void> {
  store.set(`left/${rank}`, '1');
  const deadline = Date.now() + ACCOUNT_SECONDS * 1000;
  for (;;) {
    const left = Array.from({ length: size }, (_, each) => each).filter((each) => store.get(`left/${each}`) !== null);
    if (left.length === size || Date.now() > deadline) {
      // Those that are left still read why.
      if (rank === 0) await sleep(1000);
      return;
    }
    await sleep(POLL_MS);
  }
}
