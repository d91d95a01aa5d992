#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { UaferError } from '../errors.js';
import { packageFacts } from '../paths.js';
import { shownText } from '../shown.js';
import { systemFailure } from '../systemErrors.js';
import { normaliseArguments } from './arguments.js';
import { watchReader } from './reader.js';

const USAGE_EXIT_CODE = 2;

interface CommandEntry {
  description: string;
  load(): Promise<(command: Command) => void>;
}

/** The commands, in the order of the help. Each is loaded when it is needed: all together would take longer than most of them do. */
const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  train: {
    description: 'train UA-FER: fine-tune CLIP on a data set of faces',
    load: async () => (await import('./train.js')).addTrain,
  },
  cache: {
    description: 'keep decoded pictures and what the frozen CLIP says of them before a training',
    load: async () => (await import('./cache.js')).addCache,
  },
  eval: {
    description: 'evaluate a model on the test pictures of a data set',
    load: async () => (await import('./eval.js')).addEval,
  },
  ablate: {
    description: 'train a table of recipes and seeds, and say how they differ',
    load: async () => (await import('./ablate.js')).addAblate,
  },
  crossval: {
    description: 'train and test in folds by people, so that nobody is in both',
    load: async () => (await import('./crossval.js')).addCrossval,
  },
  calibrate: {
    description: 'fit what probabilities, uncertainty and decisions mean, on validation pictures',
    load: async () => (await import('./calibrate.js')).addCalibrate,
  },
  report: {
    description: 'show how good and how trustworthy models are, on a page: of runs and evaluations, side by side',
    load: async () => (await import('./report.js')).addReport,
  },
  export: {
    description: 'make of a checkpoint a model that predicts anywhere: ONNX, without libtorch',
    load: async () => (await import('./export.js')).addExport,
  },
  predict: {
    description: 'say which expressions faces show, with probability and uncertainty; needs no training engine',
    load: async () => (await import('./predict.js')).addPredict,
  },
  serve: {
    description: 'answer over HTTP which expressions faces show: pictures in, JSON out',
    load: async () => (await import('./serve.js')).addServe,
  },
  align: {
    description: 'find faces in photos and align them for training or prediction',
    load: async () => (await import('./align.js')).addAlign,
  },
  prepare: {
    description: 'make a data set that trains from what its owners give out: lists, aligned faces, a table of what there is',
    load: async () => (await import('./prepare.js')).addPrepare,
  },
  download: {
    description: 'fetch weights and models by name, checked and resumable',
    load: async () => (await import('./download.js')).addDownload,
  },
  engine: {
    description: 'install and build the training engine (libtorch and its addon)',
    load: async () => (await import('./engine.js')).addEngine,
  },
  doctor: {
    description: 'say what was found of the training engine, and what to do if it cannot work',
    load: async () => (await import('./doctor.js')).addDoctor,
  },
};

async function program(args: readonly string[]): Promise<Command> {
  const { version, description } = packageFacts();
  const uafer = new Command('uafer')
    .description(description)
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .option('--debug', 'print the stack of an error')
    .configureHelp({ sortSubcommands: false, showGlobalOptions: false })
    .configureOutput({ writeErr: say, outputError: (text, write) => write(text.replace(/^error: /, 'uafer: ')) })
    .showSuggestionAfterError()
    .exitOverride();
  const wanted = args.find((arg) => arg in COMMANDS);
  for (const [name, { description: about, load }] of Object.entries(COMMANDS)) {
    const command = uafer.command(name).description(about);
    if (name === wanted) (await load())(command);
  }
  return uafer;
}

/** Runs the command line and returns the exit code: 0, 2 for wrong usage, 130 after Ctrl-C, 1 for every other failure. */
async function main(args: readonly string[]): Promise<number> {
  try {
    const ours = normaliseArguments(args);
    await (await program(ours)).parseAsync(ours, { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    return report(error, args.includes('--debug'));
  }
}

/** On stderr, whatever names stand in it. */
function say(text: string): void {
  process.stderr.write(shownText(text));
}

function report(error: unknown, debug: boolean): number {
  // commander has printed its message (or the help that was asked for) already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE_EXIT_CODE;
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const known = error instanceof UaferError ? error : systemFailure(error);
  const hint = known || debug ? '' : ' (this is a fault of uafer; --debug prints where it happened)';
  say(`uafer: ${known?.message ?? message}${hint}\n`);
  if (debug) say(`${stack}\n`);
  return known?.exitCode ?? 1;
}

watchReader((error) =>
  process.exit(report(systemFailure(error, 'The result could not be written to the standard output') ?? error, false)),
);
process.exitCode = await main(process.argv.slice(2));
