/** The most used packages for Server-Sent Events, with all restarts and failures of a server. */
import { createRequire } from 'node:module';
import test from 'ava';
import { EventSource } from 'eventsource';
import { createEventSource } from 'eventsource-client';
import { EventSource as EventSource3 } from 'eventsource3';
import { NAMES, noticesRestart, type OpenFeed, type Seen, survivesEverything } from './feed-run.js';

/** This package has no types; it has the interface of the standard. */
const launchdarkly = createRequire(import.meta.url)('launchdarkly-eventsource') as {
  readonly EventSource: new (url: string) => Source;
};

interface Message {
  readonly lastEventId: string;
  readonly data: string;
}

/** The part of the standard interface that these packages have. */
interface Source {
  addEventListener(name: string, listener: (event: Message) => void): void;
  readonly readyState: number;
  close(): void;
}

const standard =
  (connect: (url: string) => Source): OpenFeed =>
  async (t, origin) => {
    const seen: Seen[] = [];
    const source = connect(`${origin}/watch`);
    t.teardown(() => source.close());
    for (const name of NAMES)
      source.addEventListener(name, ({ lastEventId, data }) =>
        seen.push({ name, id: lastEventId, data: JSON.parse(data) }),
      );
    source.addEventListener('error', () => seen.push({ name: 'error', id: '', data: source.readyState }));
    return async () => seen;
  };

const CLIENTS: Readonly<Record<string, OpenFeed>> = {
  // The types do not say that these named events are messages.
  'eventsource 4': standard((url) => new EventSource(url) as unknown as Source),
  'eventsource 3': standard((url) => new EventSource3(url) as unknown as Source),
  'launchdarkly-eventsource': standard((url) => new launchdarkly.EventSource(url)),
  'eventsource-client': async (t, origin) => {
    const seen: Seen[] = [];
    const source = createEventSource({
      url: `${origin}/watch`,
      onMessage: ({ event = 'message', id = '', data }) =>
        seen.push({ name: event, id, data: JSON.parse(data) }),
    });
    t.teardown(() => source.close());
    return async () => seen;
  },
};

for (const [name, openFeed] of Object.entries(CLIENTS)) {
  test(`${name} misses no change and sees none twice, through all failures of the server`, (t) => {
    t.timeout(180_000);
    return survivesEverything(t, openFeed);
  });
  test(`${name} gets lost history when a store in memory restarts`, (t) => {
    t.timeout(180_000);
    return noticesRestart(t, openFeed);
  });
}
