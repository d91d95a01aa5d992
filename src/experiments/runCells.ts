/** A list of trainings, one after the other, that goes on where it was stopped. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { counted } from '../counted.js';
import { UaferError } from '../errors.js';
import type { TrainingEvent } from '../run/messages.js';
import { changedSettings } from '../run/resume.js';
import { holdsRun, readRunConfig } from '../run/runFolder.js';
import { type Cell, type CellResult, readResult } from './cell.js';

/** What a cell's process is told. */
export type CellRequest = { kind: 'run'; cell: Cell } | { kind: 'stop' };

/** What it sends. */
export type CellMessage = TrainingEvent | { kind: 'finished' } | { kind: 'stopped' } | { kind: 'failed'; message: string };

/** What came of a cell. `open` is one that was not begun, or was stopped. */
export type CellOutcome = { state: 'finished'; result: CellResult } | { state: 'failed'; error: string } | { state: 'open' };

export interface RunCellsOptions {
  onEvent(event: TrainingEvent): void;
  /** Told before each cell that is run, with its place from 0. */
  onCell(cell: Cell, place: number): void;
  /** Told of a cell that failed; the others go on. */
  onFailure(cell: Cell, message: string): void;
  /** Aborted: the cell under way is stopped, and the others stay as they are. */
  stopSignal: AbortSignal;
}

/**
 * Runs every cell that isn't finished, each in a process of its own. A cell that fails doesn't hold up the others; it is tried again by the next
 * call. Cells share nothing but their files.
 *
 * @returns the outcome of each cell, in their order
 * @throws UaferError `USAGE` before anything is run when a cell was begun with other settings
 */
export async function runCells(cells: readonly Cell[], options: RunCellsOptions): Promise<CellOutcome[]> {
  refuseChanged(cells);
  const outcomes: CellOutcome[] = [];
  for (const [place, cell] of cells.entries()) outcomes.push(await outcomeOf(cell, place, options));
  return outcomes;
}

/** How many of the cells are finished. */
export function countFinished(cells: readonly Cell[]): number {
  return cells.filter(({ config }) => readResult(config.out) !== null).length;
}

async function outcomeOf(cell: Cell, place: number, options: RunCellsOptions): Promise<CellOutcome> {
  const run = cell.config.out;
  const done = readResult(run);
  if (done) return { state: 'finished', result: done };
  if (options.stopSignal.aborted) return { state: 'open' };
  options.onCell(cell, place);
  const ending = await inProcess(cell, options);
  const result = ending.kind === 'finished' ? readResult(run) : null;
  if (result) return { state: 'finished', result };
  if (ending.kind !== 'failed') return { state: 'open' };
  options.onFailure(cell, ending.message);
  return { state: 'failed', error: ending.message };
}

function refuseChanged(cells: readonly Cell[]): void {
  const lines = cells.flatMap((cell) => changes(cell).map((change) => `  ${cell.name}: ${change}`));
  if (lines.length === 0) return;
  throw new UaferError(
    'USAGE',
    `${counted(lines.length, 'setting')} of runs that were begun or finished changed:\n${lines.join('\n')}\n` +
      'Undo the changes, delete the folders of these runs to train them again, or choose another folder with --out.',
  );
}

function changes({ config, calibrate, weights }: Cell): string[] {
  if (!holdsRun(config.out)) return [];
  const changed = changedSettings(readRunConfig(config.out), config);
  const result = readResult(config.out);
  if (result && result.calibrated !== calibrate)
    changed.push(`calibrate: the run has ${result.calibrated}, asked for ${calibrate}`);
  if (result && result.weights !== weights) changed.push(`weights: the run has ${result.weights}, asked for ${weights}`);
  return changed;
}

type CellEnding = Extract<CellMessage, { kind: 'finished' | 'stopped' | 'failed' }>;

function inProcess(cell: Cell, { onEvent, stopSignal }: RunCellsOptions): Promise<CellEnding> {
  const child = fork(fileURLToPath(new URL('./cellProcess.js', import.meta.url)), {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const say = (request: CellRequest) => child.connected && child.send(request);
  const stop = () => say({ kind: 'stop' });
  stopSignal.addEventListener('abort', stop);
  say({ kind: 'run', cell });
  return ended(child, onEvent).finally(() => {
    stopSignal.removeEventListener('abort', stop);
  });
}

/** What is shown of what a process that died has said. */
const SHOWN = 500;

/** Resolves when the process is gone: what it held of the run is free then. */
function ended(child: ChildProcess, onEvent: (event: TrainingEvent) => void): Promise<CellEnding> {
  let ending: CellEnding | null = null;
  let said = '';
  child.stderr?.on('data', (chunk) => {
    said = `${said}${chunk}`.slice(-SHOWN);
  });
  child.on('message', (message: CellMessage) => {
    if (message.kind !== 'finished' && message.kind !== 'stopped' && message.kind !== 'failed') return onEvent(message);
    ending = message;
    // It ends when nothing holds it any more; threads of libtorch might.
    child.kill('SIGKILL');
  });
  return new Promise((resolve) => {
    const gone = (why: string) => resolve(ending ?? { kind: 'failed', message: [why, said.trim()].filter(Boolean).join('\n') });
    child.on('error', (error) => gone(`The process of this run could not be started: ${error.message}`));
    child.on('close', (code, signal) =>
      gone(
        signal === null
          ? `The process of this run ended without a result (exit code ${code}).`
          : `The process of this run was ended by ${signal}${signal === 'SIGKILL' ? ': memory may have run out' : ''}.`,
      ),
    );
  });
}
