import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UaferError } from '#uafer/errors.js';
import { makeFolder, writeFileAtomically } from '#uafer/files.js';
import { openJournal } from '#uafer/journal.js';
import { reasonOf, systemFailure } from '#uafer/systemErrors.js';
import { temporaryFolder } from './support/pictures.js';

function caught(body: () => unknown): unknown {
  try {
    body();
  } catch (error) {
    return error;
  }
  throw new Error('expected an error');
}

describe('an error of the system', () => {
  it.each<[string, (folder: string) => unknown, string]>([
    [
      'a circle of links',
      (at) => readFileSync(join(at, 'circle')),
      'symbolic links lead in a circle (ELOOP, open). Mend or delete',
    ],
    ['a folder', (at) => readFileSync(at), 'it is a folder, and a file was expected (EISDIR, read). Name a file.'],
    [
      'a long name',
      (at) => readFileSync(join(at, 'x'.repeat(300))),
      'the name is longer than the file system allows (ENAMETOOLONG',
    ],
    [
      'a file as a folder',
      (at) => mkdirSync(join(at, 'file', 'x')),
      'a file stands where a folder is needed (ENOTDIR, mkdir). Move',
    ],
    [
      'a file as the folder',
      (at) => mkdirSync(join(at, 'file')),
      'a file stands where a folder is needed (EEXIST, mkdir). Move',
    ],
    ['nothing', (at) => readFileSync(join(at, 'nothing')), 'it does not exist (ENOENT, open). Look for a mistake in the path.'],
    ['a full disk', () => writeFileSync('/dev/full', 'x'), 'no space is left on the disk (ENOSPC, write). Make room on it, or'],
  ])('becomes a sentence with a remedy: %s', (_, body, said) => {
    using folder = temporaryFolder();
    symlinkSync('circle', join(folder.path, 'circle'));
    writeFileSync(join(folder.path, 'file'), '');
    const failure = systemFailure(caught(() => body(folder.path)));
    expect(failure).toMatchObject({ code: 'IO', exitCode: 1, message: expect.stringContaining(`: ${said}`) });
  });

  it('that is rare is told in the words of the system', () => {
    const error = Object.assign(new Error("ENOTSUP: operation not supported, open '/a'"), {
      code: 'ENOTSUP',
      syscall: 'open',
      path: '/a',
    });
    expect(systemFailure(error)?.message).toBe('/a: operation not supported (ENOTSUP, open). Choose another place.');
  });

  it('names the path where the system does, and else what could not be done', () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'nothing');
    const error = caught(() => readFileSync(path));
    expect(systemFailure(error)?.message).toMatch(new RegExp(`^${path}: it does not exist`));
    expect(systemFailure(error, 'The list could not be read')?.message).toMatch(
      `list could not be read: it does not exist (ENOENT, open ${path})`,
    );
    expect(reasonOf(error)).toBe('it does not exist (ENOENT)');
  });

  it('is none where nothing of the system failed', () => {
    expect(systemFailure(new TypeError('x is not a function'))).toBeNull();
    expect(systemFailure(new UaferError('DATA', 'x'))).toBeNull();
    expect(reasonOf(new TypeError('x is not a function'))).toBe('x is not a function');
    expect(reasonOf('x')).toBe('x');
  });
});

/** A link to a device on which no space is left, for what is written beside `path` first. */
const fullDisk = (path: string) => symlinkSync('/dev/full', `${path}.partial`);

describe('what cannot be written', () => {
  it('is named, what was there stays, and nothing is left beside it', () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'list.txt');
    writeFileAtomically(path, 'before');
    fullDisk(path);
    expect(() => writeFileAtomically(path, 'after')).toThrow(
      expect.objectContaining({
        code: 'IO',
        message: expect.stringContaining(`${path} could not be written: no space is left on the disk`),
      }),
    );
    expect(readFileSync(path, 'utf8')).toBe('before');
    writeFileAtomically(path, 'after');
    expect(readFileSync(path, 'utf8')).toBe('after');
  });

  it('is named in a journal too', () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'journal.jsonl');
    const journal = openJournal<{ key: string }>(path, ({ key }) => key);
    journal.add({ key: 'a' });
    fullDisk(path);
    expect(() => journal.rewrite(['a'])).toThrow(`${path} could not be written: no space is left on the disk`);
    expect(readFileSync(path, 'utf8')).toBe('{"key":"a"}\n');
  });

  it.skipIf(process.getuid?.() === 0)('for want of permission is named', () => {
    using folder = temporaryFolder();
    const locked = join(folder.path, 'locked');
    mkdirSync(locked, { mode: 0o500 });
    expect(() => writeFileAtomically(join(locked, 'a'), '')).toThrow('a could not be written: permission is denied (EACCES');
    chmodSync(locked, 0o700);
  });
});

describe('makeFolder', () => {
  it('makes the folders above too, and takes one that is there', () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'a/b/c');
    makeFolder(path);
    makeFolder(path);
    writeFileAtomically(join(path, 'd/e.txt'), 'x');
    expect(readFileSync(join(path, 'd/e.txt'), 'utf8')).toBe('x');
  });

  it.runIf(process.platform === 'linux')('ends where the system makes no folders', () => {
    expect(systemFailure(caught(() => makeFolder('/proc/uafer')))?.message).toMatch(
      /^\/proc\/uafer: the system makes no folders there \(ENOENT, mkdir\)\. Choose another place\.$/,
    );
  });
});
