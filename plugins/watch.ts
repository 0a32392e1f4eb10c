/**
 * GET `/watch?prefix=&after=`: the changes of the store as Server-Sent Events, from a revision on, without gaps.
 * Source: the HTML standard, §9.2 (Server-sent events); RFC 10036 (Incremental). Errors: STORAGE_WATCH_MISSING at
 * start, QUERY_INVALID, STORAGE_REVISION_UNKNOWN, STORAGE_HISTORY_GONE and those of the store.
 *
 * Rule of this file: `EventSource` connects again after a 200 that ends and after a lost connection, and gives up for good
 * at every other status. So a client that asks for `text/event-stream` gets lost history and every refusal that may pass
 * as events of a 200. Other clients get statuses.
 */
import { z } from 'zod';
import { definePlugin, JackfieldError, type Position, type Request } from '../core/plugin-api.js';
import { namesType } from './shared/negotiation.js';
import { misreadText, strangeParameter } from './shared/page-query.js';
import { EventStream } from './watch/event-stream.js';
import { type Given, positionReader } from './watch/position.js';
import { comeAgain, EVENT_FIELDS, isPassing } from './watch/refusal.js';

export default definePlugin({
  name: 'watch',
  options: z.strictObject({
    heartbeatMs: z
      .int()
      .min(10)
      .max(3_600_000)
      .default(15_000)
      .describe(
        'Milliseconds without a change until the stream sends a heartbeat, which also gives the client its position. Default 15,000, as the HTML standard recommends: some proxies close a connection after half a minute of silence.',
      ),
  }),
  setup({ handle, storage, options, signal, log }) {
    if (storage.watch === undefined || storage.revision === undefined) {
      throw new JackfieldError('STORAGE_WATCH_MISSING', `"${storage.name}" keeps no changes.`);
    }
    const { watch, revision, position, era } = storage;
    const { heartbeatMs } = options;
    const readPosition = positionReader({ era, hasMarks: position !== undefined });
    const open = new Set<EventStream>();
    // A stop waits for answers in progress, and these would never end by themselves.
    signal.addEventListener('abort', () => {
      for (const stream of open) void stream.return();
    });

    /** After the last change. */
    const end = async (): Promise<Position> =>
      position === undefined ? { revision: await revision() } : await position();
    const readFrom = (start: Position) => watch(start.revision, start.mark)[Symbol.asyncIterator]();

    handle(
      'GET',
      '/watch',
      async (request) => {
        const { prefix, given } = readQuery(request);
        const reached = await revision();
        const last = position === undefined ? { revision: reached } : await position();
        const asked = given === undefined ? last : readPosition(given, reached);
        const [start, lost] = asked instanceof JackfieldError ? [last, asked] : [asked, undefined];
        const recovers = asksForEvents(request);
        if (lost !== undefined && !recovers) throw lost;
        const stream = new EventStream(
          {
            start,
            lost,
            era,
            prefix,
            heartbeatMs,
            readFrom,
            end: recovers ? end : undefined,
          },
          {
            failed: (error) => log.warn({ err: error }, 'A feed of changes failed.'),
            ended: () => open.delete(stream),
          },
        );
        open.add(stream);
        // If changes after the position exist, the feed's first result comes before the head, so that an error can be a
        // status. They need not exist, so the wait is short.
        if (!recovers && given !== undefined && !isAt(start, last, reached)) await stream.begun();
        const { clientEnded } = request;
        // Otherwise the end would be noticed only after the next heartbeat: the system still accepts the first bytes to a
        // client that is gone.
        clientEnded.addEventListener('abort', () => void stream.return(), { once: true });
        if (signal.aborted || clientEnded.aborted) await stream.return();
        return { headers: EVENT_FIELDS, body: stream };
      },
      {
        refused: (request, refusal) =>
          asksForEvents(request) && isPassing(refusal.status) ? comeAgain(refusal) : undefined,
      },
    );
  },
});

function asksForEvents({ headers }: Request): boolean {
  return namesType(headers.accept, 'text/event-stream');
}

/** Whether nothing lies between the position and the end. */
function isAt({ revision, mark }: Position, last: Position, reached: number): boolean {
  return mark === undefined ? revision === reached : revision === last.revision && mark === last.mark;
}

/**
 * `Last-Event-ID` is where the client was cut off, so it is later than the `after` of the first connection. Clients that
 * cannot set fields (polyfills over XMLHttpRequest across origins) send it as the query parameter `lastEventId`.
 * Errors: QUERY_INVALID.
 */
function readQuery({ query, target, headers }: Request): { prefix: string; given: Given | undefined } {
  const refusal =
    strangeParameter(query, ['prefix', 'after', 'lastEventId']) ?? misreadText({ query, target });
  if (refusal !== undefined) throw new JackfieldError('QUERY_INVALID', refusal);
  const prefix = query.get('prefix') ?? '';
  const after = query.get('after');
  if (after !== null && !/^\d{1,16}(?:-[0-9a-f]+)?$/.test(after)) {
    throw new JackfieldError(
      'QUERY_INVALID',
      'The query parameter after is neither an id of this feed nor a whole number of at least 0.',
    );
  }
  const lastEventId = headers['last-event-id'] || query.get('lastEventId') || undefined;
  if (lastEventId !== undefined) return { prefix, given: { text: lastEventId, place: 'The last event ID' } };
  return { prefix, given: after === null ? undefined : { text: after, place: 'The query parameter after' } };
}
