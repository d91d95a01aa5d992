/** Starts and ends a service. */
import { type AddressInfo, isIPv6 } from 'node:net';
import { createSecureContext } from 'node:tls';
import { UaferError } from '../errors.js';
import { packageFacts } from '../paths.js';
import { readRegularFileSync } from '../regularFiles.js';
import { shown } from '../shown.js';
import { reasonOf } from '../systemErrors.js';
import { createMetrics } from './metrics.js';
import { loadPackages } from './packages.js';
import { requirePage } from './page.js';
import { createServer } from './server.js';
import { createService } from './service.js';
import type { ServeSettings } from './settings.js';
import { openTokens } from './tokens.js';

export interface RunningService {
  /** Where it listens. */
  url: string;
  model: string;
  backend: string;
  /** What an operator should know of the settings. */
  warnings: readonly string[];
  /** Takes nothing new, answers what it has, and ends. */
  stop(): Promise<void>;
}

/**
 * Starts a service and resolves once it listens and is ready. Throws `USAGE` for settings that cannot be, `DATA` for a model that cannot be loaded,
 * `IO` where it cannot listen, `RUNTIME_NOT_FOUND` where packages are missing.
 */
export async function startService(settings: ServeSettings): Promise<RunningService> {
  checkLimits(settings);
  const tls = settings.tls ? readTls(settings.tls) : null;
  if (settings.web !== undefined) requirePage(settings.web);
  let onReload: Parameters<typeof openTokens>[0]['onReload'] = () => {};
  const tokens = openTokens({
    file: settings.tokensFile,
    fixed: settings.tokens,
    onReload: (error, count) => onReload(error, count),
  });
  const packages = await loadPackages();
  const metrics = createMetrics(packages);
  let onEnd = (_reason: string): void => {};
  const service = await createService(settings, { ...metrics, ended: (reason) => onEnd(reason) });
  try {
    const { version } = packageFacts();
    metrics.describe(service, version, () => service.waiting, settings.limits.queue);
    const { app, drain } = await createServer({ settings, packages, service, metrics, tokens, version, tls });
    onReload = (error, count) => {
      if (error) app.log.error(`${error.message} The ${count} tokens from before stay.`);
      else app.log.info(`${count} tokens are known now.`);
    };
    onEnd = (reason) => {
      metrics.processEnded();
      app.log.error(`${reason}; another one takes its place`);
    };
    await app.listen({ host: settings.host, port: settings.port }).catch((error) => {
      throw listenError(error, settings);
    });
    const warnings = warningsOf(settings, tokens !== null);
    for (const warning of warnings) app.log.warn(warning);
    return {
      url: urlOf(app.server.address() as AddressInfo, tls !== null),
      model: service.model.name,
      backend: service.backend,
      warnings,
      async stop() {
        await drain();
        await service.close();
      },
    };
  } catch (error) {
    await service.close();
    throw error;
  }
}

function checkLimits({ limits }: ServeSettings): void {
  if (limits.queue >= limits.pictures) return;
  throw new UaferError(
    'USAGE',
    `A queue of ${limits.queue} pictures cannot take a request of ${limits.pictures}: raise --queue, or lower --max-pictures.`,
  );
}

function readTls({ certificate, key }: { certificate: string; key: string }): { cert: string; key: string } {
  const read = (file: string) => {
    try {
      return readRegularFileSync(file, 'configuration').toString('utf8');
    } catch (cause) {
      throw new UaferError('USAGE', `${shown(file)} cannot be read: ${reasonOf(cause)}`, { cause });
    }
  };
  const files = { cert: read(certificate), key: read(key) };
  try {
    createSecureContext(files);
    return files;
  } catch (cause) {
    throw new UaferError(
      'USAGE',
      `${shown(certificate)} and ${shown(key)} are not a certificate and its key in PEM (${(cause as Error).message}): name those of one pair, the key without a passphrase.`,
      { cause },
    );
  }
}

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|::1)$/;

function warningsOf({ host, tls }: ServeSettings, secured: boolean): string[] {
  if (LOOPBACK.test(host)) return [];
  if (!secured)
    return [`Everybody who reaches ${host} can ask: give tokens (--tokens FILE or UAFER_TOKENS), or leave out --host.`];
  return tls
    ? []
    : [`Tokens and pictures cross the network in the clear unless a proxy in front speaks TLS (or --tls-cert and --tls-key).`];
}

function urlOf({ address, port }: AddressInfo, secure: boolean): string {
  return `${secure ? 'https' : 'http'}://${isIPv6(address) ? `[${address}]` : address}:${port}`;
}

const LISTEN_ERRORS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'something listens there already: end it, or choose another --port',
  EACCES: 'the system does not allow it: choose a --port of at least 1024',
  EADDRNOTAVAIL: 'this machine has no such address: choose another --host',
  ENOTFOUND: 'there is no such host: choose another --host',
  EAI_AGAIN: 'there is no such host: choose another --host',
};

function listenError(error: NodeJS.ErrnoException, { host, port }: ServeSettings): unknown {
  const said = LISTEN_ERRORS[error.code ?? ''];
  return said ? new UaferError('IO', `Cannot listen on ${host}, port ${port}: ${said}.`, { cause: error }) : error;
}
