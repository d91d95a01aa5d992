import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { loadDataset } from '#uafer/data/datasets.js';
import type { DatasetName } from '#uafer/data/types.js';
import { contentsOf } from '../support/folders.js';
import { temporaryFolder, writeFiles } from '../support/pictures.js';
import {
  writeRawAffectnet,
  writeRawAffectnetFolders,
  writeRawCkplus,
  writeRawFer2013,
  writeRawFerplus,
  writeRawFolder,
  writeRawJaffe,
  writeRawOulu,
  writeRawRafdb,
} from '../support/rawSets.js';
import { main, uafer } from './run.js';
import { train as trainTiny, writeTinyProject } from './tinyProject.js';

type MakeRaw = (raw: string) => void | Promise<void>;

const RAFDB: MakeRaw = (raw) => writeRawRafdb(raw, { zips: true });

const prepare = (root: string, set: string, ...options: string[]) =>
  uafer(['prepare', set, 'raw', 'out', ...options], { cwd: root });

describe('uafer prepare', () => {
  it.each<[string, string[], MakeRaw, DatasetName, number]>([
    ['rafdb', [], RAFDB, 'rafdb', 14],
    ['rafdb', ['--align', 'none'], RAFDB, 'rafdb', 14],
    ['rafdb', ['--landmarks'], RAFDB, 'rafdb', 14],
    ['affectnet', ['--align', 'margin'], writeRawAffectnet, 'affectnet_8', 16],
    ['affectnet', ['--landmarks'], writeRawAffectnetFolders, 'affectnet', 14],
    ['fer2013', ['--test', 'private'], writeRawFer2013, 'folder', 21],
    ['ferplus', [], writeRawFerplus, 'ferplus', 20],
    ['ckplus', ['--peak-frames', '1'], writeRawCkplus, 'rafdb', 36],
    ['ckplus', ['--contempt', '--layout', 'folder', '--landmarks'], writeRawCkplus, 'folder', 84],
    ['jaffe', [], writeRawJaffe, 'rafdb', 21],
    ['oulu', ['--layout', 'folder'], writeRawOulu, 'folder', 54],
    ['oulu', ['--neutral-frames', '1'], writeRawOulu, 'rafdb', 72],
    ['folder', [], writeRawFolder, 'folder', 12],
  ])('%s %j makes a set that trains, finding the faces of real pictures', async (set, options, makeRaw, dataset, pictures) => {
    using folder = temporaryFolder();
    await makeRaw(join(folder.path, 'raw'));
    const before = contentsOf(join(folder.path, 'raw'));
    const { code, stdout, stderr } = await prepare(folder.path, set, ...options, '--quiet');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^class +train/);
    expect(stdout).toContain(`--data-path out`);
    const { train, test } = loadDataset({ name: dataset, dataPath: join(folder.path, 'out') });
    expect(train.length + test.length).toBe(pictures);
    expect(contentsOf(join(folder.path, 'raw'))).toEqual(before);

    await writeTinyProject(folder.path);
    const short = ['--max-steps', '1', '--dataset', dataset, '--data-path', 'out'];
    const training = await uafer(trainTiny(...short), { cwd: folder.path });
    expect({ code: training.code, stderr: training.stderr }).toEqual({ code: 0, stderr: expect.any(String) });
  });

  it('prints a table with what the owners state, what was left out and why; --json says the same', async () => {
    using folder = temporaryFolder();
    await writeRawAffectnet(join(folder.path, 'raw'));
    const { stdout, stderr } = await prepare(folder.path, 'affectnet', '--align', 'none');
    expect(stdout).toMatch(/class +train +published +test +published +all\nneutral +1 +74874 +1 +500 +2\n/);
    expect(stdout).toMatch(/all +8 +287651 +8 +4000 +16\n/);
    expect(stdout).toMatch(/left out because +count\nits label is "none" +2\n/);
    expect(stdout).toContain('Note: The raw files give 8 pictures for training; the owners state 287651.');
    expect(stderr).toMatch(/preparing: 16\/16 pictures/);
    const { stdout: json } = await prepare(folder.path, 'affectnet', '--align', 'none', '--json', '--quiet');
    expect(JSON.parse(json)).toMatchObject({
      set: 'affectnet',
      made: 0,
      pictures: { train: { neutral: 1, contempt: 1 } },
      leftOut: { 'its label is "none"': 2, 'its label is "uncertain"': 2, 'its label is "no face"': 2 },
    });
  });

  it('names file and line of a defect and writes nothing: exit code 1', async () => {
    using folder = temporaryFolder();
    RAFDB(join(folder.path, 'raw'));
    writeFiles(folder.path, { 'raw/basic/EmoLabel/list_patition_label.txt': 'train_00001.jpg 5\ntrain_00002.jpg happy\n' });
    const { code, stderr } = await prepare(folder.path, 'rafdb');
    expect(stderr).toContain('list_patition_label.txt:2: label "happy", expected 1 to 7');
    expect(stderr).not.toContain('    at ');
    expect(code).toBe(1);
    expect(existsSync(join(folder.path, 'out'))).toBe(false);
  });

  it('lists a photo without a face, and takes its middle by option', async () => {
    using folder = temporaryFolder();
    await writeRawFolder(join(folder.path, 'raw'));
    const wall = join(folder.path, 'raw/train/sad/wall.png');
    await sharp({ create: { width: 300, height: 200, channels: 3, background: 'grey' } })
      .png()
      .toFile(wall);
    const skipped = await prepare(folder.path, 'folder');
    expect(skipped.stdout).toMatch(/no face was found +1\n/);
    expect(readFileSync(join(folder.path, 'out/left-out.txt'), 'utf8')).toBe(
      `${join('raw', 'train/sad/wall.png')}\tno face was found\n`,
    );
    const refused = await prepare(folder.path, 'folder', '--no-face', 'centre');
    expect(refused).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('out holds a data set that was prepared otherwise'),
    });
    rmSync(join(folder.path, 'out'), { recursive: true });
    const centred = await prepare(folder.path, 'folder', '--no-face', 'centre');
    expect(centred.stdout).toContain('In 1 pictures no face was found');
    expect(existsSync(join(folder.path, 'out/train/sad/wall.png'))).toBe(true);
  });

  it('ends cleanly on Ctrl-C with exit code 130, and the same command goes on', async () => {
    using folder = temporaryFolder();
    const raw = join(folder.path, 'raw');
    await writeRawFolder(raw);
    const photo = readFileSync(join(raw, 'train/sad/png-face.png'));
    for (let i = 0; i < 88; i++) writeFileSync(join(raw, 'train/sad', `${i}.png`), photo);
    const child = spawn(process.execPath, [main, 'prepare', 'folder', 'raw', 'out', '--workers', '1'], { cwd: folder.path });
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    const journal = join(folder.path, 'out/pictures.jsonl');
    const lines = () => (existsSync(journal) ? readFileSync(journal, 'utf8').split('\n').length - 1 : 0);
    while (lines() < 3 && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 5));
    child.kill('SIGINT');
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect(stderr).toMatch(
      /Stopping after the pictures under way[\s\S]*Stopped after \d+ of 100 pictures; the same command goes on/,
    );
    expect(code).toBe(130);
    const done = lines();
    const { stdout } = await prepare(folder.path, 'folder', '--json', '--quiet');
    expect(JSON.parse(stdout).made).toBe(100 - done);
  });

  it.each([
    [['prepare', 'rafbd', 'raw', 'out'], "unknown command 'rafbd'\n(Did you mean rafdb?)"],
    [['prepare', 'rafdb', 'raw'], "missing required argument 'out'"],
    [['prepare', 'jaffe', 'raw', 'out', '--contempt'], "unknown option '--contempt'"],
    [['prepare', 'rafdb', 'raw', 'out', '--align', 'none', '--landmarks'], '--landmarks is for --align similarity'],
    [['prepare', 'rafdb', 'raw', 'out', '--no-face', 'keep'], 'Allowed choices are skip, centre, copy'],
    [['prepare', 'oulu', 'raw', 'out', '--peak-frames', 'three'], 'expected a whole number of at least 0'],
    [['prepare', 'ckplus', 'raw', 'out', '--contempt'], '--contempt needs --layout folder'],
    [['prepare', 'rafdb', 'raw', 'raw/out'], 'raw/out lies in raw, which stays as it is'],
    [['prepare'], 'Usage: uafer prepare'],
  ])('%j is wrong usage', async (args, said) => {
    using folder = temporaryFolder();
    RAFDB(join(folder.path, 'raw'));
    const { code, stderr } = await uafer(args, { cwd: folder.path });
    expect(stderr).toContain(said);
    expect(code).toBe(2);
  });

  it('says when the download is no folder', async () => {
    using folder = temporaryFolder();
    expect(await prepare(folder.path, 'rafdb')).toMatchObject({ code: 1, stderr: expect.stringContaining('raw is no folder') });
    mkdirSync(join(folder.path, 'raw'));
    const { code, stderr } = await prepare(folder.path, 'jaffe');
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('no picture named like KA.AN1.39.tiff') });
  });

  it('explains each set in its help', async () => {
    const { stdout } = await uafer(['prepare', 'ckplus', '--help']);
    for (const said of ['--neutral-frames', '--peak-frames', '--contempt', 'subjects.txt', '1,236'])
      expect(stdout).toContain(said);
  });
});
