import { createReadStream, existsSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { CsvError, type Info, parse } from 'csv-parse';
import { UaferError } from '../errors.js';
import { openRegularFile } from '../regularFiles.js';
import { reasonOf } from '../systemErrors.js';

/** A record of a CSV file. */
export interface CsvRow {
  /** Where it ends, from 1. */
  line: number;
  fields: readonly string[];
}

/** Characters of a record: a row of FER2013's pixels takes 9,000. A quote that never ends would take in the rest of the file. */
const LARGEST_RECORD = 2 ** 20;

/**
 * Hands on the records of a CSV file one after the other, blanks around fields cut off, so that a file larger than memory can be
 * read. Blank lines are no records; how many fields a record has is the receiver's business.
 *
 * @throws UaferError `DATA` naming file and line when quotes don't match, or why the file cannot be read.
 */
export async function readCsv(file: string, receive: (row: CsvRow) => void): Promise<void> {
  if (!existsSync(file)) throw new UaferError('DATA', `${file} does not exist`);
  const parser = parse({
    bom: true,
    info: true,
    max_record_size: LARGEST_RECORD,
    relax_column_count: true,
    skip_empty_lines: true,
    trim: true,
  });
  try {
    await pipeline(openStream(file), parser, async (records: AsyncIterable<{ record: string[]; info: Info }>) => {
      for await (const { record, info } of records) receive({ line: info.lines, fields: record });
    });
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    throw new UaferError('DATA', `${file}:${cause.lines ?? '?'}: ${cause.message}`, { cause });
  }
}

function openStream(file: string): NodeJS.ReadableStream {
  try {
    return createReadStream(file, { fd: openRegularFile(file) });
  } catch (cause) {
    throw new UaferError('DATA', `${file} cannot be read: ${reasonOf(cause)}`, { cause });
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
