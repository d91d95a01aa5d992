import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readClip } from '#uafer/clip/readClip.js';
import { decodePicture } from '#uafer/codec/decode.js';
import { readConfigFile } from '#uafer/config/configFile.js';
import { readSafetensors } from '#uafer/engine/safetensors.js';
import { readLines } from '#uafer/files.js';
import { readCsv } from '#uafer/prepare/csv.js';
import { readRegularFile, readRegularFileSync } from '#uafer/regularFiles.js';
import { temporaryFolder } from './support/pictures.js';
import { specialFiles } from './support/specialFiles.js';

describe.each(specialFiles)('a $name', ({ name, make, said }) => {
  it('is no file, whoever asks for one, and nobody waits for it', async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, name);
    await make(path, folder.path);
    expect(() => readRegularFileSync(path, 'list')).toThrow(said);
    await expect(readRegularFile(path, 'picture')).rejects.toThrow(said);
    await expect(decodePicture(path)).rejects.toMatchObject({
      code: 'IMAGE',
      message: `${path} cannot be read as a picture: ${said}`,
    });
    expect(() => readLines(path)).toThrow(
      expect.objectContaining({ code: 'DATA', message: `${path} cannot be read: ${said}` }),
    );
    await expect(readCsv(path, () => {})).rejects.toMatchObject({ code: 'DATA', message: `${path} cannot be read: ${said}` });
    expect(() => readConfigFile(path)).toThrow(
      expect.objectContaining({ code: 'USAGE', message: `Cannot read the configuration ${path}: ${said}` }),
    );
    expect(() => readSafetensors(path)).toThrow(
      expect.objectContaining({ code: 'CHECKPOINT', message: `${path} cannot be opened: ${said}` }),
    );
    expect(() => readClip(path)).toThrow(expect.objectContaining({ code: 'CHECKPOINT' }));
  });
});

describe('a regular file', () => {
  it('is read whole', async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'a');
    for (const text of ['', 'abc', 'x'.repeat(100_000)]) {
      writeFileSync(path, text);
      expect(readRegularFileSync(path, 'list').toString()).toBe(text);
      expect((await readRegularFile(path, 'picture')).toString()).toBe(text);
    }
  });

  it('that is larger than its kind can be is not read', async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'a');
    writeFileSync(path, '');
    truncateSync(path, 2 ** 20);
    expect(readRegularFileSync(path, 'configuration')).toHaveLength(2 ** 20);
    truncateSync(path, 2 ** 20 + 1);
    expect(() => readRegularFileSync(path, 'configuration')).toThrow('it holds 1 MB, and a configuration takes 1 MB at most');
    truncateSync(path, 2 ** 40);
    expect(() => readRegularFileSync(path, 'list')).toThrow('it holds 1099512 MB, and a list takes 268 MB at most');
    await expect(readRegularFile(path, 'picture')).rejects.toThrow('it holds 1099512 MB, and a picture takes 537 MB at most');
  });
});
