import { cpSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { controlsIn } from '../support/controls.js';
import { temporaryFolder } from '../support/pictures.js';
import { writeRawFolder } from '../support/rawSets.js';
import { type Outcome, uafer } from './run.js';
import { train, writeTinyProject } from './tinyProject.js';

const ESCAPE = '\x1b[31m\x9b\u202e';
const SHOWN = '\\x1b[31m\\x9b\\u202e';

const expectShown = ({ stdout, stderr }: Outcome) => expect(controlsIn(stdout + stderr)).toEqual([]);

test('uafer prepare shows the names of classes and files, lists paths as paths, and prints a command that a shell takes', async () => {
  using folder = temporaryFolder();
  const at = (...parts: string[]) => join(folder.path, ...parts);
  await writeRawFolder(at('raw'));
  for (const part of ['train', 'test']) renameSync(at('raw', part, 'sad'), at('raw', part, `sad${ESCAPE}`));
  const broken = `raw/train/happy/bro${ESCAPE}\nken.png`;
  writeFileSync(at(broken), 'no picture');
  const refused = await uafer(['prepare', 'folder', 'raw', 'out', '--align', 'none'], { cwd: folder.path });
  expectShown(refused);
  expect(refused.stderr).toContain(`1 of 13 pictures cannot be read, more than 1%`);
  expect(refused.stderr).toContain(`raw/train/happy/bro${SHOWN}\\nken.png cannot be read as a picture: `);
  const options = ['--align', 'none', '--allow-unreadable'];
  const made = await uafer(['prepare', 'folder', 'raw', "my 'set'", ...options], { cwd: folder.path });
  expectShown(made);
  expect(made.stdout).toMatch(/^it cannot be read +1$/m);
  expect(made.stdout).toContain(`sad${SHOWN}`);
  expect(made.stdout).toContain(`--data-path 'my '\\''set'\\'''`);
  expect(readFileSync(at("my 'set'", 'left-out.txt'), 'utf8')).toMatch(
    new RegExp(
      `^${`raw/train/happy/bro${SHOWN}\\nken.png`.replace(/[\\[\].]/g, '\\$&')}\tit cannot be read as a picture: [^\t\n]+\n$`,
    ),
  );
  const json = await uafer(['prepare', 'folder', 'raw', "my 'set'", ...options, '--json'], { cwd: folder.path });
  expectShown(json);
  expect(JSON.parse(json.stdout).pictures.train[`sad${ESCAPE}`]).toBe(3);
});

test('uafer train and eval show the names of classes and runs, and print commands that a shell takes', async () => {
  using folder = temporaryFolder();
  const at = (...parts: string[]) => join(folder.path, ...parts);
  await writeTinyProject(folder.path);
  renameSync(at('faces/sad'), at('faces', `sad${ESCAPE}`));
  const run = ['--out', `my run${ESCAPE}`];
  const stopped = await uafer(train('--max-steps', '2', ...run), { cwd: folder.path });
  expectShown(stopped);
  expect(stopped.code).toBe(0);
  const command = stopped.stderr.match(/Go on with: uafer train --resume (\$'.*my run.*') --max-steps N/)?.[1];
  expect(command).toBe(`$'${at('my run')}\\x1b[31m\\xc2\\x9b\\xe2\\x80\\xae'`);
  const again = await uafer(train(...run), { cwd: folder.path });
  expectShown(again);
  expect(again.stderr).toContain(`Continue it with --resume ${command}, or choose another`);
  cpSync(at(`my run${ESCAPE}`), at('run'), { recursive: true });
  for (const checkpoint of ['run', `none${ESCAPE}`]) {
    const evaluated = await uafer(['eval', '--checkpoint', checkpoint, '--config', at('run/config.yaml')], {
      cwd: folder.path,
    });
    expectShown(evaluated);
    expect(evaluated.stdout + evaluated.stderr).toContain(SHOWN);
  }
});

test('wrong usage shows what was written', async () => {
  for (const args of [
    [`--x${ESCAPE}`],
    [`x${ESCAPE}`],
    ['train', '--lr', ESCAPE],
    ['align', ESCAPE, 'out'],
    ['download', ESCAPE],
  ]) {
    const outcome = await uafer([...args, '--debug']);
    expectShown(outcome);
    expect(outcome.stderr).toContain('[31m\\x9b\\u202e');
    expect(outcome.code).toBe(2);
  }
});
