import { basename } from 'node:path';
import type { Command } from 'commander';
import { clipFile, type DownloadProgress, download, type RemoteFile } from '../download.js';
import { UaferError } from '../errors.js';
import { createProgress, type Progress } from '../progress.js';
import { didYouMean } from '../suggest.js';
import { abortOnInterrupt } from './interrupt.js';
import { notes, type Verbosity } from './output.js';

const DOWNLOADS = { clip: clipFile };

export function addDownload(command: Command): void {
  command
    .argument('<what>', Object.keys(DOWNLOADS).join(', '))
    .option('--quiet', 'print nothing but errors')
    .addHelpText(
      'after',
      `
The file goes to UAFER_HOME (by default ~/.cache/uafer), where \`uafer train\` finds it. UAFER_CLIP_URL names another address of the
same file, for example a mirror.`,
    )
    .action(async (what: string, options: Verbosity) => {
      const file = known(what)();
      const shown = downloadProgress(file, options);
      await download(file, { onProgress: shown.update, signal: abortOnInterrupt() }).finally(shown.stop);
      notes(options)(`${file.path} is there.`);
    });
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

function known(what: string): () => RemoteFile {
  const names = Object.keys(DOWNLOADS);
  if (what in DOWNLOADS) return DOWNLOADS[what as keyof typeof DOWNLOADS];
  throw new UaferError(
    'USAGE',
    `download: there is no "${what}" to download.${didYouMean(what, names)} There is: ${names.join(', ')}.`,
  );
}
