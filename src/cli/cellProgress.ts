import { counted } from '../counted.js';
import type { Cell } from '../experiments/cell.js';
import { countFinished, type RunCellsOptions } from '../experiments/runCells.js';
import type { TrainingEvent } from '../run/messages.js';
import { abortOnInterrupt, endOnInterrupt } from './interrupt.js';
import { notes, type Verbosity } from './output.js';
import { trainingProgress } from './trainingProgress.js';

/** Shows how a list of trainings goes, and stops it on Ctrl-C. */
export function cellProgress(cells: readonly Cell[], verbosity: Verbosity): RunCellsOptions & { close(): void } {
  const note = notes(verbosity);
  const { show, close } = trainingProgress(verbosity);
  const finished = countFinished(cells);
  const known = finished > 0 ? `, of which ${finished} ${finished === 1 ? 'is' : 'are'} finished` : '';
  note(`${counted(cells.length, 'training')}${known}.`);
  const say = (line: string) => {
    close();
    note(line);
  };
  // Most of them are on the same pictures: what these are is told when it changes.
  let told = '';
  const onEvent = (event: TrainingEvent) => {
    const data = event.kind === 'data' ? JSON.stringify(event) : told;
    if (event.kind !== 'data' || data !== told) show(event);
    told = data;
  };
  const stopSignal = abortOnInterrupt(() => say('Stopping after this step, with a checkpoint. Ctrl-C again stops at once.'));
  return {
    stopSignal,
    onEvent,
    onCell: ({ name }, place) => say(`--- ${place + 1} of ${cells.length}: ${name}`),
    onFailure: ({ name }, message) => say(`${name} failed: ${message}`),
    // What comes then holds up this thread, and is made again by the same command.
    close: () => {
      close();
      endOnInterrupt();
    },
  };
}
