/**
 * The feed. The commit script writes each change to a stream. A separate connection waits on the stream and wakes
 * readers.
 */
import type { AdapterContext, Position, WatchedChange } from '../../core/storage/contract.js';
import { type Following, PolledFeed } from '../../core/storage/polled-feed.js';
import { readFailure } from './failures.js';
import { type Driver, Link, type LinkOptions } from './link.js';
import { changeOf, type Keys, positionOf, strings } from './packed.js';
import { FOLLOWING } from './scripts.js';

const BLOCK_MS = 2_000;
const AT_ONCE = '32';

export class RedisFeed {
  readonly #link: Link;
  readonly #keys: Keys;
  readonly #waiter: Link;
  readonly #feed = new PolledFeed((after) => this.#following(after));
  #isWaiting = false;

  constructor(
    link: Link,
    keys: Keys,
    driver: Driver,
    options: LinkOptions,
    context: Pick<AdapterContext, 'log'>,
  ) {
    this.#link = link;
    this.#keys = keys;
    this.#waiter = new Link(driver, options, keys.changes, context, () => this.#feed.wake());
  }

  watch(afterRevision: number, mark?: string): AsyncIterable<WatchedChange> {
    if (!this.#isWaiting) {
      this.#isWaiting = true;
      void this.#wait();
    }
    return this.#feed.watch(afterRevision, mark);
  }

  /** The connection works again: readers can catch up. */
  wake(): void {
    this.#feed.wake();
  }

  close(): void {
    this.#feed.close();
    this.#waiter.close();
  }

  async position(): Promise<Position> {
    const [, , , revision = '0', mark = ''] = await this.#ask(Number.MAX_SAFE_INTEGER);
    return positionOf(revision, mark);
  }

  async #ask(after: number): Promise<string[]> {
    const { numbers, changes } = this.#keys;
    try {
      return strings(await this.#link.run(FOLLOWING, [numbers, changes], [String(after), AT_ONCE]));
    } catch (cause) {
      throw readFailure(cause);
    }
  }

  async #following(after: number): Promise<Following> {
    const answer = await this.#ask(after);
    const [reached = '0', told = '0', beforeFirst = '', last = '0', mark = '', ...flat] = answer;
    // If nothing is kept, every change up to the last one is gone.
    const history = Number(beforeFirst === '' ? told : beforeFirst);
    const changes: WatchedChange[] = [];
    for (let at = 0; at < flat.length; at += 3) {
      changes.push(changeOf(flat[at]!, flat[at + 1]!, flat[at + 2]!));
    }
    return { reached: Number(reached), history, changes, last: positionOf(last, mark) };
  }

  async #wait(): Promise<void> {
    await this.#waiter.openInTime();
    const { changes, numbers } = this.#keys;
    let last: string | undefined;
    while (!this.#feed.isClosed) {
      try {
        if (last === undefined) {
          // A failover may have set the numbers back, so read them again after every error or silence.
          last = `${String((await this.#waiter.send(['HGET', numbers, 'revision'])) ?? 0)}-1`;
          this.#feed.wake();
        }
        const block = ['XREAD', 'COUNT', '1', 'BLOCK', String(BLOCK_MS), 'STREAMS', changes, last];
        last = lastId(await this.#waiter.send(block, { extraMs: BLOCK_MS }));
        if (last !== undefined) this.#feed.wake();
      } catch {
        last = undefined;
        // The link reconnects by itself; the pause only avoids a busy loop.
        await new Promise((resolve) => setTimeout(resolve, 50).unref());
      }
    }
  }
}

/** Of `[[stream, [[id, fields]]]]`; undefined if nothing came. */
function lastId(answer: unknown): string | undefined {
  const id: unknown = Array.isArray(answer) ? answer[0]?.[1]?.[0]?.[0] : undefined;
  return typeof id === 'string' ? id : undefined;
}
