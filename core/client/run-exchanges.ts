/** Runs exchanges one after the other and judges each, whatever protocol they speak. */
import { type ConnectOptions, type Outcome, WireConnection } from './wire-connection.js';
import type { ReadingManner } from './wire-response.js';

export interface Exchange {
  readonly title: string;
  readonly request: Buffer;
  readonly manner: Omit<ReadingManner, 'ended'>;
  /** Where to, if not where the options say. */
  readonly to?: { readonly host: string; readonly port: number };
  /** What is wrong with the outcome; empty where nothing is. */
  judge(outcome: Outcome): string[];
  /** The connection is over behind this exchange, because it should be or because the server has said so. */
  ends(outcome: Outcome): boolean;
}

export interface RunOptions extends ConnectOptions {
  /** All exchanges over one connection instead of a connection each. Default false. */
  readonly oneConnection?: boolean;
}

export interface ExchangeResult {
  readonly title: string;
  readonly passed: boolean;
  /** What is wrong, a sentence each. */
  readonly problems: readonly string[];
  /** As sent. */
  readonly request: Buffer;
  /** As received; empty where nothing came. */
  readonly response: Buffer;
}

/** Each result as soon as it is there. Errors: SERVER_UNREACHABLE, which ends the run. */
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
      // After a deadline or an answer that was not understood, the next answer could be the rest of this one.
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

/** A connection that the next exchange may use if it goes to the same place. */
interface Kept {
  readonly connection: WireConnection;
  readonly host: string | undefined;
  readonly port: number | undefined;
}
