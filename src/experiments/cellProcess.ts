/**
 * A cell in a process of its own, started by `runCells.ts`: what one cell leaves in libtorch (threads, random generators, memory) reaches no other
 * one, and one that the system ends takes no other with it.
 */
import { UaferError } from '../errors.js';
import { systemFailure } from '../systemErrors.js';
import type { Cell } from './cell.js';
import { runCell } from './runCell.js';
import type { CellMessage, CellRequest } from './runCells.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const controller = new AbortController();
// Ctrl-C reaches every process of a terminal. The second one ends this process by the system, as it does the one that started it.
const stop = () => {
  for (const signal of SIGNALS) process.off(signal, stop);
  controller.abort();
};
for (const signal of SIGNALS) process.on(signal, stop);
// Whoever started it is gone, killed perhaps: what is written stays whole, and the same command goes on.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));

process.on('message', (request: CellRequest) => {
  if (request.kind === 'stop') stop();
  else void run(request.cell);
});

async function run(cell: Cell): Promise<void> {
  try {
    const ending = await runCell(cell, { onEvent: send, stopSignal: controller.signal });
    send({ kind: ending });
  } catch (error) {
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    const known = error instanceof UaferError ? error : systemFailure(error);
    send({ kind: 'failed', message: known?.message ?? stack ?? message });
  }
}

function send(message: CellMessage): void {
  process.send?.(message);
}
