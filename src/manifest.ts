/** What `uafer download` can fetch: the package's own list, or another one of the same form. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { RemoteFile } from './download.js';
import { UaferError } from './errors.js';
import { readList } from './files.js';
import { packagePath, uaferHome } from './paths.js';

const fileName = z.string().regex(/^[\w][\w.-]*$/, 'a file name without folders');

const entrySchema = z.object({
  name: z.string().regex(/^[a-z0-9][a-z0-9.-]*$/, 'lower-case letters, digits, dots and hyphens'),
  about: z.string(),
  /** Weights that training starts from, or a folder that `uafer export` wrote. */
  kind: z.enum(['clip', 'model']),
  files: z
    .array(
      z.object({
        file: fileName,
        url: z.url({ protocol: /^https?$/ }),
        sha256: z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256 in hexadecimal'),
        aboutMegabytes: z.number().positive(),
      }),
    )
    .min(1),
});

const manifestSchema = z.object({
  format: z.literal('uafer-downloads'),
  version: z.literal(1),
  entries: z.array(entrySchema),
});

export type DownloadEntry = z.infer<typeof entrySchema>;

/** The entries of a manifest, by default the package's own. Throws `DATA` naming the file and key. */
export function readManifest(path = packagePath('assets', 'downloads.json')): DownloadEntry[] {
  const text = readList(path, 'expected a list of downloads (see assets/downloads.json of the package)');
  try {
    return manifestSchema.parse(JSON.parse(text)).entries;
  } catch (cause) {
    const reason = cause instanceof z.ZodError ? z.prettifyError(cause) : (cause as Error).message;
    throw new UaferError('DATA', `${path} is no list of downloads: ${reason}`, { cause });
  }
}

/** Where a model that was downloaded by name lies. */
export function downloadedModel(name: string): string {
  return join(uaferHome(), 'models', name);
}

/** The files of an entry, and where they belong on this machine. */
export function remoteFiles({ name, kind, files }: DownloadEntry): RemoteFile[] {
  const folder = kind === 'clip' ? join(uaferHome(), 'clip') : downloadedModel(name);
  return files.map(({ file, url, sha256, aboutMegabytes }) => ({
    url,
    sha256,
    path: join(folder, file),
    aboutBytes: aboutMegabytes * 1e6,
  }));
}

/** OpenAI's CLIP ViT-B/16, from the address in OpenAI's CLIP repository or from `$UAFER_CLIP_URL` (a mirror of the same file). */
export function clipFile(): RemoteFile {
  const entry = readManifest().find(({ name }) => name === 'clip') as DownloadEntry;
  const [file] = remoteFiles(entry) as [RemoteFile];
  return { ...file, url: process.env.UAFER_CLIP_URL || file.url };
}

/** Where `uafer download clip` put the file, or null. */
export function downloadedClip(): string | null {
  const { path } = clipFile();
  return existsSync(path) ? path : null;
}
