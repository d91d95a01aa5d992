import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { crc32c } from '#uafer/run/crc32c.js';
import { openEvents } from '#uafer/run/events.js';
import { readEvents } from '../support/eventFile.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'uafer-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

// Check value of the CRC catalogue, and the test vectors of RFC 3720 (iSCSI), B.4.
it.each([
  ['123456789', Buffer.from('123456789'), 0xe3069283],
  ['32 zeros', Buffer.alloc(32), 0x8a9136aa],
  ['32 ones', Buffer.alloc(32, 0xff), 0x62a8ab43],
  ['32 ascending', Buffer.from(Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e],
])('CRC-32C of %s', (_, bytes, expected) => {
  expect(crc32c(bytes)).toBe(expected);
});

describe('an event file', () => {
  const written = () => readdirSync(folder).sort();

  it('reads back as what was written', () => {
    const before = Date.now() / 1000;
    const events = openEvents(folder, 1);
    events.scalars(1, { 'train/loss': 0.5, 'train/lr': 1e-4 });
    events.scalars(300, { 'test/accuracy': Number.NaN });
    events.scalars(2 ** 40 + 1, { empfindung: -3 });
    events.close();
    expect(written()).toEqual([expect.stringMatching(/^events\.out\.tfevents\.\d{10}\./)]);
    const [version, start, ...scalars] = readEvents(readFileSync(join(folder, written()[0] as string)));
    expect(version).toMatchObject({ step: 0, fileVersion: 'brain.Event:2' });
    expect(start).toMatchObject({ step: 1, sessionStatus: 1 });
    expect(scalars.map(({ step, scalars }) => ({ step, scalars }))).toEqual([
      { step: 1, scalars: { 'train/loss': 0.5, 'train/lr': Math.fround(1e-4) } },
      { step: 300, scalars: { 'test/accuracy': Number.NaN } },
      { step: 2 ** 40 + 1, scalars: { empfindung: -3 } },
    ]);
    for (const { wallTime } of scalars) expect(Math.abs(wallTime - before)).toBeLessThan(10);
  });

  it('holds an event as soon as it is written', () => {
    const events = openEvents(folder, 1);
    events.scalars(1, { loss: 1 });
    expect(readEvents(readFileSync(join(folder, written()[0] as string)))).toHaveLength(3);
    events.close();
  });

  it('stands beside an earlier one of the same second', () => {
    openEvents(folder, 1).close();
    openEvents(folder, 7).close();
    expect(written()).toHaveLength(2);
  });
});
