import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ClipArchitecture } from '#uafer/clip/architecture.js';
import { initializeClip } from '#uafer/clip/initialize.js';
import { FERPLUS_CLASSES } from '#uafer/data/ferplus.js';
import { scope, type Tensor } from '#uafer/engine/index.js';
import { engineHome, locateLibtorch } from '#uafer/engine/locate.js';
import { writeSafetensors } from '#uafer/engine/safetensors.js';
import { main, type Outcome, uafer } from './cli/run.js';
import { type ExampleFace, fewFaces, writeAffectnet, writeRafdb } from './support/exampleFaces.js';
import { PATH_WITH_FFMPEG, runFfmpeg } from './support/ffmpeg.js';
import {
  writeRawAffectnet,
  writeRawCkplus,
  writeRawFer2013,
  writeRawFerplus,
  writeRawFolder,
  writeRawJaffe,
  writeRawOulu,
  writeRawRafdb,
} from './support/rawSets.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
const PACKAGE = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

const fenced = (language: string) =>
  [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map((match) => match[1] as string);
const shellCommands = fenced('sh')
  .flatMap((block) => block.trim().split('\n'))
  .flatMap((line) => line.split('&&').map((command) => command.trim()));
/** Does not end by itself. */
const SERVE = 'npx uafer serve';
/** What stands in backticks outside the fenced blocks. */
const inlineCode = [...readme.replace(/^```[\s\S]*?^```$/gm, '').matchAll(/`([^`\n]+)`/g)].map((match) => match[1] as string);
/** Options for a training run, from the table. */
const optionRows = inlineCode.filter((code) => /^--\S+ /.test(code) && readme.includes(`| \`${code}\``));
const inlineEvaluations = inlineCode.filter((code) => code.startsWith('uafer eval '));

/** As many blocks as ViT-B/16, because the recipes freeze some by number, and as many patches as the local scores ask for; all else small. */
const SMALL_CLIP: ClipArchitecture = {
  vision: { width: 64, layers: 12, heads: 1, patchSize: 8, imageSize: 32 },
  text: { width: 64, layers: 1, heads: 1, contextLength: 16, vocabularySize: 1000 },
  embedDim: 16,
};

/** A folder with everything that the README's commands name, in small: a working copy whose pictures and weights are few. */
let folder: string;
let environment: Record<string, string>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'uafer-readme-'));
  const faces = fewFaces(1);
  writeRafdb(join(folder, 'data/RAF-DB'), faces);
  writeAffectnet(join(folder, 'data/AffectNet'), faces);
  writeRafdb(join(folder, 'examples/faces'), faces);
  writeFolders(join(folder, 'FOLDER'), faces);
  writeFerplus(join(folder, 'FOLDER'), faces);
  const firstTestFace = faces.find(({ train }) => !train) as ExampleFace;
  writeFileSync(join(folder, 'FILE'), `${firstTestFace.name}\n`);
  await writeDownloads();
  writeWeights();
  copyFileSync(join(ROOT, 'examples/losses.yaml'), join(folder, 'examples/losses.yaml'));
  const still = ['-loop', '1', '-framerate', '10', '-i', join(ROOT, 'examples/photos/three.jpg'), '-frames:v', '8'];
  runFfmpeg([...still, '-vf', 'scale=640:-2', '-pix_fmt', 'yuv420p', join(folder, 'clip.mp4')]);
  mkdirSync(join(folder, 'scripts'));
  copyFileSync(join(ROOT, 'scripts/quickstart.js'), join(folder, 'scripts/quickstart.js'));
  symlinkSync(join(ROOT, 'dist'), join(folder, 'dist'));
  environment = withoutDownloads();
});
afterAll(() => rmSync(folder, { recursive: true }));

/** One command after the other: later ones use what earlier ones made. */
describe('the commands of the README', () => {
  test('there are some of every kind', () => {
    for (const all of [uaferLines(), npmLines(), optionRows, inlineEvaluations]) expect(all.length).toBeGreaterThan(1);
  });

  test('the service starts and answers as printed', async () => {
    const [serve, ask] = fenced('sh')
      .map((block) => block.trim().split('\n'))
      .find(([first]) => first === SERVE) as [string, string];
    const child = spawn(process.execPath, [main, ...serve.split(' ').slice(2), '--port', '0'], { cwd: ROOT });
    try {
      const url = await new Promise<string>((resolve, reject) => {
        let said = '';
        child.on('close', () => reject(new Error(said)));
        child.stderr.on('data', (chunk) => {
          said += chunk;
          const found = /listens on (http:\S+)\. /.exec(said)?.[1];
          if (found) resolve(found);
        });
      });
      const { code, stdout, stderr } = await run('sh', ['-c', ask.replace('http://127.0.0.1:8080', url)], { cwd: ROOT });
      expect({ code, stderr }).toEqual({ code: 0, stderr });
      expect(JSON.parse(stdout).pictures).toMatchObject([{ file: 'three.jpg', faces: [{ decision: expect.any(String) }] }]);
    } finally {
      child.kill('SIGKILL');
    }
  });

  // Some of them train several times.
  test.each(uaferLines())('%s', { timeout: 300_000 }, async (command) => {
    expectSuccess(await inFolder(command));
  });

  test.each(npmLines())('%s is a script', (command) => {
    const [, verb, ...rest] = command.split(' ') as [string, string, ...string[]];
    if (verb === 'ci') return;
    const [script = verb, argument] = verb === 'run' ? rest : [];
    expect(Object.keys(PACKAGE.scripts)).toContain(script);
    if (script === 'bench') expect(existsSync(join(ROOT, 'bench', `${argument}.js`)), `bench/${argument}.js`).toBe(true);
  });

  test('the quickstart trains and evaluates, and hands its options on', async () => {
    const script = [join(folder, 'scripts/quickstart.js'), '--clip-path', 'ViT-B-16.pt', '--epochs', '2'];
    const { code, stdout, stderr } = await run(process.execPath, script);
    expect(stderr).toContain('Finished after 2 steps.');
    expect(code).toBe(0);
    const [runFolder = ''] = /runs\/quickstart-[\d-]+/.exec(stdout) ?? [];
    expect(JSON.parse(readFileSync(join(folder, runFolder, 'predictions.json'), 'utf8')).rows).toHaveLength(7);
    expect(existsSync(join(folder, runFolder, 'report.html'))).toBe(true);
  });

  test.each(optionRows)('uafer train ... %s', async (options) => {
    const given = '--dataset rafdb --data-path data/RAF-DB --clip-path ViT-B-16.pt';
    const short = `--max-steps 1 --out runs/options-${optionRows.indexOf(options)}`;
    // The CLIP of this test reads 16 tokens; the paper's prompt with a class of several takes more.
    const prompt = options.includes('paper') ? ' --prompt {class}' : '';
    expectSuccess(await inFolder(`uafer train ${given} ${short} ${options}${prompt}`));
  });

  test.each(inlineEvaluations)('%s', async (command) => {
    expectSuccess(await inFolder(/--checkpoint/.test(command) ? command : `${command} --checkpoint runs/faces`));
  });

  test('every option that is named exists', async () => {
    const pages = await Promise.all(
      [
        'train',
        'eval',
        'ablate',
        'crossval',
        'calibrate',
        'export',
        'predict',
        'serve',
        'align',
        'prepare ckplus',
        'download',
        'doctor',
      ].map((name) => inFolder(`uafer ${name} --help`)),
    );
    const help = pages.map(({ stdout }) => stdout).join('');
    const named = new Set(inlineCode.flatMap((code) => code.match(/--[a-z]+(-[a-z]+)*/g) ?? []));
    const unknown = [...named].filter((option) => !new RegExp(`${option}[ ,\\n]`).test(help));
    expect(unknown).toEqual([]);
    expect(help).toContain('uafer download [options] [what]');
  });

  test('the other commands in the text work', async () => {
    for (const command of inlineCode.filter((code) => /^npx uafer (doctor|\w+ --help)$/.test(code)))
      expectSuccess(await inFolder(command));
  });
});

test('npx finds the command of a checkout', async () => {
  const { code, stdout } = await run('npx', ['uafer', '--version'], { cwd: ROOT, env: { npm_config_offline: 'true' } });
  expect({ code, stdout: stdout.trim() }).toEqual({ code: 0, stdout: PACKAGE.version });
});

test('the library is imported as printed', async () => {
  const [code] = fenced('ts') as [string];
  expect(code).toContain('uafer/engine');
  expectSuccess(await run(process.execPath, ['--input-type=module', '--eval', code], { cwd: ROOT }));
});

test('the lines that predict run as printed', async () => {
  const [code] = fenced('js') as [string];
  const { stdout, ...outcome } = await run(process.execPath, ['--input-type=module', '--eval', code], { cwd: ROOT });
  expectSuccess({ stdout, ...outcome });
  expect(stdout.trim().split('\n')).toHaveLength(3);
  expect(stdout).toMatch(/^(neutral|happy) 0\.\d+ 0\.\d+ (report|ambiguous|reject)$/m);
});

test('the lines that predict a video run as printed', async () => {
  const [, code = ''] = fenced('js');
  const inFolder = code.replace("'clip.mp4'", JSON.stringify(join(folder, 'clip.mp4')));
  const { stdout, ...outcome } = await run(process.execPath, ['--input-type=module', '--eval', inFolder], { cwd: ROOT });
  expectSuccess({ stdout, ...outcome });
  expect(stdout.trim().split('\n')).toHaveLength(4 * 3);
  expect(stdout).toMatch(/^0\.2 1 \w+ (report|ambiguous|reject)$/m);
});

test('files that are linked or named are there', () => {
  const links = [...readme.matchAll(/\]\((?!https?:)([^)#]+)/g)].map((match) => match[1] as string);
  const documents = inlineCode.filter((code) => /^[\w/-]+\/[\w-]+\.md$/.test(code));
  expect(links.length).toBeGreaterThan(3);
  expect([...links, ...documents].filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});

function uaferLines(): string[] {
  return shellCommands.filter((command) => command.startsWith('npx uafer ') && command !== SERVE);
}

function npmLines(): string[] {
  return shellCommands.filter((command) => command.startsWith('npm '));
}

/** Runs a printed command in the folder, with the built program in place of its name. */
function inFolder(command: string): Promise<Outcome> {
  const args = command.replace(/^(npx )?uafer /, '').split(' ');
  return uafer(args, { cwd: folder, env: environment });
}

function expectSuccess({ code, stderr }: Outcome): void {
  expect({ code, stderr }).toEqual({ code: 0, stderr });
}

function run(command: string, args: readonly string[], { cwd = folder, env = {} } = {}): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env: { ...process.env, ...environment, ...env } });
    const outcome = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].on('data', (chunk) => {
        outcome[name] += chunk;
      });
    }
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, ...outcome }));
  });
}

/** The engine as it is, and no CLIP: on a machine where it was downloaded too the small backbone is trained. */
function withoutDownloads(): Record<string, string> {
  const home = join(folder, 'home');
  mkdirSync(home);
  symlinkSync(engineHome(), join(home, 'engine'));
  return { UAFER_HOME: home, LIBTORCH: locateLibtorch().root, OMP_NUM_THREADS: '1', PATH: PATH_WITH_FFMPEG };
}

/** `ViT-B-16.pt`, which is told by its content whatever it is called, and `model.pth`, a vision tower by the original's names. */
function writeWeights(): void {
  scope(() => {
    writeSafetensors(join(folder, 'ViT-B-16.pt'), initializeClip(SMALL_CLIP, 1));
    const tower = Object.entries(initializeClip(SMALL_CLIP, 2)).filter(([name]) => name.startsWith('visual.'));
    const renamed = tower.map(([name, weight]): [string, Tensor] => [
      name.slice('visual.'.length).replace(/^proj$/, 'projection_dist'),
      weight,
    ]);
    writeSafetensors(join(folder, 'model.pth'), Object.fromEntries(renamed));
  });
}

/** What the owners of data sets give out, in small. */
async function writeDownloads(): Promise<void> {
  const downloads = join(folder, 'downloads');
  writeRawRafdb(join(downloads, 'RAF-DB'), { zips: true });
  await writeRawAffectnet(join(downloads, 'AffectNet'));
  writeRawFer2013(join(downloads, 'FER2013'));
  writeRawFerplus(join(downloads, 'FERPlus'));
  await writeRawCkplus(join(downloads, 'CK+'));
  await writeRawJaffe(join(downloads, 'JAFFE'));
  await writeRawOulu(join(downloads, 'Oulu-CASIA'));
  await writeRawFolder(join(folder, 'photos'));
  mkdirSync(join(folder, 'examples/photos'), { recursive: true });
  copyFileSync(join(ROOT, 'examples/photos/three.jpg'), join(folder, 'examples/photos/three.jpg'));
}

/** A folder for each class, in `train` and in `test`. */
function writeFolders(root: string, faces: readonly ExampleFace[]): void {
  for (const { name, path, label, train } of faces) {
    const target = join(root, train ? 'train' : 'test', `class${label}`);
    mkdirSync(target, { recursive: true });
    copyFileSync(path, join(target, name));
  }
}

/** FER+'s layout; every face has the votes of all ten annotators. */
function writeFerplus(root: string, faces: readonly ExampleFace[]): void {
  const rows = faces.map(({ name, path, label, train }) => {
    const part = join(root, train ? 'FER2013Train' : 'FER2013Valid');
    mkdirSync(part, { recursive: true });
    copyFileSync(path, join(part, name));
    const votes = [...FERPLUS_CLASSES, 'unknown', 'NF'].map((_, i) => (i === label ? 10 : 0));
    return `${train ? 'Training' : 'PublicTest'},${name},${votes.join(',')}`;
  });
  const header = 'Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF';
  writeFileSync(join(root, 'fer2013new.csv'), [header, ...rows, ''].join('\n'));
}
