import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type DownloadEntry, readManifest, remoteFiles } from '#uafer/manifest.js';

const folder = mkdtempSync(join(tmpdir(), 'uafer-manifest-'));
afterAll(() => rmSync(folder, { recursive: true }));

function manifest(value: unknown): string {
  const path = join(folder, 'downloads.json');
  writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value));
  return path;
}

const entry: DownloadEntry = {
  name: 'large',
  about: 'a model',
  kind: 'model',
  files: [{ file: 'model.json', url: 'https://example.org/model.json', sha256: '0'.repeat(64), aboutMegabytes: 1 }],
};
const whole = { format: 'uafer-downloads', version: 1, entries: [entry] };

describe('the list of downloads', () => {
  it("of the package names OpenAI's files, whose addresses hold their checksums", () => {
    const files = readManifest().flatMap(({ files: own }) => own);
    expect(files.length).toBeGreaterThan(0);
    for (const { url, sha256 } of files) expect(url).toContain(`/${sha256}/`);
  });

  it('says where the files of a model belong', () => {
    const [read] = readManifest(manifest(whole)) as [DownloadEntry];
    expect(remoteFiles(read)).toEqual([
      {
        url: 'https://example.org/model.json',
        sha256: '0'.repeat(64),
        path: expect.stringMatching(/models\/large\/model\.json$/),
        aboutBytes: 1e6,
      },
    ]);
  });

  it.each<[string, unknown, RegExp]>([
    ['no JSON', '{', /downloads\.json is no list of downloads: /],
    [
      'a file that climbs out of its folder',
      { ...whole, entries: [{ ...entry, files: [{ ...entry.files[0], file: '../x' }] }] },
      /a file name without folders/,
    ],
    ['a name that is a path', { ...whole, entries: [{ ...entry, name: '../../etc' }] }, /lower-case letters/],
    [
      'an address that is none',
      { ...whole, entries: [{ ...entry, files: [{ ...entry.files[0], url: 'file:///etc/passwd' }] }] },
      /entries\[0\]\.files\[0\]\.url/,
    ],
    [
      'a checksum that is none',
      { ...whole, entries: [{ ...entry, files: [{ ...entry.files[0], sha256: 'abc' }] }] },
      /SHA-256/,
    ],
  ])('that holds %s is named', (_, value, message) => {
    expect(() => readManifest(manifest(value))).toThrow(message);
  });

  it('that is not there is named', () => {
    expect(() => readManifest(join(folder, 'none.json'))).toThrow(/none\.json cannot be read.*expected a list of downloads/);
  });
});
