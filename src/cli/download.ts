import { basename } from 'node:path';
import type { Command } from 'commander';
import { type DownloadProgress, download, type RemoteFile } from '../download.js';
import { UaferError } from '../errors.js';
import { clipFile, type DownloadEntry, downloadedModel, readManifest, remoteFiles } from '../manifest.js';
import { createProgress, type Progress } from '../progress.js';
import { didYouMean } from '../suggest.js';
import { textTable } from '../textTable.js';
import { abortOnInterrupt } from './interrupt.js';
import { notes, printText, type Verbosity } from './output.js';

interface DownloadCommandOptions extends Verbosity {
  manifest?: string;
}

export function addDownload(command: Command): void {
  command
    .argument('[what]', 'what to fetch by its name; left out, the names are listed')
    .option('--manifest <path>', "another list of downloads, in the form of the package's assets/downloads.json")
    .option('--quiet', 'print nothing but errors')
    .addHelpText(
      'after',
      `
Files go to UAFER_HOME (by default ~/.cache/uafer): weights of CLIP where \`uafer train\` finds them, exported models where \`uafer predict
--model NAME\` does. Each is checked by its SHA-256, and a download that was stopped goes on with the same command. UAFER_CLIP_URL names
another address of CLIP ViT-B/16, for example a mirror.`,
    )
    .action((what: string | undefined, options: DownloadCommandOptions) => downloadCommand(what, options));
}

async function downloadCommand(what: string | undefined, options: DownloadCommandOptions): Promise<void> {
  const entries = readManifest(options.manifest);
  if (what === undefined) return printText(listed(entries));
  const entry = known(what, entries);
  const signal = abortOnInterrupt();
  for (const file of filesOf(entry, options)) {
    const shown = downloadProgress(file, options);
    await download(file, { onProgress: shown.update, signal }).finally(shown.stop);
    notes(options)(`${file.path} is there.`);
  }
  if (entry.kind === 'model') notes(options)(`Try: uafer predict --model ${entry.name} PHOTO`);
}

/** CLIP ViT-B/16 may have a mirror. */
function filesOf(entry: DownloadEntry, { manifest }: DownloadCommandOptions): RemoteFile[] {
  return entry.name === 'clip' && manifest === undefined ? [clipFile()] : remoteFiles(entry);
}

function listed(entries: readonly DownloadEntry[]): string {
  const size = ({ files }: DownloadEntry) => `${files.reduce((sum, { aboutMegabytes }) => sum + aboutMegabytes, 0)} MB`;
  const place = (entry: DownloadEntry) =>
    entry.kind === 'model' ? downloadedModel(entry.name) : (remoteFiles(entry)[0]?.path ?? '');
  return textTable([
    ['name', 'size', 'what', 'goes to'],
    ...entries.map((entry) => [entry.name, size(entry), entry.about, place(entry)]),
  ]);
}

const MEGABYTE = 1e6;

function downloadProgress({ path }: RemoteFile, { quiet = false }: Verbosity) {
  let progress: Progress | undefined;
  return {
    update: ({ received, total }: DownloadProgress) => {
      if (total === undefined) return;
      const start = received / MEGABYTE;
      progress ??= createProgress({ label: basename(path), total: Math.ceil(total / MEGABYTE), unit: 'MB', start, quiet });
      progress.update(Math.ceil(received / MEGABYTE));
    },
    stop: () => progress?.stop(),
  };
}

function known(what: string, entries: readonly DownloadEntry[]): DownloadEntry {
  const found = entries.find(({ name }) => name === what);
  if (found) return found;
  const names = entries.map(({ name }) => name);
  throw new UaferError(
    'USAGE',
    `download: there is no "${what}" to download.${didYouMean(what, names)} There is: ${names.join(', ')}.`,
  );
}
