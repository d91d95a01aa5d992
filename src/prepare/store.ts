/** The owners' files, unpacked or in the zip that they came in (read by yauzl; `src/engine/zip.ts` says why there are two). */
import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { crc32 } from 'node:zlib';
import { type Entry, openPromise, type ZipFile } from 'yauzl';
import { UaferError } from '../errors.js';
import { filesBelow, isFolder, isLitter } from '../files.js';
import type { PictureSource } from './plan.js';

/** Files by their names relative to a folder, with slashes. */
export interface Store {
  /** The folder or archive. */
  readonly where: string;
  /** Every file, sorted. */
  names(): readonly string[];
  has(name: string): boolean;
  source(name: string): PictureSource;
  close(): void;
}

export interface StorePlace {
  /** Where the folder or the archive lies. */
  parent: string;
  /** The folder's name; in an archive its files may lie in a folder of that name too. */
  folder: string;
  /** The archive's name, when it isn't `<folder>.zip`. */
  archive?: string;
}

/** The first place that is there, the folder before the archive; null when none is. */
export async function openStore(places: readonly StorePlace[]): Promise<Store | null> {
  for (const { parent, folder, archive = `${folder}.zip` } of places) {
    if (isFolder(join(parent, folder))) return folderStore(join(parent, folder));
    if (existsSync(join(parent, archive))) return zipStore(join(parent, archive), folder);
  }
  return null;
}

/** As `openStore`; throws `DATA` with the first place and `advice` when there is none. */
export async function requireStore(places: readonly StorePlace[], advice: string): Promise<Store> {
  const store = await openStore(places);
  if (store) return store;
  const [{ parent, folder, archive = `${folder}.zip` }] = places as [StorePlace];
  throw new UaferError('DATA', `There is neither a folder ${join(parent, folder)} nor ${join(parent, archive)}: ${advice}`);
}

export function folderStore(root: string): Store {
  let listed: readonly string[] | undefined;
  let known: ReadonlySet<string> | undefined;
  const names = () => {
    listed ??= filesBelow(root).sort();
    return listed;
  };
  return {
    where: root,
    names,
    has: (name) => {
      known ??= new Set(names());
      return known.has(name);
    },
    source: (name) => fileSource(join(root, name)),
    close: () => {},
  };
}

export function fileSource(path: string): PictureSource {
  return {
    where: path,
    fingerprint: () => {
      const { size, mtimeMs } = statSync(path);
      return `${size} ${mtimeMs}`;
    },
    read: () => readFile(path),
  };
}

async function zipStore(archive: string, folder: string): Promise<Store> {
  const { zip, entries } = await openZip(archive);
  const inFolder = [...entries].filter(([name]) => name.startsWith(`${folder}/`));
  const files =
    inFolder.length > 0 ? new Map(inFolder.map(([name, entry]) => [name.slice(folder.length + 1), entry])) : entries;
  return {
    where: archive,
    names: () => [...files.keys()].sort(),
    has: (name) => files.has(name),
    source: (name) => {
      const entry = files.get(name) as Entry;
      const where = `${archive}/${entry.fileName}`;
      return {
        where,
        fingerprint: () => `${entry.uncompressedSize} ${entry.crc32}`,
        read: () => readEntry(zip, entry, where),
      };
    },
    close: () => zip.close(),
  };
}

async function openZip(archive: string): Promise<{ zip: ZipFile; entries: Map<string, Entry> }> {
  const entries = new Map<string, Entry>();
  try {
    const zip = await openPromise(archive, { autoClose: false, lazyEntries: true });
    for await (const entry of zip.eachEntry()) {
      if (!entry.fileName.endsWith('/') && !entry.fileName.split('/').some(isLitter)) entries.set(entry.fileName, entry);
    }
    return { zip, entries };
  } catch (cause) {
    throw new UaferError('DATA', `${archive} cannot be read: ${(cause as Error).message}. Was it downloaded whole?`, { cause });
  }
}

async function readEntry(zip: ZipFile, entry: Entry, where: string): Promise<Uint8Array> {
  if (entry.isEncrypted())
    throw new UaferError('DATA', `${where} is encrypted: unpack the archive with the password that its owners gave you`);
  try {
    const bytes = await buffer(await zip.openReadStreamPromise(entry));
    if (crc32(bytes) !== entry.crc32) throw new Error('its checksum is wrong');
    return bytes;
  } catch (cause) {
    throw new UaferError('IMAGE', `${where} cannot be unpacked: ${(cause as Error).message}`, { cause });
  }
}
