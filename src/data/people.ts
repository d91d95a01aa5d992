/** Splits by people, so that nobody is on both sides. */
import { createHash } from 'node:crypto';

const TEST_SHARE = 0.2;

/** Each once, in the order of the SHA-256 of their names: one that depends on the names alone, so that every machine agrees. */
export function inHashOrder(names: Iterable<string>): string[] {
  const keyed = [...new Set(names)].map((name) => ({ name, key: createHash('sha256').update(name).digest('hex') }));
  return keyed.sort((a, b) => (a.key < b.key ? -1 : 1)).map(({ name }) => name);
}

/** A fifth, at least one. */
export function testShare(count: number): number {
  return Math.max(1, Math.round(count * TEST_SHARE));
}
