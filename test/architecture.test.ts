import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const map = readFileSync(join(ROOT, 'ARCHITECTURE.md'), 'utf8');

interface Row {
  folder: string;
  takes: string[];
  browser: boolean;
}

/** The table of folders on the map. */
const rows: Row[] = map.split('\n').flatMap((line) => {
  const [, name = '', what = '', takes = ''] = line.split('|').map((cell) => cell.trim());
  const folder = /^`src\/(\w+)\/`$/.exec(name)?.[1];
  if (folder === undefined) return [];
  return [{ folder, takes: takes.split(', ').filter((each) => each !== ''), browser: what.startsWith('**browser**') }];
});
const folders = readdirSync(join(ROOT, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory());

/** What the linter allows: `"group": [..., "!../image/**"]` in the override of a folder. */
function linterArrows(): Row[] {
  const { overrides } = JSON.parse(readFileSync(join(ROOT, 'arrows.json'), 'utf8'));
  return overrides.slice(1).map(({ includes: [files], linter }: { includes: string[]; linter: unknown }) => {
    const text = JSON.stringify(linter);
    return {
      folder: files?.split('/')[1],
      takes: [...text.matchAll(/"!\.\.\/(\w+)\/\*\*"/g)].map((match) => match[1]),
      browser: text.includes('"node:*"'),
    };
  });
}

describe('the map', () => {
  it('has a row for every folder but the commands', () => {
    expect(rows.map(({ folder }) => folder).toSorted()).toEqual(
      folders
        .map(({ name }) => name)
        .filter((name) => name !== 'cli')
        .toSorted(),
    );
  });

  it("is the linter's table of arrows", () => {
    expect(linterArrows()).toEqual(rows);
  });

  it('has no folder that takes one that takes it, over any number of others', () => {
    const below = new Map(rows.map(({ folder, takes }) => [folder, takes]));
    const reach = (folder: string, way: readonly string[]): void => {
      expect(way, `${[...way, folder].join(' -> ')}`).not.toContain(folder);
      for (const next of below.get(folder) ?? []) reach(next, [...way, folder]);
    };
    for (const { folder } of rows) reach(folder, []);
  });

  it('names files that are there', () => {
    const named = [...map.matchAll(/`((?:src|native|test|models|recipes)\/[\w/]+(?:\.\w+)?)`?/g)].map(
      (match) => match[1] as string,
    );
    expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });
});

it.each(rows.filter(({ browser }) => browser).map(({ folder }) => folder))(
  '%s can be bundled for a browser, without a module of Node',
  async (folder) => {
    const input = readdirSync(join(ROOT, 'dist', folder))
      .filter((name) => name.endsWith('.js'))
      .map((name) => join(ROOT, 'dist', folder, name));
    const bundle = await rolldown({ input, platform: 'browser', onLog: () => {} });
    const { output } = await bundle.generate();
    await bundle.close();
    // What cannot be resolved for a browser stays an import.
    const left = output.flatMap((file) => (file.type === 'chunk' ? [...file.imports, ...file.dynamicImports] : []));
    expect(left.filter((name) => !output.some(({ fileName }) => fileName === name))).toEqual([]);
    expect(output.length).toBeGreaterThanOrEqual(input.length);
  },
);
