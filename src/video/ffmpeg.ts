/** ffmpeg and ffprobe, which are used where they are on the PATH. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { UaferError } from '../errors.js';

type Program = 'ffmpeg' | 'ffprobe';

const INSTALL =
  'Install ffmpeg, which brings both: `apt install ffmpeg` on Debian and Ubuntu, `brew install ffmpeg` on macOS, `winget install ffmpeg` on Windows. ' +
  'Photos need neither.';

/**
 * Starts one of the programs. It has a process group of its own where systems have them: Ctrl-C is the command's to act on, which ends what it
 * started in order.
 */
export function start(program: Program, args: readonly string[], stdio: SpawnOptions['stdio']): ChildProcess {
  return spawn(program, args, { stdio, detached: process.platform !== 'win32', windowsHide: true });
}

/** What to say where a program cannot be started. */
function startFailure(program: Program, error: NodeJS.ErrnoException): UaferError {
  const why = error.code === 'ENOENT' ? 'is not on the PATH' : `cannot be started: ${error.message}`;
  return new UaferError('RUNTIME_NOT_FOUND', `Video is read and written with ffmpeg, and \`${program}\` ${why}. ${INSTALL}`, {
    cause: error,
  });
}

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** How a program ended. Throws `RUNTIME_NOT_FOUND` where it could not be started. */
export function ended(program: Program, child: ChildProcess): Promise<Ended> {
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(startFailure(program, error)));
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
}

/** Runs a program that says little, to its end. */
export async function run(program: Program, args: readonly string[]): Promise<Ended & { stdout: string; stderr: string }> {
  const child = start(program, args, ['ignore', 'pipe', 'pipe']);
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      said[name] += text;
    });
  }
  return { ...(await ended(program, child)), ...said };
}

/** Version of libavfilter in ffmpeg 5.1, from which on frames are passed through by `-fps_mode`. */
const FPS_MODE_SINCE = [8, 44] as const;

/** Options under which every frame is written once, at whatever time it stands. The version of the libraries is known of nightly builds too. */
export async function passFramesThrough(): Promise<string[]> {
  const { stdout } = await run('ffmpeg', ['-version']);
  const [, major = '0', minor = '0'] = /libavfilter\s+(\d+)\.\s*(\d+)/.exec(stdout) ?? [];
  const since = Number(major) - FPS_MODE_SINCE[0] || Number(minor) - FPS_MODE_SINCE[1];
  return since >= 0 ? ['-fps_mode', 'passthrough'] : ['-vsync', '0'];
}

/** The version of the ffmpeg that is found. Throws `RUNTIME_NOT_FOUND` where it or ffprobe is not. */
export async function ffmpegVersion(): Promise<string> {
  await run('ffprobe', ['-version']);
  const { stdout } = await run('ffmpeg', ['-version']);
  return /^ffmpeg version (\S+)/.exec(stdout)?.[1] ?? 'of an unknown version';
}

const LEVEL = /^(?:\[[^\]]* @ 0x[0-9a-f]+\] )*\[(error|fatal|panic)\] /;

/** What is wrong, of a line of ffmpeg's log with levels; null for all other lines. */
export function complaint(line: string): string | null {
  return LEVEL.test(line) ? line.replace(LEVEL, '').trim() : null;
}

/** How ffmpeg names a local file: whatever its name, nothing else than a file is opened. */
export const localFile = (path: string): string => `file:${path}`;

/** Playlists and the like may name addresses: none is opened. */
export const ONLY_FILES = ['-protocol_whitelist', 'file,crypto,data'];
