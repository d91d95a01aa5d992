/** HTTP in front of a service: routes, who may ask, errors, logs. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify';
import { predictionLine } from '../predict/predictionLine.js';
import { shownJson } from '../shown.js';
import { readBody } from './bodies.js';
import type { Metrics } from './metrics.js';
import { openApi } from './openApi.js';
import type { ServePackages } from './packages.js';
import { addPage } from './page.js';
import { PROBLEM_TYPE, Problem, problemOf, problemStatus } from './problems.js';
import { modelAnswer, type ServeAnswer } from './schemas.js';
import type { Outcome, Service } from './service.js';
import { heldBytes, requestBytes, type ServeSettings } from './settings.js';
import type { Tokens } from './tokens.js';

export interface ServerParts {
  settings: ServeSettings;
  packages: ServePackages;
  service: Service;
  metrics: Metrics;
  /** Null lets everybody ask. */
  tokens: Tokens | null;
  /** Of this package. */
  version: string;
  /** Contents of the certificate and its key, in PEM. */
  tls: { cert: string; key: string } | null;
}

export interface Server {
  app: FastifyInstance;
  /** Takes no new connections, answers what was sent by then, and ends. */
  drain(): Promise<void>;
}

/** The client has gone: there is nobody to answer. */
class Gone extends Error {}

/** Connections at once; each may hold a request that is arriving. */
const MOST_CONNECTIONS = 1024;
/** Milliseconds that the thread of the service is held up, above which it takes nothing new. */
const MOST_DELAY_MS = 1000;
const HEAD_TIMEOUT_MS = 10_000;

export async function createServer(parts: ServerParts): Promise<Server> {
  const { settings, packages, service, metrics, tokens, version } = parts;
  const { limits } = settings;
  let draining = false;
  let held = 0;
  const work = new WeakMap<FastifyRequest, { pictures: number; faces: number; bytes: number }>();

  const app = packages.fastify(serverOptions(parts, metrics)) as unknown as FastifyInstance;
  app.server.maxConnections = MOST_CONNECTIONS;
  const methods = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    const own = methods.get(url) ?? new Set();
    for (const each of [method].flat()) own.add(each);
    methods.set(url, own);
  });
  await app.register(packages.multipart);
  // Bodies are read by the handler, which counts their bytes.
  app.removeContentTypeParser(['application/json', 'text/plain']);
  for (const type of ['application/json', 'application/octet-stream', /^image\/[\w.+-]+(?:;|$)/])
    app.addContentTypeParser(type, (_, payload, done) => done(null, payload));

  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
    reply.raw.once('close', () => {
      if (reply.raw.writableFinished) return;
      metrics.failed('gone');
      request.log.info({ method: request.method, route: request.routeOptions.url ?? 'other', ...work.get(request) }, 'gone');
    });
  });
  app.addHook('onSend', async (_, reply) => {
    if (draining) reply.header('connection', 'close');
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store');
    reply.header('x-content-type-options', 'nosniff');
  });
  app.addHook('onResponse', async (request, reply) => {
    const { url = 'other' } = request.routeOptions;
    metrics.answered(url, request.method, reply.statusCode, reply.elapsedTime / 1000);
    const milliseconds = Math.round(10 * reply.elapsedTime) / 10;
    request.log.info(
      { method: request.method, route: url, status: reply.statusCode, milliseconds, ...work.get(request) },
      'answered',
    );
  });

  const answerProblem = (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
    if (error instanceof Gone || reply.raw.destroyed) return reply.hijack();
    const problem = problemOf(error);
    metrics.failed(problem.kind);
    if (problem.kind === 'internal') request.log.error({ err: error }, 'failed');
    if (problem.kind === 'upload-timeout') reply.header('connection', 'close');
    else if (!request.raw.complete) linger(request.raw, requestBytes(limits));
    return reply
      .code(problemStatus(problem.kind))
      .headers(problem.headers)
      .type(PROBLEM_TYPE)
      .send(shownJson(problem.body(request.id)));
  };
  const answerUnknown = (request: FastifyRequest, reply: FastifyReply) => {
    const path = request.url.split('?', 1)[0] as string;
    const taken = methods.get(path);
    const problem = taken
      ? new Problem('method', `${path} takes ${[...taken].join(', ')}.`, { allow: [...taken].join(', ') })
      : new Problem('not-found', 'See /openapi.json for what there is.');
    return answerProblem(problem, request, reply);
  };
  // Whatever else is wrong with a request to nothing, that is what is said of it.
  app.setErrorHandler((error, request, reply) =>
    request.is404 ? answerUnknown(request, reply) : answerProblem(error, request, reply),
  );
  app.setNotFoundHandler(answerUnknown);

  const authorize = async (request: FastifyRequest) => {
    if (tokens === null || tokens.allow(request.headers.authorization)) return;
    const how = { 'www-authenticate': 'Bearer' };
    throw new Problem('unauthorized', 'Send `Authorization: Bearer TOKEN` with a token that the service knows.', how);
  };

  const predict = async (request: FastifyRequest, reply: FastifyReply) => {
    const controller = new AbortController();
    const { signal } = controller;
    const after = (seconds: number, problem: Problem) => setTimeout(() => controller.abort(problem), 1000 * seconds);
    reply.raw.once('close', () => {
      if (!reply.raw.writableFinished) controller.abort(new Gone('the client has gone'));
    });
    const own = { pictures: 0, faces: 0, bytes: 0 };
    work.set(request, own);
    const onBytes = (count: number) => {
      if (held + count > heldBytes(limits))
        throw busy('Requests of so many bytes wait already that there is no memory for this one.');
      held += count;
      own.bytes += count;
    };
    let timer = after(limits.uploadSeconds, uploadTimeout(limits.uploadSeconds));
    try {
      service.requirePlace(1);
      const { pictures, options } = await readBody(request, { limits, signal, onBytes });
      clearTimeout(timer);
      timer = after(limits.answerSeconds, answerTimeout(limits.answerSeconds));
      own.pictures = pictures.length;
      const outcomes = await service.predict(
        pictures.map(({ bytes }) => bytes),
        options as Parameters<Service['predict']>[1],
        signal,
      );
      own.faces = tell(outcomes, metrics);
      const answer = answerOf(service.model.name, pictures, outcomes);
      return reply.type('application/json; charset=utf-8').send(shownJson(answer));
    } finally {
      clearTimeout(timer);
      held -= own.bytes;
    }
  };

  const description = openApi({ version, limits, secured: tokens !== null });
  app.get('/openapi.json', async () => description);
  app.get('/healthz', async () => {
    if (service.healthy) return { status: 'ok' };
    throw new Problem(
      'not-ready',
      'Nothing predicts, or does not end its work. Unless that passes, the service should be started again.',
    );
  });
  app.get('/readyz', async () => {
    if (!draining) return { status: 'ready' };
    throw new Problem('not-ready', 'The service is ending.');
  });
  app.get('/metrics', { onRequest: authorize }, async (_, reply) => reply.type(metrics.type).send(await metrics.text()));
  await app.register(
    async (scope) => {
      if (settings.cors?.length) await scope.register(packages.cors, corsOptions(settings.cors));
      scope.addHook('onRequest', authorize);
      await scope.register(packages.pressure, {
        maxEventLoopDelay: MOST_DELAY_MS,
        pressureHandler: async () => {
          throw busy('The service is under pressure.');
        },
      });
      scope.post('/predict', predict);
      const detector = settings.predictor.detector ?? 'blazeface';
      const about = modelAnswer(service.model, { backend: service.backend, detector, version, limits });
      scope.get('/model', async () => about);
    },
    { prefix: '/v1' },
  );
  if (settings.web !== undefined) await addPage(app, packages, settings.web);
  return {
    app,
    async drain() {
      draining = true;
      await app.close();
    },
  };
}

function serverOptions({ settings, tls, packages }: ServerParts, metrics: Metrics): FastifyServerOptions {
  const { limits, logLevel } = settings;
  const node = { connectionsCheckingInterval: 1000, headersTimeout: HEAD_TIMEOUT_MS };
  const options = {
    logger: { level: logLevel },
    // The lines about requests are ours: of what was asked they tell nothing but the route.
    logController: new packages.LogController({ disableRequestLogging: true }),
    genReqId: requestId,
    // What is sent on a connection that is open stays accepted while the service drains.
    return503OnClosing: false,
    // The reading of bodies has a limit of its own, which is answered with; this one is behind it.
    requestTimeout: 1000 * limits.uploadSeconds + HEAD_TIMEOUT_MS,
    clientErrorHandler: (error: NodeJS.ErrnoException, socket: Socket) => answerBroken(error, socket, metrics),
    ...(tls ? { https: { ...tls, ...node } } : { http: node }),
  };
  return options as FastifyServerOptions;
}

/** The id that a proxy has given, where it is one; it stands in logs and headers. */
function requestId({ headers }: { headers: Record<string, string | string[] | undefined> }): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && /^[\w.-]{1,64}$/.test(given) ? given : randomUUID();
}

const BROKEN: Readonly<Record<string, Problem>> = {
  ERR_HTTP_REQUEST_TIMEOUT: new Problem('upload-timeout', 'The request did not arrive in time.'),
  HPE_HEADER_OVERFLOW: new Problem('headers', 'The headers have more bytes than the 16 KiB that are the most.'),
  HPE_INVALID_EOF_STATE: new Problem('malformed', 'The request is cut off: it has fewer bytes than it says.'),
};

/** Answers what is no request of HTTP, or never became a whole one. */
function answerBroken(error: NodeJS.ErrnoException, socket: Socket, metrics: Metrics): void {
  const answering = (socket as Socket & { _httpMessage?: { headersSent: boolean } })._httpMessage?.headersSent;
  if (error.code === 'ECONNRESET' || !socket.writable || answering) return void socket.destroy();
  const problem = BROKEN[error.code ?? ''] ?? new Problem('malformed', 'This is not a request of HTTP/1.1.');
  metrics.failed(problem.kind);
  socket.end(problem.text(), () => socket.destroy());
}

const LINGER_LOOK_MS = 50;
const LINGER_MS = 2000;

/**
 * Lets a client whose request is refused before its end send the rest, which goes nowhere: who is cut off while it sends does not read the answer.
 * What has no end is cut off.
 */
function linger(request: IncomingMessage, most: number): void {
  const { socket } = request;
  const [bytes, since] = [socket.bytesRead, performance.now()];
  const look = setInterval(() => {
    const endless = socket.bytesRead - bytes > most || performance.now() - since > LINGER_MS;
    if (endless) socket.destroy();
    if (endless || request.complete || socket.destroyed) clearInterval(look);
  }, LINGER_LOOK_MS);
  look.unref();
}

const busy = (detail: string) => new Problem('busy', `${detail} Ask again in a second.`, { 'retry-after': '1' });

const uploadTimeout = (seconds: number) =>
  new Problem('upload-timeout', `The request did not arrive within ${seconds} s (\`uafer serve --upload-timeout\`).`);

const answerTimeout = (seconds: number) =>
  new Problem('answer-timeout', `There was no answer within ${seconds} s (\`uafer serve --answer-timeout\`).`, {
    'retry-after': '5',
  });

function corsOptions(origins: readonly string[]) {
  return {
    origin: origins.includes('*') ? '*' : [...origins],
    methods: ['GET', 'POST'],
    allowedHeaders: ['authorization', 'content-type', 'x-request-id'],
    exposedHeaders: ['x-request-id', 'retry-after'],
    maxAge: 600,
  };
}

/** Counts what was answered; gives the number of faces. */
function tell(outcomes: readonly Outcome[], metrics: Metrics): number {
  let faces = 0;
  for (const outcome of outcomes) {
    const found = 'prediction' in outcome ? outcome.prediction.faces : [];
    metrics.pictures(
      'prediction' in outcome ? 'predicted' : 'failed',
      found.map(({ decision }) => decision),
    );
    faces += found.length;
  }
  return faces;
}

/** As `uafer predict --json` says it. Throws the error where there is nothing else. */
function answerOf(model: string, pictures: readonly { file: string }[], outcomes: readonly Outcome[]): ServeAnswer {
  const [first] = outcomes;
  if (first && 'error' in first && outcomes.every((outcome) => 'error' in outcome)) throw first.error;
  return {
    model,
    pictures: outcomes.map((outcome, i) => {
      const { file } = pictures[i] as { file: string };
      return 'error' in outcome ? { file, error: outcome.error.message } : predictionLine(file, outcome.prediction);
    }),
  };
}
