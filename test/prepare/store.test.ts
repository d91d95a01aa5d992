import { readFileSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { folderStore, openStore, type Store } from '#uafer/prepare/store.js';
import { uafer } from '../cli/run.js';
import { temporaryFolder, writeFiles } from '../support/pictures.js';
import { rafdbNames, writeRawRafdb } from '../support/rawSets.js';
import { specialFiles } from '../support/specialFiles.js';
import { type PackedEntry, writeZip, type ZipOptions, zeros } from '../support/zip.js';

const GIB = 2 ** 30;

async function withStore<T>(
  entries: Record<string, Uint8Array | PackedEntry>,
  use: (store: Store) => Promise<T>,
  options: ZipOptions = {},
): Promise<T> {
  using folder = temporaryFolder();
  writeZip(join(folder.path, 'set.zip'), entries, options);
  const store = (await openStore([{ parent: folder.path, folder: 'set' }])) as Store;
  try {
    return await use(store);
  } finally {
    store.close();
  }
}

describe('an archive', () => {
  it('gives its entries, by any way of packing', async () => {
    const read = await withStore({ 'set/a.jpg': Buffer.from('abc'), 'set/b.txt': zeros(2 ** 19) }, async (store) => [
      await store.source('a.jpg').read(),
      await store.annotation('b.txt'),
    ]);
    expect(read).toEqual([Buffer.from('abc'), Buffer.alloc(2 ** 19)]);
  });

  it('refuses an entry that is larger than a picture or an annotation, by what the archive says of it', async () => {
    await withStore({ 'a.jpg': zeros(2 ** 26), 'b.jpg': zeros(2 ** 26 + 1), 'c.txt': zeros(2 ** 20 + 1) }, async (store) => {
      expect((await store.source('a.jpg').read()).length).toBe(2 ** 26);
      await expect(store.source('b.jpg').read()).rejects.toMatchObject({
        code: 'IMAGE',
        message: expect.stringMatching(
          /set\.zip\/b\.jpg cannot be unpacked: it holds 67 MB, and a picture in an archive takes 67 MB/,
        ),
      });
      await expect(store.annotation('c.txt')).rejects.toMatchObject({
        code: 'DATA',
        message: expect.stringMatching(
          /set\.zip\/c\.txt cannot be unpacked: it holds 1 MB, and an annotation takes 1 MB at most/,
        ),
      });
    });
  });

  it('refuses an entry that holds more or less than the archive says', async () => {
    const { data } = zeros(1000);
    await withStore({ 'more.jpg': zeros(2 ** 24, 100), 'less.jpg': { data, size: 5000, checksum: 0 } }, async (store) => {
      await expect(store.source('more.jpg').read()).rejects.toThrow(
        /more\.jpg cannot be unpacked: it holds more than the archive says/,
      );
      await expect(store.source('less.jpg').read()).rejects.toThrow(
        /less\.jpg cannot be unpacked: it holds less than the archive says/,
      );
    });
  });

  it('refuses millions of entries before it reads them, and entries that share their bytes', async () => {
    const open = (entries: Record<string, Uint8Array>, options: ZipOptions) => withStore(entries, async () => {}, options);
    await expect(open({ 'a.jpg': Buffer.from('a') }, { claimedEntries: 5_000_000 })).rejects.toThrow(
      /set\.zip cannot be read: it says that it holds 5000000 files, and a data set has 1000000 at most/,
    );
    const noise = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * i) % 251));
    const names = Array.from({ length: 100 }, (_, i) => [`${i}.jpg`, noise]);
    await expect(open(Object.fromEntries(names), { overlapping: true })).rejects.toThrow(
      /set\.zip cannot be read: its files overlap/,
    );
    await open(Object.fromEntries(names), {});
  });

  it('is refused when it is no file', async () => {
    using folder = temporaryFolder();
    for (const { name, make, said } of specialFiles) {
      const archive = join(folder.path, `${name}.zip`);
      await make(archive, folder.path);
      await expect(openStore([{ parent: folder.path, folder: name }])).rejects.toThrow(`${archive} cannot be read: ${said}`);
    }
  });

  it('of 13 gigabytes of zeros leaves memory as it is', async () => {
    using folder = temporaryFolder();
    const raw = join(folder.path, 'raw');
    writeRawRafdb(raw, { zips: true });
    // Three that say what they are, one that lies, and others as large as a picture may be.
    const bombs = rafdbNames.map((name, i): [string, PackedEntry] => {
      const entry = i < 3 ? zeros(3 * GIB) : i === 3 ? zeros(3 * GIB, 40_000) : zeros(2 ** 26);
      return [`aligned/${name}_aligned.jpg`, entry];
    });
    const archive = join(raw, 'basic/Image/aligned.zip');
    writeZip(archive, Object.fromEntries(bombs));
    expect(statSync(archive).size).toBeLessThan(20e6);
    const memory = join(folder.path, 'memory');
    const code = `import { writeFileSync } from 'node:fs';
      process.on('exit', () => writeFileSync(${JSON.stringify(memory)}, String(process.resourceUsage().maxRSS)));`;
    const { stderr, code: exit } = await uafer(
      ['prepare', 'rafdb', 'raw', 'out', '--align', 'none', '--workers', '2', '--quiet'],
      { cwd: folder.path, env: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` } },
    );
    expect(stderr).toContain('14 of 14 pictures cannot be read, more than 1%');
    expect(stderr).toMatch(/aligned\.zip\/aligned\/\w+\.jpg cannot be unpacked: it holds 3221 MB/);
    expect(stderr).toMatch(/aligned\.zip\/aligned\/\w+\.jpg cannot be unpacked: it holds more than the archive says/);
    expect(exit).toBe(1);
    // Kilobytes: Node with its libraries, and two pictures of 64 MiB with what the collector has not yet taken.
    expect(Number(readFileSync(memory, 'utf8'))).toBeLessThan(700_000);
  });
});

describe('a folder', () => {
  it('says of a picture or annotation that is no file what it is instead, without waiting for it', async () => {
    using folder = temporaryFolder();
    for (const { name, make } of specialFiles) await make(join(folder.path, name), folder.path);
    const store = folderStore(folder.path);
    for (const { name, said } of specialFiles) {
      if (name === 'folder') continue;
      await expect(store.source(name).read()).rejects.toMatchObject({ code: 'IMAGE', message: expect.stringContaining(said) });
      await expect(store.annotation(name)).rejects.toMatchObject({ code: 'DATA', message: expect.stringContaining(said) });
    }
  });

  it('goes on beside a link that leads nowhere', async () => {
    using folder = temporaryFolder();
    writeFiles(folder.path, { 'a.txt': '1' });
    symlinkSync(join(folder.path, 'nothing'), join(folder.path, 'b.jpg'));
    const store = folderStore(folder.path);
    const source = store.source('b.jpg');
    expect(source.fingerprint()).toBe('absent');
    await expect(source.read()).rejects.toMatchObject({
      code: 'IMAGE',
      message: expect.stringContaining('it does not exist (ENOENT)'),
    });
  });
});
