/** The published transcript with the octets of each request cut at every place, against the default plugins in memory. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { Handler } from '../../core/api/plugin.js';
import { DEFAULT_LIMITS } from '../../core/config/limits.js';
import { Connections } from '../../core/connection/connections.js';
import type { Transport } from '../../core/connection/transport.js';
import type { ExchangeRequest } from '../../core/exchange/exchange-request.js';
import { AllowedHosts } from '../../core/handlers/allowed-hosts.js';
import { Dispatcher } from '../../core/handlers/dispatcher.js';
import { noHooks } from '../../core/handlers/hooks.js';
import { makeRoute, Registry } from '../../core/handlers/registry.js';
import { silentLog } from '../../core/log.js';
import classic from '../../plugins/classic.js';
import create from '../../plugins/create.js';
import end from '../../plugins/end.js';
import get from '../../plugins/get.js';
import post from '../../plugins/post.js';
import put from '../../plugins/put.js';
import update from '../../plugins/update.js';
import { cut, octetByOctet } from '../core/http/judge.js';
import { FakeStorage, setUp } from '../plugins/fakes.js';
import { CASES, EXPECTED, FORMS, requestsIn } from './cases.js';

/** The connections of a server with the default plugins and an empty store. */
function freshServer(): Connections {
  const storage = new FakeStorage();
  const set = [get, post, put, create, update, end].map((plugin) => ({
    name: plugin.name,
    ...setUp<unknown>(plugin, { storage }),
  }));
  const routes = set.flatMap(({ name, handlers }) =>
    handlers.map(({ method, pattern, handler, options }) =>
      makeRoute(name, method, pattern, handler, options),
    ),
  );
  // Like the plugin `head`; the argument of a handler is such a request.
  const asGet: Handler = (request) => dispatcher.forward(request as ExchangeRequest, 'GET');
  routes.push(makeRoute('head', 'HEAD', '*', asGet, { fallback: true }));
  const dispatcher = new Dispatcher(
    {
      registry: new Registry(routes),
      hooks: noHooks(),
      dialects: setUp(classic).dialects,
      taken: new Map(),
    },
    new AllowedHosts(['127.0.0.1']),
    silentLog,
  );
  // No deadline can end, however busy the machine is.
  const noHurry = 600_000;
  const limits = { headerTimeoutMs: noHurry, requestTimeoutMs: noHurry, handlerTimeoutMs: noHurry };
  return new Connections({ ...DEFAULT_LIMITS, ...limits }, dispatcher, silentLog);
}

/** A peer in memory that accepts everything. */
class Memory implements Transport {
  readonly protocol = 'http';
  readonly remoteAddress = '127.0.0.1';
  written = '';
  isOver = false;

  write(octets: string | Uint8Array): boolean {
    this.written += typeof octets === 'string' ? octets : Buffer.from(octets).toString('latin1');
    return true;
  }
  writeAll(parts: readonly (string | Uint8Array)[]): boolean {
    for (const part of parts) this.write(part);
    return true;
  }
  pause(): void {}
  resume(): void {}
  end(): void {
    this.isOver = true;
  }
  destroySoon(): void {
    this.isOver = true;
  }
  destroy(): void {
    this.isOver = true;
  }
  reset(): void {
    this.isOver = true;
  }
}

async function plays(
  t: ExecutionContext,
  requests: readonly string[],
  split: (request: Buffer) => readonly Buffer[],
  how: string,
): Promise<void> {
  const connections = freshServer();
  const peer = new Memory();
  const connection = connections.open(peer);
  for (const [at, request] of requests.entries()) {
    peer.written = '';
    for (const piece of split(Buffer.from(request, 'latin1'))) {
      t.is(peer.written, '', `${how}, case ${at + 1}: nothing comes before the request is whole`);
      connection.received(Buffer.from(piece));
    }
    const isThrough = (): boolean => peer.isOver || peer.written !== '';
    while (!isThrough()) await nextTurn();
    const answer = peer.written.replace(/(?<=\r\nDate: ).* KST(?=\r\n)/, '*');
    t.is(answer, EXPECTED[at] ?? '', `${how}, case ${at + 1}: ${CASES[at]?.title}`);
  }
  t.true(peer.isOver, `${how}: END closes the connection`);
  connection.destroy();
}

for (const form of FORMS) {
  const lines = form === undefined ? 'CR LF on every line' : `LF alone at ${form}`;
  test(`${lines}: cut at any octet, the requests get the answers of the transcript`, async (t) => {
    const requests = requestsIn(form);
    await plays(t, requests, octetByOctet, 'octet by octet');
    const longest = Math.max(...requests.map(({ length }) => length));
    for (let place = 1; place < longest; place++) {
      await plays(t, requests, (request) => cut(request, [place]), `cut at ${place}`);
    }
  });
}
