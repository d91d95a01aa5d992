/** The owners' files, unpacked or in the zip that they came in. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UaferError } from '../errors.js';
import { filesBelow, isFolder, sizeAndTime } from '../files.js';
import { type FileKind, readRegularFile } from '../regularFiles.js';
import { shown } from '../shown.js';
import { reasonOf } from '../systemErrors.js';
import { type ArchiveEntry, openArchive } from './archive.js';
import type { PictureSource } from './plan.js';

/** Files by their names relative to a folder, with slashes. */
export interface Store {
  /** The folder or archive. */
  readonly where: string;
  /** Every file, sorted. */
  names(): readonly string[];
  has(name: string): boolean;
  source(name: string): PictureSource;
  /** The bytes of a small file beside the pictures: points, a label. Throws `DATA` with its name. */
  annotation(name: string): Promise<Buffer>;
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
    annotation: (name) => readFile(join(root, name), 'annotation', 'DATA'),
    close: () => {},
  };
}

export function fileSource(path: string): PictureSource {
  return {
    where: path,
    fingerprint: () => sizeAndTime(path)?.join(' ') ?? 'absent',
    read: () => readFile(path, 'picture', 'IMAGE'),
  };
}

async function readFile(path: string, kind: FileKind, code: 'DATA' | 'IMAGE'): Promise<Buffer> {
  try {
    return await readRegularFile(path, kind);
  } catch (cause) {
    throw new UaferError(code, `${shown(path)} cannot be read: ${reasonOf(cause)}`, { cause });
  }
}

async function zipStore(path: string, folder: string): Promise<Store> {
  const archive = await openArchive(path);
  const { entries } = archive;
  const inFolder = [...entries].filter(([name]) => name.startsWith(`${folder}/`));
  const files =
    inFolder.length > 0 ? new Map(inFolder.map(([name, entry]) => [name.slice(folder.length + 1), entry])) : entries;
  const entryOf = (name: string) => files.get(name) as ArchiveEntry;
  return {
    where: path,
    names: () => [...files.keys()].sort(),
    has: (name) => files.has(name),
    source: (name) => {
      const { fileName, uncompressedSize, crc32 } = entryOf(name);
      return {
        where: `${path}/${fileName}`,
        fingerprint: () => `${uncompressedSize} ${crc32}`,
        read: () => archive.read(entryOf(name), 'packedPicture', 'IMAGE'),
      };
    },
    annotation: (name) => archive.read(entryOf(name), 'annotation', 'DATA'),
    close: archive.close,
  };
}
