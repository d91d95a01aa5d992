/** An exported model that a person opens: its folder's files, or a zip of them. Read in the worker, where it holds nothing up. */
import { unzipSync } from 'fflate';
import type { ModelFiles } from '#uafer/browser/predictor.js';

/** What a model may take once it is unpacked: a browser cannot load more. */
const MOST_BYTES = 2_000_000_000;

/**
 * The two files among those of a folder, or in a zip.
 *
 * @throws Error in a sentence that says what is missing
 */
export async function modelFilesOf(files: readonly File[]): Promise<ModelFiles> {
  const [first] = files;
  const zipped = files.length === 1 && first && /\.zip$/i.test(first.name);
  const found = zipped ? await unzipped(first) : new Map(files.map((file) => [file.name, file as Blob]));
  const description = found.get('model.json');
  if (!description)
    throw new Error('There is no model.json among these files: open a folder that `uafer export` wrote, or a zip of it.');
  const file = networkFile(await description.text());
  const network = found.get(file);
  if (!network) throw new Error(`model.json names the network ${file}, which is not among these files.`);
  return { description, network };
}

function networkFile(text: string): string {
  try {
    const { network } = JSON.parse(text) as { network?: { file?: unknown } };
    if (typeof network?.file === 'string') return network.file;
  } catch {
    // Said below.
  }
  throw new Error('model.json is not that of a model that `uafer export` wrote.');
}

/** By name, without folders: only what a model has. */
async function unzipped(file: File): Promise<Map<string, Blob>> {
  let total = 0;
  const filter = ({ name, originalSize }: { name: string; originalSize: number }) => {
    if (!/\.(json|onnx)$/.test(name)) return false;
    total += originalSize;
    if (total > MOST_BYTES) throw new Error(`${file.name} unpacks to over 2 GB, which a browser cannot load.`);
    return true;
  };
  const bytes = new Uint8Array(await file.arrayBuffer());
  let entries: Record<string, Uint8Array>;
  try {
    entries = unzipSync(bytes, { filter });
  } catch (error) {
    throw new Error(`${file.name} cannot be unpacked: ${(error as Error).message}`);
  }
  const named = Object.entries(entries).map(
    ([path, data]) => [path.replace(/^.*\//, ''), new Blob([data as Uint8Array<ArrayBuffer>])] as const,
  );
  return new Map(named);
}
