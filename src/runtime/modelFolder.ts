/** Exported models on the disk. */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { UaferError } from '../errors.js';
import { isFolder } from '../files.js';
import { downloadedModel } from '../manifest.js';
import { packagePath } from '../paths.js';
import { type ModelFile, parseModelFile } from '../predict/modelFile.js';

/** The model that comes with the package. */
export function defaultModel(): string {
  return packagePath('models', 'default');
}

/** The folder of a model: a path, or the name of one that `uafer download` fetched. */
export function modelFolder(model: string): string {
  const downloaded = downloadedModel(model);
  return !existsSync(model) && /^[\w.-]+$/.test(model) && existsSync(downloaded) ? downloaded : model;
}

/**
 * Reads the model in a folder that `uafer export` wrote, and makes sure that its network is the one that was exported.
 *
 * @throws UaferError `DATA` naming the file that is missing, damaged or another one.
 */
export async function readModelFolder(folder: string): Promise<{ model: ModelFile; network: string }> {
  const path = join(folder, 'model.json');
  if (!isFolder(folder))
    throw new UaferError(
      'DATA',
      `${folder} is no folder: expected an exported model (see \`uafer export\`), or the name of one that \`uafer download\` fetched.`,
    );
  if (!existsSync(path))
    throw new UaferError('DATA', `${folder} has no model.json: expected an exported model (see \`uafer export\`).`);
  const model = parseModelFile(readFileSync(path, 'utf8'), path);
  const { network } = model;
  await check(join(folder, network.file), network);
  if (network.data) await check(join(folder, network.data.file), network.data);
  return { model, network: join(folder, network.file) };
}

async function check(file: string, { bytes, sha256 }: { bytes: number; sha256: string }): Promise<void> {
  const size = statSync(file, { throwIfNoEntry: false })?.size;
  if (size === undefined) throw new UaferError('DATA', `${file} is missing, which model.json names: export the model again.`);
  const hash = createHash('sha256');
  if (size === bytes) await pipeline(createReadStream(file), hash);
  if (size === bytes && hash.digest('hex') === sha256) return;
  throw new UaferError(
    'DATA',
    `${file} is not the network of its model.json (${size === bytes ? 'another checksum' : `${size} bytes, expected ${bytes}`}): ` +
      'copy or export the model again.',
  );
}
