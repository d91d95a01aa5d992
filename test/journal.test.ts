import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openJournal } from '#uafer/journal.js';
import { temporaryFolder } from './support/pictures.js';

interface Entry {
  name: string;
  value: number;
}
const keyOf = ({ name }: Entry) => (typeof name === 'string' ? name : undefined);

describe('openJournal', () => {
  it('keeps the latest of each key, drops a cut line and what is no entry, and orders lines as told', () => {
    using folder = temporaryFolder();
    const file = join(folder.path, 'log.jsonl');
    const first = openJournal<Entry>(file, keyOf);
    for (const [name, value] of [
      ['b', 1],
      ['a', 2],
      ['b', 3],
    ] as const)
      first.add({ name, value });
    appendFileSync(file, '{"other":1}\nnull\n{"name":"c","val');
    const again = openJournal<Entry>(file, keyOf);
    expect([...again.keys()].map((key) => again.get(key))).toEqual([
      { name: 'b', value: 3 },
      { name: 'a', value: 2 },
    ]);
    expect([again.size, again.get('c')]).toEqual([2, undefined]);
    again.add({ name: 'd', value: 4 });
    again.rewrite(['a', 'b', 'missing']);
    expect(readFileSync(file, 'utf8')).toBe('{"name":"a","value":2}\n{"name":"b","value":3}\n');
  });
});
