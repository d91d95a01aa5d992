import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../support/pictures.js';
import { uafer } from './run.js';

const FACES = fileURLToPath(new URL('../../examples/faces/basic/Image/aligned_224/', import.meta.url));

/* What the system refuses is told in a sentence: which file, what is the matter and what to do, and that it is no fault of the program. */
test.each<[string, string[], RegExp]>([
  [
    'a file in place of the output',
    ['align', 'photos', 'file'],
    /^uafer: file: a file stands where a folder is needed \(EEXIST, mkdir\)/,
  ],
  ['a file above the output', ['align', 'photos', 'file/out'], /^uafer: file\/out: a file stands where a folder is needed/],
  [
    'an output that is a link in a circle',
    ['align', 'photos', 'circle/out'],
    /^uafer: circle\/out: symbolic links lead in a circle/,
  ],
  [
    'an input that is a link in a circle',
    ['align', 'circle', 'out'],
    /^uafer: circle cannot be opened: symbolic links lead in a circle/,
  ],
  [
    'a name that is too long',
    ['align', 'photos', 'x'.repeat(300)],
    /^uafer: x+: the name is longer than the file system allows/,
  ],
  [
    'a full disk',
    ['align', 'photos', 'full'],
    /^uafer: full\/faces\.jsonl could not be written: no space is left on the disk \(ENOSPC, write\)\. Make room/,
  ],
  [
    'a file as the data set',
    ['prepare', 'folder', 'raw', 'file/out'],
    /^uafer: file\/out\/prepare\.json could not be written: a file stands/,
  ],
  ['a list that is a device', ['align', 'zero.txt', 'out'], /^uafer: zero\.txt cannot be read: it is not a file but a device/],
  [
    'a configuration that is a folder',
    ['train', '--config', 'photos'],
    /Cannot read the configuration photos: it is not a file but a folder/,
  ],
  [
    'a file in place of pictures',
    ['train', '--recipe', 'quickstart', '--dataset', 'folder', '--data-path', 'file', '--out', 'run'],
    /uafer: \S+file: it is a file, and a folder was expected \(ENOTDIR, scandir\)/,
  ],
  [
    'a file in place of the run',
    ['train', '--recipe', 'quickstart', '--dataset', 'folder', '--data-path', 'raw', '--out', 'file/run'],
    /uafer: \S+file\/run: a file stands where a folder is needed/,
  ],
])('%s', async (_, args, said) => {
  using folder = temporaryFolder();
  for (const path of ['photos', 'raw/happy', 'raw/sad', 'full']) {
    mkdirSync(join(folder.path, path), { recursive: true });
    if (path !== 'full') copyFileSync(join(FACES, 'Adam_Scott_0001.jpg'), join(folder.path, path, 'a.jpg'));
    if (path.startsWith('raw')) copyFileSync(join(FACES, 'Adam_Scott_0001.jpg'), join(folder.path, path, 'b.jpg'));
  }
  writeFileSync(join(folder.path, 'file'), '');
  symlinkSync('circle', join(folder.path, 'circle'));
  symlinkSync('/dev/zero', join(folder.path, 'zero.txt'));
  symlinkSync('/dev/full', join(folder.path, 'full/faces.jsonl.partial'));
  const { code, stderr } = await uafer([...args, '--quiet'], { cwd: folder.path });
  expect(stderr).toMatch(said);
  expect(stderr).not.toMatch(/fault of uafer| {4}at /);
  expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  expect([1, 2]).toContain(code);
});
