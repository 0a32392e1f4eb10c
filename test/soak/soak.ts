/**
 * A bounded soak: mixed traffic over a number of exchanges, by several clients at a time, against a separate server
 * process. Its usage is measured when nothing is open: after a quarter of the exchanges and after all.
 */
import { DEFAULT_CONFIG } from '../../core/config/server-config.js';
import { type Held, Measured } from '../support/measured.js';
import { Random } from '../support/random.js';
import { RawClient } from '../support/raw-client.js';
import { VISITS } from './traffic.js';

const CLIENTS = 24;
/** Long enough for a busy machine to answer, because a visit that waits for a deadline waits for all of it. */
const LIMITS = {
  headerTimeoutMs: 4_000,
  requestTimeoutMs: 4_500,
  handlerTimeoutMs: 4_000,
  idleTimeoutMs: 5_000,
  writeTimeoutMs: 4_000,
};
/** These wait for a deadline, so they are rare. */
const SLOW = new Set(['hanging handler', 'half a head', 'half a body', 'idle', 'never reads']);
const ONE_IN = 50;
const names = Object.keys(VISITS);
const quick = names.filter((name) => !SLOW.has(name));
const slow = names.filter((name) => SLOW.has(name));

export interface SoakResult {
  readonly exchanges: number;
  readonly visits: ReadonlyMap<string, number>;
  readonly atQuarter: Held;
  readonly atEnd: Held;
  readonly log: Measured['log'];
  /** Exit code of the server process, which ends by itself if it has left nothing open. */
  readonly exitCode: number | null;
}

/** Rejects with the first visit that gets a wrong answer. */
export async function soak(exchanges: number, seed: number): Promise<SoakResult> {
  const server = await Measured.start({ plugins: DEFAULT_CONFIG.plugins, limits: LIMITS });
  const random = new Random(seed);
  const visits = new Map<string, number>();
  let done = 0;
  const visit = async (): Promise<void> => {
    const name = random.of(random.below(ONE_IN) === 0 ? slow : quick);
    visits.set(name, (visits.get(name) ?? 0) + 1);
    const client = await RawClient.connect(server.port);
    try {
      const exchanges = await VISITS[name]!(client, random);
      done += exchanges;
    } catch (cause) {
      throw new Error(`A visit failed, seed ${seed}: ${name}`, { cause });
    } finally {
      client.destroy();
    }
  };
  const until = async (count: number): Promise<Held> => {
    await Promise.all(
      Array.from({ length: CLIENTS }, async () => {
        while (done < count) await visit();
      }),
    );
    return server.settled();
  };
  try {
    const atQuarter = await until(exchanges / 4);
    const atEnd = await until(exchanges);
    const exitCode = await server.stop();
    return { exchanges: done, visits, atQuarter, atEnd, log: server.log, exitCode };
  } finally {
    server.kill();
  }
}
