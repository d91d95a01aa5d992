import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CsvRow, readCsv } from '#uafer/prepare/csv.js';
import { temporaryFolder } from '../support/pictures.js';

async function rowsOf(text: string): Promise<CsvRow[]> {
  using folder = temporaryFolder();
  const file = join(folder.path, 'some.csv');
  writeFileSync(file, text);
  const rows: CsvRow[] = [];
  await readCsv(file, (row) => rows.push({ line: row.line, fields: [...row.fields] }));
  return rows;
}

describe('readCsv', () => {
  it('tells each record’s line, over blank lines, any line ending and a byte-order mark', async () => {
    expect(await rowsOf('\uFEFFa, b\r\n\r\n1,"two, with ""quotes"""\r\n3\r\n')).toEqual([
      { line: 1, fields: ['a', 'b'] },
      { line: 3, fields: ['1', 'two, with "quotes"'] },
      { line: 4, fields: ['3'] },
    ]);
  });

  it('gives back any table of words, with their lines', async () => {
    const word = fc.stringMatching(/^[\w.;/-]{1,12}$/);
    const table = fc.array(fc.array(word, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(table, async (rows) => {
        const read = await rowsOf(rows.map((fields) => `${fields.join(',')}\n`).join(''));
        expect(read).toEqual(rows.map((fields, i) => ({ line: i + 1, fields })));
      }),
      { numRuns: 50 },
    );
  });

  it('breaks off where a quote takes in what no record holds, before it has read the rest', async () => {
    const rest = '1,2\n'.repeat(2 ** 20);
    await expect(rowsOf(`a,b\n1,"2\n${rest}`)).rejects.toThrow(/some\.csv:\d+: Max Record Size/);
  });

  it('names file and line of a quote that never ends, and a file that is not there', async () => {
    await expect(rowsOf('a,b\n1,"2\n3,4\n')).rejects.toThrow(/some\.csv:\d+: .*[Qq]uote/);
    await expect(readCsv('/nowhere/some.csv', () => {})).rejects.toThrow('/nowhere/some.csv does not exist');
  });
});
