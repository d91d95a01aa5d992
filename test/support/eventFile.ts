import { crc32c } from '#uafer/run/crc32c.js';

/** What the tests look at of a TensorBoard `Event`. */
export interface ReadEvent {
  wallTime: number;
  step: number;
  fileVersion?: string;
  sessionStatus?: number;
  scalars?: Record<string, number>;
}

/** Reads TFRecords of events; throws when a checksum is wrong or a record is cut off. */
export function readEvents(file: Buffer): ReadEvent[] {
  const events: ReadEvent[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at));
    check(file.subarray(at, at + 8), file.readUInt32LE(at + 8));
    const data = file.subarray(at + 12, at + 12 + length);
    check(data, file.readUInt32LE(at + 12 + length));
    events.push(parseEvent(data));
    at += 16 + length;
  }
  return events;
}

function check(bytes: Buffer, masked: number): void {
  const rotated = (masked - 0xa282ead8) >>> 0;
  const crc = ((rotated << 15) | (rotated >>> 17)) >>> 0;
  if (crc !== crc32c(bytes)) throw new Error('wrong checksum');
}

function parseEvent(data: Buffer): ReadEvent {
  const fields = parseFields(data);
  const event: ReadEvent = { wallTime: number(fields, 1), step: number(fields, 2) };
  if (fields.has(3)) event.fileVersion = bytes(fields, 3).toString();
  if (fields.has(5)) event.scalars = Object.fromEntries(parseFields(bytes(fields, 5)).get(1)?.map(parseValue) ?? []);
  if (fields.has(7)) event.sessionStatus = number(parseFields(bytes(fields, 7)), 1);
  return event;
}

function parseValue(data: number | Buffer): [string, number] {
  const fields = parseFields(data as Buffer);
  return [bytes(fields, 1).toString(), number(fields, 2)];
}

/** The values of each field number. */
type Fields = Map<number, (number | Buffer)[]>;
const number = (fields: Fields, field: number) => fields.get(field)?.[0] as number;
const bytes = (fields: Fields, field: number) => fields.get(field)?.[0] as Buffer;

function parseFields(data: Buffer): Fields {
  const fields: Fields = new Map();
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = data.readUInt8(at++);
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  const take = (length: number) => {
    at += length;
    return data.subarray(at - length, at);
  };
  const readers: Record<number, () => number | Buffer> = {
    0: varint,
    1: () => take(8).readDoubleLE(),
    2: () => take(varint()),
    5: () => take(4).readFloatLE(),
  };
  while (at < data.length) {
    const key = varint();
    const read = readers[key & 7];
    if (!read) throw new Error(`unknown wire type ${key & 7}`);
    fields.set(key >> 3, [...(fields.get(key >> 3) ?? []), read()]);
  }
  return fields;
}
