/** An exported model that a person opens: its folder's files, or a zip of them. */
import { unzip } from 'fflate';
import type { ModelFiles } from '#uafer/browser/predictor.js';

/** What a model may take once it is unpacked: a browser cannot load more. */
const MOST_BYTES = 2_000_000_000;

/**
 * The two files among those of a folder, or in a zip.
 *
 * @throws Error in a sentence that says what is missing
 */
export async function modelFilesOf(files: readonly File[]): Promise<{ name: string; model: ModelFiles }> {
  const [first] = files;
  const zipped = files.length === 1 && first && /\.zip$/i.test(first.name);
  const found = zipped ? await unzipped(first) : new Map(files.map((file) => [file.name, file as Blob]));
  const description = found.get('model.json');
  if (!description)
    throw new Error('There is no model.json among these files: open a folder that `uafer export` wrote, or a zip of it.');
  const file = networkFile(await description.text());
  const network = found.get(file);
  if (!network) throw new Error(`model.json names the network ${file}, which is not among these files.`);
  const name = zipped ? first.name : (first?.webkitRelativePath.split('/')[0] ?? '');
  return { name: name || 'your model', model: { description, network } };
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
  const bytes = new Uint8Array(await file.arrayBuffer());
  let total = 0;
  return new Promise((resolve, reject) => {
    const filter = ({ name, originalSize }: { name: string; originalSize: number }) => {
      if (!/\.(json|onnx)$/.test(name)) return false;
      total += originalSize;
      return total <= MOST_BYTES;
    };
    unzip(bytes, { filter }, (error, files) => {
      if (error) return reject(new Error(`${file.name} cannot be unpacked: ${error.message}.`));
      if (total > MOST_BYTES) return reject(new Error(`${file.name} unpacks to over 2 GB, which a browser cannot load.`));
      resolve(
        new Map(
          Object.entries(files).map(([path, data]) => [path.replace(/^.*\//, ''), new Blob([data as Uint8Array<ArrayBuffer>])]),
        ),
      );
    });
  });
}
