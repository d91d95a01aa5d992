import { counted } from '../counted.js';
import { createProgress, type Progress } from '../progress.js';
import { headline } from '../report/metricsText.js';
import type { DataEvent, EpochEvent, StepEvent, TrainingEvent } from '../run/messages.js';
import { notes, type Verbosity } from './output.js';

/** Shows a run's events on stderr: a bar an epoch and a line for each that is done. */
export function trainingProgress(verbosity: Verbosity): { show(event: TrainingEvent): void; close(): void } {
  const note = notes(verbosity);
  let shown: { label: string; progress: Progress } | null = null;
  const close = () => {
    shown?.progress.stop();
    shown = null;
  };
  const bar = (label: string, total: number, unit: string, start: number): Progress => {
    if (shown?.label === label) return shown.progress;
    close();
    // The line of the epoch tells what came of it.
    const options = { label, total, unit, start, quiet: verbosity.quiet ?? false, endLine: false };
    shown = { label, progress: createProgress(options) };
    return shown.progress;
  };
  const say = (line: string) => {
    close();
    note(line);
  };
  const show = (event: TrainingEvent) => {
    switch (event.kind) {
      case 'data':
        return dataLines(event).forEach(say);
      case 'checking':
        return bar('checking pictures', event.total, 'pictures', 0).update(event.done);
      case 'start':
        return say(`Training ${counted(event.epochs, 'epoch')} of ${counted(event.steps, 'step')} in ${event.runFolder}`);
      case 'step':
        return bar(epochName(event), event.steps, 'steps', event.step).update(event.step, stepFields(event));
      case 'evaluating':
        return bar('evaluating', event.total, 'batches', event.done).update(event.done);
      case 'epoch':
        return say(epochLine(event));
      case 'log':
        return say(event.text);
      case 'checkpoint':
        return;
    }
  };
  return { show, close };
}

/** More classes than these would fill the screen. */
const CLASSES_SHOWN = 12;

/** Pictures, classes and split. */
function dataLines({ dataset, root, train, test, classes, notes }: DataEvent): string[] {
  const counts = classes.slice(0, CLASSES_SHOWN).map((each) => `${each.name} ${each.train}+${each.test}`);
  const more = classes.length > CLASSES_SHOWN ? [`and ${classes.length - CLASSES_SHOWN} more`] : [];
  return [
    `${dataset} in ${root}: ${counted(train, 'training picture')} and ${counted(test, 'test picture')} of ${classes.length} classes ` +
      `(training+test: ${[...counts, ...more].join(', ')})`,
    ...notes,
  ];
}

function epochName({ epoch, epochs }: { epoch: number; epochs: number }): string {
  return `epoch ${epoch + 1}/${epochs}`;
}

/** The most important first: a narrow terminal has no room for the last ones. */
function stepFields({ loss, imagesPerSecond, secondsLeft }: StepEvent): Record<string, string> {
  return { loss: loss.toFixed(4), 'whole run': `${hours(secondsLeft)} left`, 'images/s': imagesPerSecond.toPrecision(3) };
}

function epochLine(event: EpochEvent): string {
  const { metrics, loss, parts, testLoss, seconds, imagesPerSecond, best } = event;
  const isBest = best?.epoch === event.epoch ? ' (best so far)' : '';
  const named = Object.entries(parts).map(([name, value]) => `${name} ${value.toFixed(4)}`);
  return [
    `${epochName(event)}: training loss ${loss.toFixed(4)}${named.length > 1 ? ` (${named.join(', ')})` : ''}`,
    ...(testLoss === null ? [] : [`${testLossName(parts)} ${testLoss.toFixed(4)}`]),
    `${headline(metrics)}${isBest}`,
    `${imagesPerSecond.toPrecision(3)} images/s, ${seconds.wait.toFixed(0)} s waiting for pictures, ${seconds.evaluate.toFixed(0)} s evaluating`,
  ].join('; ');
}

/** The test loss has no distillation in it, as in the original: it is no smaller for being better than the training loss. */
function testLossName(parts: Readonly<Record<string, number>>): string {
  return 'loss_kd' in parts ? 'test loss (without loss_kd)' : 'test loss';
}

/** `0:04:10`: hours, minutes, seconds. */
function hours(seconds: number): string {
  const whole = Math.round(seconds);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
}
