import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { bytesField, doubleField, floatField, varintField } from '../protobuf.js';
import { crc32c } from './crc32c.js';

/*
 * TensorBoard event files: TFRecords of `Event` messages (tensorflow/core/util/event.proto, summary.proto). No maintained npm
 * package writes them without TensorFlow's binaries, and scalars need five fields of the format.
 */

/** Writes scalars for TensorBoard. */
export interface EventWriter {
  /** Adds a point to the curve of each name (`train/loss`) at `step`. In the file when it returns. */
  scalars(step: number, values: Readonly<Record<string, number>>): void;
  close(): void;
}

let files = 0;

/**
 * Opens a new event file in `folder`. `firstStep` is the first step that will be written: TensorBoard then drops what an earlier
 * file of the folder has from there on, so that a resumed run has one curve.
 */
export function openEvents(folder: string, firstStep: number): EventWriter {
  mkdirSync(folder, { recursive: true });
  // TensorBoard reads files in the order of their names: the seconds come first, the count tells files of one second apart.
  const name = `events.out.tfevents.${Math.floor(Date.now() / 1000)}.${hostname()}.${process.pid}.${files++}`;
  const file = openSync(join(folder, name), 'wx');
  const write = (event: Uint8Array) => void writeSync(file, record(event));
  write(versionEvent());
  write(sessionStartEvent(firstStep));
  return {
    scalars: (step, values) => write(scalarsEvent(step, values)),
    close: () => closeSync(file),
  };
}

/** TFRecord framing: length (uint64), its masked CRC, the data, its masked CRC; little-endian. */
function record(data: Uint8Array): Uint8Array {
  const header = Buffer.alloc(12);
  header.writeBigUInt64LE(BigInt(data.length));
  header.writeUInt32LE(maskedCrc(header.subarray(0, 8)), 8);
  const footer = Buffer.alloc(4);
  footer.writeUInt32LE(maskedCrc(data));
  return Buffer.concat([header, data, footer]);
}

/** TFRecord stores CRCs rotated and shifted, so that the CRC of data that holds CRCs is not degenerate. */
function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

// Field numbers are those of the .proto files.

function versionEvent(): Uint8Array {
  return event(0, bytesField(3, Buffer.from('brain.Event:2')));
}

/** `session_log { status: START }`: events of earlier files from this step on are void. */
function sessionStartEvent(step: number): Uint8Array {
  return event(step, bytesField(7, varintField(1, 1)));
}

function scalarsEvent(step: number, values: Readonly<Record<string, number>>): Uint8Array {
  const summary = Object.entries(values).map(([tag, value]) =>
    bytesField(1, Buffer.concat([bytesField(1, Buffer.from(tag)), floatField(2, value)])),
  );
  return event(step, bytesField(5, Buffer.concat(summary)));
}

function event(step: number, what: Uint8Array): Uint8Array {
  return Buffer.concat([doubleField(1, Date.now() / 1000), varintField(2, step), what]);
}
