import type { Command } from 'commander';
import { diagnoseEngine, type EngineReport } from '../engine/diagnose.js';
import { UaferError } from '../errors.js';
import { clipFile, downloadedClip } from '../manifest.js';
import { loadOnnxRuntime } from '../runtime/onnxRuntime.js';
import { ffmpegVersion } from '../video/ffmpeg.js';
import { printJson, printText } from './output.js';

interface Report {
  node: string;
  platform: string;
  /** What predictions run on. */
  prediction: { backend: string; runtime: string } | { problem: string };
  /** What videos and cameras are read with. */
  video: { ffmpeg: string } | { problem: string };
  engine: EngineReport;
  /** The downloaded CLIP ViT-B/16, or null. */
  clip: string | null;
}

export function addDoctor(command: Command): void {
  command.option('--json', 'print one line of JSON').action(async ({ json }: { json?: boolean }) => {
    const report: Report = {
      node: process.version,
      platform: `${process.platform}-${process.arch}`,
      prediction: await diagnosed(async () => {
        const { backend, name } = await loadOnnxRuntime();
        return { backend, runtime: name };
      }),
      video: await diagnosed(async () => ({ ffmpeg: await ffmpegVersion() })),
      engine: diagnoseEngine(),
      clip: downloadedClip(),
    };
    if (json) printJson(report);
    else printText(describe(report).join('\n'));
    if (report.engine.problem) process.exitCode = 1;
  });
}

/** What is found, or why it cannot be used. */
async function diagnosed<Found>(find: () => Promise<Found>): Promise<Found | { problem: string }> {
  try {
    return await find();
  } catch (error) {
    if (error instanceof UaferError) return { problem: error.message };
    throw error;
  }
}

const SOURCES = { LIBTORCH: 'LIBTORCH', installed: '`uafer engine install`', python: 'the active Python environment' };

function describe({ node, platform, prediction, video, engine, clip }: Report): string[] {
  const { libtorch, addon, loaded } = engine;
  const missing = `not downloaded (\`uafer download clip\` puts it at ${clipFile().path})`;
  return [
    row('Node', `${node} on ${platform}`),
    '',
    'Prediction and alignment',
    ...describePrediction(prediction),
    row('video', 'problem' in video ? video.problem : `ffmpeg ${video.ffmpeg}`),
    '',
    'Training, evaluation and export of checkpoints',
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
    engine.problem ? `The training engine cannot work: ${engine.problem}` : 'The training engine works.',
  ];
}

function describePrediction(prediction: Report['prediction']): string[] {
  if ('problem' in prediction) return [row('problem', prediction.problem)];
  const kind = { native: 'native', wasm: 'WebAssembly' }[prediction.backend] ?? prediction.backend;
  return [row('runtime', `${prediction.runtime} (${kind}); works without libtorch`)];
}

function describeLoaded(loaded: NonNullable<EngineReport['loaded']>): string[] {
  const { versions, devices, threads, cpuCapability, productsByOneDnn } = loaded;
  return [
    row('versions', `addon built against ${versions.built}, ${versions.loaded} loaded`),
    row('devices', devices.join(', ')),
    row('threads', `${threads} an operator`),
    row('CPU', `${cpuCapability}, products in fp32 by ${productsByOneDnn ? 'oneDNN' : 'libtorch'}`),
  ];
}

function row(name: string, text: string): string {
  return `${name.padEnd(10)}${text}`;
}
