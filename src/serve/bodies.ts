/** What a request asks: pictures and options, from the three forms of its body. Bytes are counted as they come, and nothing is written to disk. */
import type { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { shown } from '../shown.js';
import { Problem } from './problems.js';
import { type AskedOptions, jsonRequestSchema, LONGEST_NAME, optionsSchema } from './schemas.js';
import { requestBytes, type ServeLimits } from './settings.js';

interface NamedPicture {
  /** As the client calls it; stands in the answer. */
  file: string;
  bytes: Buffer;
}

interface Asked {
  pictures: NamedPicture[];
  options: AskedOptions;
}

export interface BodyReader {
  limits: ServeLimits;
  /** Ends the reading with its reason. */
  signal: AbortSignal;
  /** Told of bytes as they come; throws when there is no memory for them. */
  onBytes(count: number): void;
}

/** An option, with the place that it stands at. */
type Entry = [name: string, value: unknown];

/** Reads a request. Throws a `Problem` that says what is wrong with it. */
export async function readBody(request: FastifyRequest, reader: BodyReader): Promise<Asked> {
  const declared = Number(request.headers['content-length'] ?? 0);
  if (declared > requestBytes(reader.limits)) throw tooLarge('The request', requestBytes(reader.limits));
  const query = Object.entries(request.query as Record<string, unknown>).map(
    ([name, value]): Entry => [name, typed(name, value)],
  );
  if (request.isMultipart()) return readForm(request, query, reader);
  const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (!(request.body !== undefined && request.body !== null))
    throw new Problem('malformed', 'The request has no body: send a picture.');
  if (type === 'application/json') return readJson(request.body as Readable, query, reader);
  const bytes = await collect(request.body as Readable, reader.limits.bytes, 'The picture', reader);
  if (bytes.length === 0) throw new Problem('malformed', 'The body is empty: send the bytes of a picture.');
  return { pictures: [{ file: nameOf(undefined, 0), bytes }], options: optionsOf(query) };
}

async function readJson(body: Readable, query: readonly Entry[], reader: BodyReader): Promise<Asked> {
  const text = await collect(body, requestBytes(reader.limits), 'The request', reader);
  const { pictures, ...rest } = checked(jsonRequestSchema(reader.limits), parsed(text));
  const coded = pictures.map(({ file, data }, i) => ({ file: nameOf(file, i), bytes: Buffer.from(data, 'base64') }));
  if (coded.some(({ bytes }) => bytes.length > reader.limits.bytes)) throw tooLarge('A picture', reader.limits.bytes);
  return {
    pictures: coded,
    options: optionsOf(query, Object.entries(rest)),
  };
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new Problem('malformed', `The body is not JSON: ${shown((error as Error).message).slice(0, 200)}`);
  }
}

/** Of a form's own text: names and values of options, a boundary a part. */
const FIELD_BYTES = 100;

async function readForm(request: FastifyRequest, query: readonly Entry[], reader: BodyReader): Promise<Asked> {
  const { limits } = reader;
  const stop = aborted(reader.signal);
  try {
    return await Promise.race([stop.promise, formOf(request, query, reader)]);
  } catch (error) {
    // The rest goes nowhere, so that the client can send it and read the answer.
    request.raw.unpipe();
    request.raw.resume();
    const { code } = error as { code?: string };
    if (code === 'FST_FILES_LIMIT')
      throw new Problem('too-large', `The request has more pictures than ${limits.pictures}, which are the most.`);
    if (code === 'FST_REQ_FILE_TOO_LARGE') throw tooLarge('A picture', limits.bytes);
    if (error instanceof Problem || code?.startsWith('FST_') || reader.signal.aborted) throw error;
    throw new Problem('malformed', `The form cannot be read: ${shown((error as Error).message)}.`);
  } finally {
    stop.forget();
  }
}

async function formOf(request: FastifyRequest, query: readonly Entry[], reader: BodyReader): Promise<Asked> {
  const { pictures: files, bytes: fileSize } = reader.limits;
  const pictures: NamedPicture[] = [];
  const fields: Entry[] = [];
  const limits = {
    files,
    fileSize,
    fields: 16,
    fieldNameSize: FIELD_BYTES,
    fieldSize: FIELD_BYTES,
    parts: files + 16,
    headerPairs: 32,
  };
  for await (const part of request.parts({ limits })) {
    if (part.type === 'field') {
      if (part.valueTruncated)
        throw new Problem('options', `${shown(part.fieldname)}: its value has more than ${FIELD_BYTES} bytes.`);
      fields.push([part.fieldname, typed(part.fieldname, part.value)]);
      continue;
    }
    const bytes = await collect(part.file, fileSize, 'A picture', reader);
    if (part.file.truncated) throw tooLarge('A picture', fileSize);
    pictures.push({ file: nameOf(part.filename, pictures.length), bytes });
  }
  if (pictures.length === 0)
    throw new Problem('malformed', 'The form has no picture: send files, each with its name (curl: -F picture=@photo.jpg).');
  return { pictures, options: optionsOf(query, fields) };
}

function nameOf(name: string | undefined, i: number): string {
  return name ? name.slice(0, LONGEST_NAME) : `picture ${i + 1}`;
}

/** The value of an option that was given as text; what is none stays text, and is refused with its name. */
function typed(name: string, value: unknown): unknown {
  if (typeof value !== 'string') return value;
  if ((name === 'aligned' || name === 'heatmap') && /^(true|false)$/.test(value)) return value === 'true';
  if (name === 'abstain' && value.trim() !== '' && Number.isFinite(Number(value))) return Number(value);
  return value;
}

const fromEntries = (entries: readonly Entry[]) => Object.fromEntries(entries.filter(([, value]) => value !== undefined));

/** Those beside the pictures go over those of the query. */
function optionsOf(query: readonly Entry[], beside: readonly Entry[] = []): AskedOptions {
  const names = beside.map(([name]) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new Problem('options', `${shown(twice)} is given more than once.`);
  return {
    ...checked(optionsSchema, fromEntries(query), 'options'),
    ...checked(optionsSchema, fromEntries(beside), 'options'),
  };
}

function checked<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  kind: 'malformed' | 'options' = 'malformed',
): z.infer<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const said = result.error.issues.map(({ path, message }) => (path.length > 0 ? `${path.join('.')}: ${message}` : message));
  throw new Problem(kind, `${shown(said.join('; ')).slice(0, 500)}.`);
}

const tooLarge = (what: string, most: number) =>
  new Problem('too-large', `${what} has more than ${most} bytes, which are the most (\`uafer serve --max-bytes\`).`);

/** All bytes of a stream, which is left as it is when the reading ends early. */
function collect(stream: Readable, most: number, what: string, { signal, onBytes }: BodyReader): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  return new Promise((resolve, reject) => {
    const end = (settle: () => void) => {
      stream.off('data', onData).off('end', onEnd).off('error', onError).off('close', onClose);
      signal.removeEventListener('abort', onAbort);
      stream.on('error', () => {});
      settle();
    };
    const fail = (error: unknown) => {
      end(() => reject(error));
      // Nobody reads on: what comes is dropped.
      stream.resume();
    };
    const onData = (chunk: Buffer) => {
      length += chunk.length;
      try {
        onBytes(chunk.length);
      } catch (error) {
        return fail(error);
      }
      if (length > most) return fail(tooLarge(what, most));
      chunks.push(chunk);
    };
    const onEnd = () => end(() => resolve(Buffer.concat(chunks, length)));
    const onError = (error: Error) => fail(error);
    const onClose = () => fail(new Problem('malformed', 'The body is cut off.'));
    const onAbort = () => fail(signal.reason);
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    stream.on('data', onData).on('end', onEnd).on('error', onError).on('close', onClose);
  });
}

/** A promise that a signal rejects, until it is forgotten. */
function aborted(signal: AbortSignal): { promise: Promise<never>; forget(): void } {
  let listener = () => {};
  const promise = new Promise<never>((_, reject) => {
    listener = () => reject(signal.reason);
    if (signal.aborted) listener();
    signal.addEventListener('abort', listener, { once: true });
  });
  return { promise, forget: () => signal.removeEventListener('abort', listener) };
}
