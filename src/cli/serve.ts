import { availableParallelism } from 'node:os';
import { type Command, Option } from 'commander';
import { UaferError } from '../errors.js';
import type { DetectorName } from '../faces/types.js';
import type { Backend } from '../runtime/onnxRuntime.js';
import { shippedPage } from '../serve/page.js';
import { startService } from '../serve/serve.js';
import { LOG_LEVELS, type LogLevel, SERVE_BATCHING, SERVE_LIMITS, type ServeSettings } from '../serve/settings.js';
import { abortOnInterrupt } from './interrupt.js';
import { notes } from './output.js';
import { wholeNumberFrom } from './wholeNumberOption.js';

interface ServeCommandOptions {
  host: string;
  port: number;
  tokens?: string;
  cors?: string[];
  tlsCert?: string;
  tlsKey?: string;
  web?: string | true;
  detector: DetectorName;
  threads: number;
  backend?: Backend;
  workers: number;
  batch: number;
  gather: number;
  queue: number;
  maxPictures: number;
  maxBytes: number;
  maxPixels: number;
  maxFaces: number;
  uploadTimeout: number;
  answerTimeout: number;
  logLevel: LogLevel;
  quiet?: boolean;
}

export function addServe(command: Command): void {
  const number = (flags: string, description: string, least: number, most: number, byDefault: number) =>
    new Option(flags, description).default(byDefault).argParser(wholeNumberFrom(least, most));
  command
    .argument(
      '[model]',
      'a folder that `uafer export` made, or the name of a downloaded model; the one of the package when left out',
    )
    .option('--host <address>', 'where to listen; others than this machine reach only what it listens on', '127.0.0.1')
    .addOption(number('--port <n>', '0 takes one that is free', 0, 65_535, 8080))
    .option('--tokens <file>', 'ask for one of these bearer tokens, one a line; read again when the file changes')
    .option('--cors <origin...>', 'let pages of these origins read answers')
    .option('--tls-cert <file>', 'speak HTTPS with this certificate (PEM, with its chain)')
    .option('--tls-key <file>', 'and its key')
    .option('--web [folder]', 'serve the page that works in the browser beside it')
    .addOption(
      new Option('--detector <name>', 'blazeface is many times faster, mtcnn finds smaller and more turned faces')
        .choices(['blazeface', 'mtcnn'])
        .default('blazeface'),
    )
    .addOption(number('--threads <n>', 'threads that a network may use', 1, 256, Math.min(4, availableParallelism())))
    .addOption(new Option('--backend <name>', 'native where it works, else wasm, when left out').choices(['native', 'wasm']))
    .addOption(
      number('--workers <n>', 'processes that predict, each with the networks in memory', 1, 64, SERVE_BATCHING.workers),
    )
    .addOption(number('--batch <n>', 'pictures that are predicted together at most', 1, 64, SERVE_BATCHING.most))
    .addOption(number('--gather <ms>', 'how long a picture waits for others', 0, 1000, SERVE_BATCHING.waitMs))
    .addOption(number('--queue <n>', 'pictures that may wait; one more is told to come later', 1, 100_000, SERVE_LIMITS.queue))
    .addOption(number('--max-pictures <n>', 'of a request', 1, 1000, SERVE_LIMITS.pictures))
    .addOption(number('--max-bytes <n>', "of a picture's file", 1000, 2 ** 29, SERVE_LIMITS.bytes))
    .addOption(number('--max-pixels <n>', 'of a picture', 1000, 0x3fff ** 2, SERVE_LIMITS.pixels))
    .addOption(number('--max-faces <n>', 'of a picture', 1, 10_000, SERVE_LIMITS.faces))
    .addOption(number('--upload-timeout <s>', 'for a request to arrive', 1, 3600, SERVE_LIMITS.uploadSeconds))
    .addOption(number('--answer-timeout <s>', 'for its answer from then on', 1, 3600, SERVE_LIMITS.answerSeconds))
    .addOption(
      new Option('--log-level <level>', 'of the log on standard output, JSON lines').choices(LOG_LEVELS).default('info'),
    )
    .option('--quiet', 'print nothing but errors and the log')
    .addHelpText(
      'after',
      `
POST /v1/predict takes a picture's bytes, a form with pictures, or JSON with base64; GET /openapi.json describes it all.
Pictures stay in memory until they are answered; no address is fetched, nothing is written. Tokens may stand in UAFER_TOKENS too,
separated by commas or spaces. Ctrl-C or SIGTERM answers what was sent and ends; a second one ends at once.

Examples:
  uafer serve
  uafer serve models/faces --port 9000 --tokens tokens.txt
  curl --data-binary @photo.jpg -H "Content-Type: image/jpeg" http://127.0.0.1:8080/v1/predict
  curl -F picture=@a.jpg -F picture=@b.jpg "http://127.0.0.1:8080/v1/predict?faces=largest"`,
    )
    .action((model: string | undefined, options: ServeCommandOptions) => serveCommand(model, options));
}

async function serveCommand(model: string | undefined, options: ServeCommandOptions): Promise<void> {
  const note = notes(options);
  const signal = abortOnInterrupt(() => note('Answering what was sent, then ending. Ctrl-C again ends at once.'));
  const { url, stop, warnings, ...service } = await startService(settingsOf(model, options));
  note(`${service.model} on ${service.backend} listens on ${url}. Ctrl-C ends it.`);
  for (const warning of warnings) note(`Warning: ${warning}`);
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
  await stop();
}

function settingsOf(model: string | undefined, options: ServeCommandOptions): ServeSettings {
  const { host, port, tokens, cors, tlsCert, tlsKey, web, detector, threads, backend, logLevel } = options;
  if ((tlsCert === undefined) !== (tlsKey === undefined))
    throw new UaferError('USAGE', '--tls-cert and --tls-key belong together: name both.');
  const wrong = cors?.find((origin) => origin !== '*' && !isOrigin(origin));
  if (wrong !== undefined)
    throw new UaferError('USAGE', `--cors ${wrong}: expected an origin such as https://example.org, without a path, or *.`);
  return {
    predictor: { detector, threads, ...(model !== undefined && { model }), ...(backend && { backend }) },
    host,
    port,
    limits: {
      pictures: options.maxPictures,
      bytes: options.maxBytes,
      pixels: options.maxPixels,
      faces: options.maxFaces,
      uploadSeconds: options.uploadTimeout,
      answerSeconds: options.answerTimeout,
      queue: options.queue,
    },
    batching: { most: options.batch, waitMs: options.gather, workers: options.workers },
    ...(tokens !== undefined && { tokensFile: tokens }),
    tokens: (process.env.UAFER_TOKENS ?? '').split(/[\s,]+/).filter((token) => token !== ''),
    ...(cors && { cors }),
    ...(tlsCert !== undefined && tlsKey !== undefined && { tls: { certificate: tlsCert, key: tlsKey } }),
    ...(web !== undefined && { web: web === true ? shippedPage() : web }),
    logLevel,
  };
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text;
}
