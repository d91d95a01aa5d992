/** Processes that predict, and their replacement when one ends. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { UaferError } from '../errors.js';
import type { PredictorOptions } from '../runtime/predictorParts.js';
import type { ErrorParts, FromPredictor, PictureAnswer, PictureJob, PredictorFacts, ToPredictor } from './predictProcess.js';

export interface Predictors extends PredictorFacts {
  /** Predicts pictures together, in the process that has least to do. Rejects when it ends before it has answered. */
  run(jobs: PictureJob[]): Promise<PictureAnswer[]>;
  /** Whether any process can be given work. */
  readonly alive: boolean;
  /** Ends the processes after the work in hand. */
  close(): Promise<void>;
}

export interface PredictorsOptions {
  predictor: PredictorOptions;
  count: number;
  /** Told of a process that has ended by itself: another one takes its place. */
  onEnd(reason: string): void;
}

interface Process {
  child: ChildProcess;
  ready: boolean;
  waiting: Map<number, { resolve(message: FromPredictor): void; reject(error: Error): void }>;
  ended: Promise<void>;
}

const MODULE = fileURLToPath(new URL('predictProcess.js', import.meta.url));
/** Before another process takes the place of one that ended: what ends at once each time does not keep the machine busy. */
const AGAIN_MS = 500;

/** Starts them and resolves once all have loaded the model. */
export async function startPredictors({ predictor, count, onEnd }: PredictorsOptions): Promise<Predictors> {
  const processes: Process[] = [];
  let closing = false;
  let last = 0;

  const begin = async (): Promise<PredictorFacts> => {
    const process = startProcess((reason) => {
      processes.splice(processes.indexOf(process), 1);
      if (closing || !process.ready) return;
      onEnd(reason);
      setTimeout(again, AGAIN_MS).unref();
    });
    processes.push(process);
    const message = await ask(process, { id: ++last, load: predictor });
    process.ready = true;
    return (message as { facts: PredictorFacts }).facts;
  };
  const again = (): void => {
    if (closing) return;
    begin().catch((error: Error) => {
      onEnd(error.message);
      setTimeout(again, AGAIN_MS).unref();
    });
  };
  const close = async () => {
    closing = true;
    await Promise.all(
      processes.map(async (process) => {
        if (process.child.connected) process.child.disconnect();
        await process.ended;
      }),
    );
  };
  const facts = await Promise.all(Array.from({ length: count }, begin)).catch(async (error) => {
    await close();
    throw error;
  });
  return {
    ...(facts[0] as PredictorFacts),
    async run(jobs) {
      const free = processes.filter(({ ready }) => ready).sort((a, b) => a.waiting.size - b.waiting.size)[0];
      if (free === undefined) throw new Error('no process predicts at present');
      return ((await ask(free, { id: ++last, jobs })) as { answers: PictureAnswer[] }).answers;
    },
    get alive() {
      return processes.some(({ ready }) => ready);
    },
    close,
  };
}

function startProcess(onEnd: (reason: string) => void): Process {
  // What decodes files of strangers is not told the tokens.
  const { UAFER_TOKENS: _, ...env } = process.env;
  const child = fork(MODULE, [], {
    serialization: 'advanced',
    execArgv: [],
    env,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const waiting: Process['waiting'] = new Map();
  child.on('message', (message: FromPredictor) => {
    waiting.get(message.id)?.resolve(message);
    waiting.delete(message.id);
  });
  const ended = new Promise<void>((resolve) => {
    const end = (reason: string) => {
      for (const { reject } of waiting.values()) reject(new Error(reason));
      waiting.clear();
      onEnd(reason);
      resolve();
    };
    child.on('error', ({ message }) => end(`the process that predicts failed: ${message}`));
    child.once('exit', (code, signal) => end(`the process that predicts ended (${signal ?? `exit code ${code}`})`));
  });
  return { child, ready: false, waiting, ended };
}

function ask({ child, waiting }: Process, message: ToPredictor): Promise<FromPredictor> {
  return new Promise((resolve, reject) => {
    waiting.set(message.id, {
      resolve: (answer) => ('failure' in answer ? reject(errorOf(answer.failure)) : resolve(answer)),
      reject,
    });
    child.send(message, (error) => {
      if (error === null || !waiting.delete(message.id)) return;
      reject(error);
    });
  });
}

export function errorOf({ code, message }: ErrorParts): Error {
  return code === null ? new Error(message) : new UaferError(code, message);
}
