import { createReadStream, existsSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { CsvError, type Info, parse } from 'csv-parse';
import { UaferError } from '../errors.js';

/** A record of a CSV file. */
export interface CsvRow {
  /** Where it ends, from 1. */
  line: number;
  fields: readonly string[];
}

/**
 * Hands on the records of a CSV file one after the other, blanks around fields cut off, so that a file larger than memory can be
 * read. Blank lines are no records; how many fields a record has is the receiver's business.
 *
 * @throws UaferError `DATA` naming file and line when quotes don't match.
 */
export async function readCsv(file: string, receive: (row: CsvRow) => void): Promise<void> {
  if (!existsSync(file)) throw new UaferError('DATA', `${file} does not exist`);
  const parser = parse({ bom: true, info: true, relax_column_count: true, skip_empty_lines: true, trim: true });
  try {
    await pipeline(createReadStream(file), parser, async (records: AsyncIterable<{ record: string[]; info: Info }>) => {
      for await (const { record, info } of records) receive({ line: info.lines, fields: record });
    });
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    throw new UaferError('DATA', `${file}:${cause.lines ?? '?'}: ${cause.message}`, { cause });
  }
}

/** Where each of `columns` stands in a header; throws `DATA` naming the ones that it lacks. */
export function columnPositions<Name extends string>(
  file: string,
  { line, fields }: CsvRow,
  columns: readonly Name[],
): Record<Name, number> {
  const missing = columns.filter((column) => !fields.includes(column));
  if (missing.length > 0)
    throw new UaferError('DATA', `${file}:${line}: the header lacks ${missing.join(', ')}; expected ${columns.join(', ')}`);
  return Object.fromEntries(columns.map((column) => [column, fields.indexOf(column)])) as Record<Name, number>;
}
