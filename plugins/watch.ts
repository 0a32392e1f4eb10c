/**
 * GET `/watch?prefix=&after=`: the changes of the store as Server-Sent Events, from a revision on, without gaps.
 * Source: the HTML standard, §9.2 (Server-sent events). Errors: STORAGE_WATCH_MISSING at start, QUERY_INVALID,
 * STORAGE_REVISION_UNKNOWN, STORAGE_HISTORY_GONE and those of the store.
 */
import { z } from 'zod';
import { definePlugin, JackfieldError, type Position, type Request } from '../core/plugin-api.js';
import { misreadText, strangeParameter, wholeNumber } from './shared/page-query.js';
import { EventStream } from './watch/event-stream.js';

const HEADERS = Object.freeze({
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-store',
  // nginx holds answers back to send them in larger parts, unless it is told that this one cannot wait.
  'X-Accel-Buffering': 'no',
});

export default definePlugin({
  name: 'watch',
  options: z.strictObject({
    heartbeatMs: z
      .int()
      .min(10)
      .max(3_600_000)
      .default(15_000)
      .describe(
        'Milliseconds without a change until the stream sends a sign of life, which also tells the client how far it has read. Default 15,000, as the HTML standard advises: proxies take silence of half a minute for a lost connection.',
      ),
  }),
  setup({ handle, storage, options, signal, log }) {
    if (storage.watch === undefined || storage.revision === undefined) {
      throw new JackfieldError('STORAGE_WATCH_MISSING', `"${storage.name}" keeps none.`);
    }
    const { watch, revision, position, era } = storage;
    const open = new Set<EventStream>();
    // A stop waits for answers under way, and these would never end by themselves.
    signal.addEventListener('abort', () => {
      for (const stream of open) void stream.return();
    });

    handle('GET', '/watch', async (request) => {
      const { prefix, after, mark } = readQuery(request, era, position !== undefined);
      const reached = await revision();
      if (after !== undefined && after > reached) {
        const detail = `${after} was asked for, ${reached} is the last.`;
        throw new JackfieldError('STORAGE_REVISION_UNKNOWN', detail);
      }
      const last: Position = position === undefined ? { revision: reached } : await position();
      const start = after === undefined ? last : { revision: after, mark };
      const reader = watch(start.revision, start.mark)[Symbol.asyncIterator]();
      const { heartbeatMs } = options;
      const stream = new EventStream(
        reader,
        { ...start, era, prefix, heartbeatMs },
        {
          failed: (error) => log.warn({ err: error }, 'A feed of changes broke off.'),
          ended: () => open.delete(stream),
        },
      );
      open.add(stream);
      // Where something lies behind the revision, what the feed says to it comes before the head, so that it can be
      // a status. Nothing needs to lie there, so it is not waited for any longer than a moment.
      const isAtEnd = mark === undefined ? after === reached : after === last.revision && mark === last.mark;
      if (after !== undefined && !isAtEnd) await stream.begun();
      const { clientEnded } = request;
      // Else it would be noticed at the next sign of life: what a client that is gone is sent first is still taken.
      clientEnded.addEventListener('abort', () => void stream.return(), { once: true });
      if (signal.aborted || clientEnded.aborted) await stream.return();
      return { headers: HEADERS, body: stream };
    });
  },
});

/** `Last-Event-ID` is where a client was cut off, so it is later than the `after` that it once began with. */
function readQuery(
  { query, target, headers }: Request,
  era: string | undefined,
  hasMarks: boolean,
): { prefix: string; after: number | undefined; mark?: string | undefined } {
  const refusal = strangeParameter(query, ['prefix', 'after']) ?? misreadText({ query, target });
  if (refusal !== undefined) throw new JackfieldError('QUERY_INVALID', refusal);
  const after = wholeNumber(query.get('after'));
  if (Number.isNaN(after)) {
    throw new JackfieldError('QUERY_INVALID', 'The query parameter after is not a whole number from 0 on.');
  }
  const prefix = query.get('prefix') ?? '';
  const lastEventId = headers['last-event-id'];
  if (lastEventId === undefined || lastEventId === '') return { prefix, after };
  const [, revision = '', word] = /^(\d+)(?:-([0-9a-f]+))?$/.exec(lastEventId) ?? [];
  const last = wholeNumber(revision);
  const given = `Last-Event-ID ${JSON.stringify(lastEventId)}`;
  if (last === undefined || Number.isNaN(last)) {
    throw new JackfieldError('STORAGE_REVISION_UNKNOWN', `${given} is none.`);
  }
  // The same number means something else there, and what lay between would be missed without a word.
  if (era === undefined && hasMarks) return { prefix, after: last, mark: word };
  if (word !== era) throw new JackfieldError('STORAGE_HISTORY_GONE', `${given} is of a store that is gone.`);
  return { prefix, after: last };
}
