import type { Command } from 'commander';
import { clipFile, downloadedClip } from '../download.js';
import { diagnoseEngine, type EngineReport } from '../engine/diagnose.js';
import { printJson } from './output.js';

interface Report {
  node: string;
  platform: string;
  engine: EngineReport;
  /** The downloaded CLIP ViT-B/16, or null. */
  clip: string | null;
}

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('say what was found of the training engine, and what to do if it cannot work')
    .option('--json', 'print one line of JSON')
    .action(({ json }: { json?: boolean }) => {
      const report: Report = {
        node: process.version,
        platform: `${process.platform}-${process.arch}`,
        engine: diagnoseEngine(),
        clip: downloadedClip(),
      };
      if (json) printJson(report);
      else process.stdout.write(`${describe(report).join('\n')}\n`);
      if (report.engine.problem) process.exitCode = 1;
    });
}

const SOURCES = { LIBTORCH: 'LIBTORCH', installed: '`uafer engine install`', python: 'the active Python environment' };

function describe({ node, platform, engine, clip }: Report): string[] {
  const { libtorch, addon, loaded } = engine;
  const missing = `not downloaded (\`uafer download clip\` puts it at ${clipFile().path})`;
  return [
    row('Node', `${node} on ${platform}`),
    row(
      'libtorch',
      libtorch
        ? `${libtorch.version} in ${libtorch.root} (from ${SOURCES[libtorch.source]})`
        : `not found, needed: ${engine.needed}`,
    ),
    ...engine.passedOver.map((note) => row('', note)),
    ...(addon ? [row('addon', addon.built ? addon.path : `not built (${addon.path})`)] : []),
    ...(loaded ? describeLoaded(loaded) : []),
    row('CLIP', clip ?? missing),
    '',
    engine.problem ? `The engine cannot work: ${engine.problem}` : 'The engine works.',
  ];
}

function describeLoaded({ versions, devices, threads, cpuCapability }: NonNullable<EngineReport['loaded']>): string[] {
  return [
    row('versions', `addon built against ${versions.built}, ${versions.loaded} loaded`),
    row('devices', devices.join(', ')),
    row('threads', `${threads} an operator`),
    row('CPU', cpuCapability),
  ];
}

function row(name: string, text: string): string {
  return `${name.padEnd(10)}${text}`;
}
