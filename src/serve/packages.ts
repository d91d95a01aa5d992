/**
 * The packages that only a service needs. They are loaded when one starts: an installation that predicts can do without them, so they are optional
 * dependencies. npm leaves such a package out, silently, where anything that it needs asks for a newer Node.js: hence the older @fastify/static and
 * light-my-request in package.json, which fastify itself takes.
 */
import { UaferError } from '../errors.js';

const NAMES = [
  'fastify',
  '@fastify/cors',
  '@fastify/multipart',
  '@fastify/static',
  '@fastify/under-pressure',
  'prom-client',
] as const;

export interface ServePackages {
  fastify: typeof import('fastify').fastify;
  LogController: typeof import('fastify').LogController;
  cors: typeof import('@fastify/cors').fastifyCors;
  multipart: typeof import('@fastify/multipart').fastifyMultipart;
  files: typeof import('@fastify/static').fastifyStatic;
  pressure: typeof import('@fastify/under-pressure').fastifyUnderPressure;
  prometheus: typeof import('prom-client');
}

/** Throws `RUNTIME_NOT_FOUND` with the remedy where one is missing. */
export async function loadPackages(): Promise<ServePackages> {
  try {
    return await load();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
    throw new UaferError(
      'RUNTIME_NOT_FOUND',
      `The service needs packages that are not installed here (${(cause as Error).message.split('\n')[0]}). Install them: npm install ${NAMES.join(' ')}`,
      { cause },
    );
  }
}

async function load(): Promise<ServePackages> {
  const [fastify, cors, multipart, files, pressure, prometheus] = await Promise.all([
    import('fastify'),
    import('@fastify/cors'),
    import('@fastify/multipart'),
    import('@fastify/static'),
    import('@fastify/under-pressure'),
    import('prom-client'),
  ]);
  return {
    fastify: fastify.fastify,
    LogController: fastify.LogController,
    cors: cors.fastifyCors,
    multipart: multipart.fastifyMultipart,
    files: files.fastifyStatic,
    pressure: pressure.fastifyUnderPressure,
    prometheus: prometheus.default,
  };
}
