/**
 * Serves the numbers of the server to Prometheus and other readers of its text format.
 * Source: the exposition format 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/), and OpenMetrics
 * 1.0 for clients that prefer it. Errors: none. Every client of the path can read the numbers: see `auth`.
 */
import { Counter, Gauge, Registry } from 'prom-client';
import { z } from 'zod';
import { definePlugin, JackfieldError } from '../core/plugin-api.js';
import { Exchanges } from './metrics/exchanges.js';
import { asOpenMetrics, OPEN_METRICS, wantsOpenMetrics } from './metrics/open-metrics.js';
import { countProcess } from './metrics/process.js';
import { patternSchema } from './shared/rules.js';

/** Methods that get their own label even if no plugin registered them. */
const USUAL = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'];

export default definePlugin({
  name: 'metrics',
  options: z.strictObject({
    path: patternSchema.default('/metrics').describe('The path of the metrics.'),
    buckets: z
      .array(z.number().positive())
      .min(1)
      .max(50)
      .refine((bounds) => bounds.every((bound, at) => at === 0 || bound > bounds[at - 1]!), {
        error: 'expected numbers in ascending order',
      })
      .default([0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10])
      .describe('Bounds of the histogram of durations, in seconds, in ascending order.'),
    process: z
      .boolean()
      .default(true)
      .describe('Whether to include the process: delay of the event loop, memory, CPU time.'),
  }),
  setup({ handle, hook, stats, allowedMethods, onClose, options }) {
    // A separate registry: the library's global one would mix the servers of a process.
    const registers = [new Registry()];
    const [registry] = registers as [Registry];

    const exchanges = new Exchanges(options.buckets, registers);
    const errors = new Counter({
      name: 'jackfield_errors_total',
      help: 'Responses that report an error of the server, by its code.',
      labelNames: ['code'],
      registers,
    });
    const failures = new Counter({
      name: 'jackfield_storage_errors_total',
      help: 'Requests that ended in an error of the store, by its code.',
      labelNames: ['code'],
      registers,
    });

    /** Numbers that the server counts itself are read on each request. */
    const gauge = (name: string, help: string, read: () => number): void => {
      const made: Gauge = new Gauge({ name, help, registers, collect: () => made.set(read()) });
    };
    const counter = (name: string, help: string, read: () => number): void => {
      const made: Counter = new Counter({
        name,
        help,
        registers,
        collect: () => {
          made.reset();
          made.inc(read());
        },
      });
    };
    gauge('jackfield_exchanges', 'Exchanges in progress, including this one.', () => stats().exchanges);
    gauge('jackfield_connections', 'Connections that are open.', () => stats().connections);
    counter(
      'jackfield_connections_refused_total',
      'Connections closed at once because of limits.maxConnections.',
      () => stats().connectionsRefused,
    );
    counter(
      'jackfield_requests_refused_total',
      'Requests refused because of overload before they reached a handler.',
      () => stats().requestsRefused,
    );
    if (options.process) onClose(countProcess(registers));

    // Clients choose methods and paths, but they must not choose the number of series.
    let known: ReadonlySet<string> | undefined;
    const methodOf = (method: string): string => {
      known ??= new Set([...USUAL, ...allowedMethods()]);
      return known.has(method) ? method : 'other';
    };

    hook('close', (request, { status, code, route, durationMs }) => {
      // The time of a connection that a plugin took over is not that of an answer.
      const isAnswer = status !== 101 && request.method !== 'CONNECT';
      exchanges.count(
        methodOf(request.method),
        route === '' ? 'none' : route,
        status === 0 ? 'aborted' : status,
        isAnswer ? durationMs : undefined,
      );
      if (code !== undefined) errors.inc({ code });
    });
    hook('unread', ({ status, code }) => {
      exchanges.count('none', 'none', status, undefined);
      errors.inc({ code });
    });
    hook('error', (_request, error) => {
      if (error instanceof JackfieldError && error.code.startsWith('STORAGE_'))
        failures.inc({ code: error.code });
    });
    handle('GET', options.path, async ({ headers }) => {
      // Other plugins may have come and gone since.
      known = undefined;
      const text = await registry.metrics();
      const isOpen = wantsOpenMetrics(headers.accept);
      const type = isOpen ? OPEN_METRICS : registry.contentType;
      return {
        headers: { 'Content-Type': type, 'Cache-Control': 'no-store', Vary: 'Accept' },
        body: isOpen ? asOpenMetrics(text) : text,
      };
    });
  },
});
