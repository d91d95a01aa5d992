import type { Command } from 'commander';
import { buildAddon, installEngine } from '../engine/install.js';
import { locateLibtorch } from '../engine/locate.js';
import { notes, type Verbosity } from './output.js';

export function addEngine(engine: Command): void {
  engine
    .command('install')
    .description('install libtorch into a private folder unless one is found, and build the addon')
    .option('--quiet', 'print nothing but errors')
    .addHelpText(
      'after',
      `
libtorch is taken from LIBTORCH, else from the private folder (UAFER_HOME, by default ~/.cache/uafer), else from the PyTorch of the
active Python environment. Without any, PyTorch's CPU wheel is installed into the private folder with pip; PYTHON names the Python.`,
    )
    .action(async (options: Verbosity) => {
      const { libtorch, addon } = await installEngine({ onProgress: notes(options) });
      notes(options)(`The engine is ready: libtorch ${libtorch.version} in ${libtorch.root}, addon ${addon}.`);
    });
  engine
    .command('build')
    .description('build the addon again for the libtorch that is found')
    .option('--quiet', 'print nothing but errors')
    .action(async (options: Verbosity) => {
      await buildAddon(locateLibtorch(), { onProgress: notes(options) });
    });
}
