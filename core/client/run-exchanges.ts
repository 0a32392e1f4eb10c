/** Runs exchanges of any protocol one after the other, and checks each outcome. */
import { type ConnectOptions, type Outcome, WireConnection } from './wire-connection.js';
import type { ReadingManner } from './wire-response.js';

export interface Exchange {
  readonly title: string;
  readonly request: Buffer;
  readonly manner: Omit<ReadingManner, 'ended'>;
  /** Overrides host and port of the options. */
  readonly to?: { readonly host: string; readonly port: number };
  /** The problems of the outcome; empty if there are none. */
  judge(outcome: Outcome): string[];
  /** Whether the connection ends after this exchange, as the protocol or the server demands. */
  ends(outcome: Outcome): boolean;
}

export interface RunOptions extends ConnectOptions {
  /** Use one connection for all exchanges instead of one each. Default false. */
  readonly oneConnection?: boolean;
}

export interface ExchangeResult {
  readonly title: string;
  readonly passed: boolean;
  /** One sentence each; empty if there are none. */
  readonly problems: readonly string[];
  /** As sent. */
  readonly request: Buffer;
  /** As received; empty if nothing came. */
  readonly response: Buffer;
}

/** Yields each result as soon as it is known. Errors: SERVER_UNREACHABLE, which ends the run. */
export async function* runExchanges(
  exchanges: Iterable<Exchange>,
  options: RunOptions = {},
): AsyncGenerator<ExchangeResult, void, undefined> {
  let kept: Kept | undefined;
  try {
    for (const exchange of exchanges) {
      const { host, port } = { ...options, ...exchange.to };
      const problems: string[] = [];
      if (kept?.connection.ended) problems.push('the server closed the connection after the exchange before');
      if (kept !== undefined && (kept.connection.ended || kept.host !== host || kept.port !== port)) {
        kept.connection.close();
        kept = undefined;
      }
      const connection = kept?.connection ?? (await WireConnection.open({ ...options, ...exchange.to }));
      kept = { connection, host, port };
      const outcome = await connection.exchange(exchange.request, exchange.manner);
      problems.push(...exchange.judge(outcome));
      // After a timeout or a malformed answer, the next answer could be the rest of this one.
      const reusable = outcome.kind === 'response' && !exchange.ends(outcome);
      if (options.oneConnection !== true || !reusable) {
        connection.close();
        kept = undefined;
      }
      const { title, request } = exchange;
      yield { title, passed: problems.length === 0, problems, request, response: outcome.octets };
    }
  } finally {
    kept?.connection.close();
  }
}

/** A connection that the next exchange may use if it goes to the same server. */
interface Kept {
  readonly connection: WireConnection;
  readonly host: string | undefined;
  readonly port: number | undefined;
}
