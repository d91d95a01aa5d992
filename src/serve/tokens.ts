/** Bearer tokens (RFC 6750): who may ask. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { statSync } from 'node:fs';
import { UaferError } from '../errors.js';
import { readRegularFileSync } from '../regularFiles.js';
import { shown } from '../shown.js';
import { reasonOf } from '../systemErrors.js';

export interface Tokens {
  /** Whether the value of an `Authorization` header names one of them. Takes the same time whichever of them it is, and how much of it is right. */
  allow(authorization: string | undefined): boolean;
}

export interface TokenSource {
  /** One a line; empty lines, and those that begin with #, say nothing. Read again when the file changes. */
  file?: string | undefined;
  /** Those that stay as they are. */
  fixed?: readonly string[] | undefined;
  /** Told of a file that changed, or that could not be read again: the tokens from before then stay. */
  onReload(error: UaferError | null, count: number): void;
}

/** Of a token: shorter ones can be guessed. */
const LEAST_LENGTH = 16;
/** How often a file is looked at, at most. */
const LOOK_MS = 1000;

/** The tokens of a file and of a list together; null where there is no source of any. Throws `USAGE` for what holds none, or one that is too short. */
export function openTokens({ file, fixed = [], onReload }: TokenSource): Tokens | null {
  if (file === undefined && fixed.length === 0) return null;
  const own = digests(fixed, 'UAFER_TOKENS');
  if (file === undefined) return { allow: (authorization) => holds(own, authorization) };
  let stamp = stampOf(file);
  let known = [...own, ...readTokens(file)];
  let looked = performance.now();
  const refresh = () => {
    if (performance.now() - looked < LOOK_MS) return;
    looked = performance.now();
    const now = stampOf(file);
    if (now === stamp) return;
    stamp = now;
    try {
      known = [...own, ...readTokens(file)];
      onReload(null, known.length);
    } catch (error) {
      if (!(error instanceof UaferError)) throw error;
      onReload(error, known.length);
    }
  };
  return {
    allow(authorization) {
      refresh();
      return holds(known, authorization);
    },
  };
}

function holds(known: readonly Buffer[], authorization: string | undefined): boolean {
  const token = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
  const digest = digestOf(token ?? '');
  let found = false;
  for (const each of known) {
    const same = timingSafeEqual(each, digest);
    found = same || found;
  }
  return found && token !== undefined;
}

/** What changes with the file; of one that is replaced through a link too. */
function stampOf(file: string): string {
  const stats = statSync(file, { throwIfNoEntry: false });
  return stats ? `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeMs}` : 'missing';
}

function readTokens(file: string): Buffer[] {
  let text: string;
  try {
    text = readRegularFileSync(file, 'configuration').toString('utf8');
  } catch (cause) {
    throw new UaferError('USAGE', `${shown(file)} cannot be read as a file of tokens: ${reasonOf(cause)}`, { cause });
  }
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  return digests(
    lines.filter((line) => line !== '' && !line.startsWith('#')),
    file,
  );
}

function digests(tokens: readonly string[], source: string): Buffer[] {
  const where = shown(source);
  if (tokens.length === 0 && source !== 'UAFER_TOKENS')
    throw new UaferError('USAGE', `${where} holds no token: expected one a line, for example of \`openssl rand -hex 32\`.`);
  for (const [i, token] of tokens.entries()) {
    if (token.length < LEAST_LENGTH || /\s/.test(token))
      throw new UaferError(
        'USAGE',
        `${where}: token ${i + 1} has ${token.length} letters: expected at least ${LEAST_LENGTH}, without spaces, for example of \`openssl rand -hex 32\`.`,
      );
  }
  return tokens.map(digestOf);
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
