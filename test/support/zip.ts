import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';

const ENCRYPTED = 1;
const DEFLATED = 8;

/** Writes a zip archive with deflated entries, as the owners of data sets do; an encrypted one is only marked so. */
export function writeZip(file: string, entries: Readonly<Record<string, Uint8Array>>, { encrypted = false } = {}): void {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const [name, bytes] of Object.entries(entries)) {
    const data = deflateRawSync(bytes);
    const path = Buffer.from(name);
    const common = Buffer.alloc(26);
    [20, encrypted ? ENCRYPTED : 0, DEFLATED, 0, 0].forEach((value, i) => {
      common.writeUInt16LE(value, 2 * i);
    });
    [crc32(bytes), data.length, bytes.length].forEach((value, i) => {
      common.writeUInt32LE(value, 10 + 4 * i);
    });
    common.writeUInt16LE(path.length, 22);
    const header = Buffer.concat([Buffer.from('PK\x03\x04'), common, path, data]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    central.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00', 'latin1'), common, tail, path]));
    local.push(header);
    offset += header.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  [central.length, central.length].forEach((value, i) => {
    end.writeUInt16LE(value, 8 + 2 * i);
  });
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, Buffer.concat([...local, directory, end]));
}
