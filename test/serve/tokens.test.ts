import { renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { openTokens } from '#uafer/serve/tokens.js';
import { temporaryFolder } from '../support/pictures.js';

const [OLD, NEW, OTHER] = ['0123456789abcdef-old', '0123456789abcdef-new', '0123456789abcdef-other'];
/** Longer than the file is left alone for. */
const LOOK_AGAIN = 1100;
const nothing = () => {};

describe('tokens', () => {
  it('are not asked for where there is no source of them', () => {
    expect(openTokens({ onReload: nothing })).toBe(null);
    expect(openTokens({ fixed: [], onReload: nothing })).toBe(null);
  });

  it('are each as good as the other, whole, and by the scheme', () => {
    using folder = temporaryFolder();
    const file = join(folder.path, 'tokens');
    writeFileSync(file, `# for the shop\r\n${OLD}\r\n\n  ${NEW}  \n`);
    const tokens = openTokens({ file, fixed: [OTHER], onReload: nothing });
    for (const token of [OLD, NEW, OTHER]) expect(tokens?.allow(`Bearer ${token}`)).toBe(true);
    expect(tokens?.allow(`bearer  ${OLD} `)).toBe(true);
    const wrong = [undefined, '', 'Bearer', 'Bearer ', `Basic ${OLD}`, OLD, `Bearer ${OLD}x`, `Bearer ${OLD.slice(0, -1)}`];
    for (const each of [...wrong, 'Bearer # for the shop', `Bearer ${OLD} ${NEW}`])
      expect(tokens?.allow(each), each).toBe(false);
  });

  it('are replaced with the file, through a link too', async () => {
    using folder = temporaryFolder();
    const [file, first, second] = ['tokens', 'first', 'second'].map((name) => join(folder.path, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(first, OLD);
    writeFileSync(second, NEW);
    symlinkSync(first, file);
    const told: unknown[] = [];
    const tokens = openTokens({ file, onReload: (error, count) => told.push([error?.message ?? null, count]) });
    expect(tokens?.allow(`Bearer ${OLD}`)).toBe(true);
    symlinkSync(second, `${file}.new`);
    renameSync(`${file}.new`, file);
    await sleep(LOOK_AGAIN);
    expect(tokens?.allow(`Bearer ${OLD}`)).toBe(false);
    expect(tokens?.allow(`Bearer ${NEW}`)).toBe(true);
    expect(told).toEqual([[null, 1]]);
  });

  it.each([
    ['gone', (file: string) => rmSync(file), /cannot be read as a file of tokens: it does not exist/],
    ['empty', (file: string) => writeFileSync(file, '# none\n'), /holds no token/],
    ['wrong', (file: string) => writeFileSync(file, 'short'), /token 1 has 5 letters: expected at least 16/],
  ])('stay as they were when the file is %s, and it is told', async (_, spoil, said) => {
    using folder = temporaryFolder();
    const file = join(folder.path, 'tokens');
    writeFileSync(file, OLD);
    const told: string[] = [];
    const tokens = openTokens({ file, onReload: (error) => told.push(String(error?.message)) });
    spoil(file);
    await sleep(LOOK_AGAIN);
    expect(tokens?.allow(`Bearer ${OLD}`)).toBe(true);
    expect(tokens?.allow('Bearer ')).toBe(false);
    expect(told).toEqual([expect.stringMatching(said)]);
  });

  it('that can be guessed are refused, without being shown', () => {
    using folder = temporaryFolder();
    const file = join(folder.path, 'tokens');
    writeFileSync(file, `${OLD}\nsecret`);
    expect(() => openTokens({ file, onReload: nothing })).toThrow(/token 2 has 6 letters: expected at least 16/);
    expect(() => openTokens({ file, onReload: nothing })).not.toThrow(/secret/);
    expect(() => openTokens({ fixed: ['secret'], onReload: nothing })).toThrow(/^UAFER_TOKENS: token 1 has 6 letters/);
    expect(() => openTokens({ file: folder.path, onReload: nothing })).toThrow(/it is not a file but a folder/);
  });
});
