#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { UaferError } from '../errors.js';
import { packagePath } from '../paths.js';
import { addAlign } from './align.js';
import { normaliseArguments } from './arguments.js';
import { addDoctor } from './doctor.js';
import { addDownload } from './download.js';
import { addEngine } from './engine.js';
import { addEval } from './eval.js';
import { addExport } from './export.js';
import { addPredict } from './predict.js';
import { addPrepare } from './prepare.js';
import { addTrain } from './train.js';

const USAGE_EXIT_CODE = 2;

function program(): Command {
  const { version, description } = JSON.parse(readFileSync(packagePath('package.json'), 'utf8'));
  const uafer = new Command('uafer')
    .description(description)
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .option('--debug', 'print the stack of an error')
    .configureHelp({ sortSubcommands: false, showGlobalOptions: false })
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'uafer: ')) })
    .showSuggestionAfterError()
    .exitOverride();
  for (const add of [addTrain, addEval, addExport, addPredict, addAlign, addPrepare, addDownload, addEngine, addDoctor])
    add(uafer);
  return uafer;
}

/** Runs the command line and returns the exit code: 0, 2 for wrong usage, 130 after Ctrl-C, 1 for every other failure. */
async function main(args: readonly string[]): Promise<number> {
  try {
    await program().parseAsync(normaliseArguments(args), { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    return report(error, args.includes('--debug'));
  }
}

function report(error: unknown, debug: boolean): number {
  // commander has printed its message (or the help that was asked for) already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE_EXIT_CODE;
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const known = error instanceof UaferError;
  const hint = known || debug ? '' : ' (this is a fault of uafer; --debug prints where it happened)';
  process.stderr.write(`uafer: ${message}${hint}\n`);
  if (debug) process.stderr.write(`${stack}\n`);
  return known ? error.exitCode : 1;
}

// A reader that has seen enough, as in `uafer train --help | head`, is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});
process.exitCode = await main(process.argv.slice(2));
