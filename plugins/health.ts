/**
 * Reports the state of the server to orchestrators and load balancers: `live` while it answers at all, `ready` while it
 * should get requests. It is not ready while it stops or while its store does not answer.
 * Source: the probes of Kubernetes, and the default check of HAProxy (`option httpchk`). Errors: 503 if it is not ready.
 */
import { z } from 'zod';
import { definePlugin, type ResponseParts } from '../core/plugin-api.js';
import { StoreProbe } from './health/store-probe.js';
import { patternSchema } from './shared/rules.js';

const HEADERS = Object.freeze({ 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
const told = (status: number, report: unknown): ResponseParts => ({
  status,
  headers: HEADERS,
  body: JSON.stringify(report),
});

export default definePlugin({
  name: 'health',
  options: z.strictObject({
    livePath: patternSchema
      .default('/health/live')
      .describe('The path that says whether the process is alive.'),
    readyPath: patternSchema
      .default('/health/ready')
      .describe('The path that says whether the server is ready for requests.'),
    storage: z.boolean().default(true).describe('Whether the server is ready only if the store answers.'),
    storageTimeoutMs: z
      .int()
      .min(1)
      .max(60_000)
      .default(800)
      .describe(
        'Milliseconds in which the store must answer. Shorter than the usual timeout of a probe, a second or more.',
      ),
    cacheMs: z
      .int()
      .min(0)
      .max(60_000)
      .default(1_000)
      .describe(
        'Milliseconds for which an answer of the store is reused, so that many probes cost one request to the store.',
      ),
  }),
  setup({ handle, hook, storage, signal, log, options }) {
    const probe = new StoreProbe(storage, options);
    let wasReady = true;

    const readiness = async (): Promise<ResponseParts> => {
      if (signal.aborted) return told(503, { status: 'stopping' });
      if (!options.storage) return told(200, { status: 'ready' });
      const failure = await probe.failure();
      if (wasReady !== (failure === undefined)) {
        wasReady = !wasReady;
        if (wasReady) log.info('The store answers again: ready.');
        else log.warn({ storage: failure }, 'The store does not answer: not ready.');
      }
      return failure === undefined
        ? told(200, { status: 'ready', storage: 'ok' })
        : told(503, { status: 'not ready', storage: failure });
    };

    // Probes name the address of the machine. The reports have no secrets.
    const anyHost = { anyHost: true };
    for (const method of ['GET', 'HEAD']) {
      handle(method, options.livePath, () => told(200, { status: 'live' }), anyHost);
      handle(method, options.readyPath, readiness, anyHost);
    }
    // The check that HAProxy sends if its configuration says only `option httpchk`. No other client sends it: a request
    // with a method of HTTP/1.1, in HTTP/1.0 and without a host.
    hook('request', ({ method, path, httpVersion, host }) =>
      method === 'OPTIONS' && path === '/' && httpVersion === '1.0' && host === '' ? readiness() : undefined,
    );
  },
});
