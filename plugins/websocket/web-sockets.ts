/** Sockets of one kind: their handshake, their heartbeat and their end. */
import { WebSocketServer } from 'ws';
import {
  isSameOrigin,
  JackfieldError,
  type PluginContext,
  type Request,
  type ResponseParts,
  requestedProtocols,
} from '../../core/plugin-api.js';
import { refusal } from '../shared/refusal.js';
import { TOKEN } from '../shared/rules.js';
import { GuardedSocket, type ServeSocket, type SocketOwner, type WebSocket } from './guarded-socket.js';

/** The server stops, or a reload removes the plugin: the client may come again. */
function goingAway({ reason }: AbortSignal): string {
  return reason instanceof JackfieldError ? reason.message : 'The server is stopping.';
}

type Origins = NonNullable<WebSocketOptions['origins']>;

/** Each member has the meaning and default of the option of the plugin `websocket`. */
export interface WebSocketOptions {
  readonly origins?: 'same-host' | '*' | readonly string[];
  readonly protocols?: readonly string[];
  readonly maxPayloadOctets?: number;
  readonly maxBufferedOctets?: number;
  readonly perMessageDeflate?: boolean;
  readonly pingIntervalMs?: number;
  readonly pongTimeoutMs?: number;
  readonly closeTimeoutMs?: number;
}

/** Answers a request by opening a socket. Errors: WEBSOCKET_EXPECTED, WEBSOCKET_INVALID, ORIGIN_NOT_ALLOWED. */
export interface AnswerWithSocket {
  (request: Request<unknown>, serve: ServeSocket): ResponseParts;
  /** The open sockets. */
  readonly sockets: ReadonlySet<WebSocket>;
}

/**
 * For plugins that serve sockets themselves, called once in `setup`:
 *
 *     setup(context) {
 *       const webSocket = webSockets(context);
 *       context.handle('GET', '/echo', (request) =>
 *         webSocket(request, (socket) => socket.on('message', (data) => socket.send(data))));
 *     }
 *
 * The sockets are closed with 1001 when the server stops or a reload leaves the plugin out, and what goes wrong in one is logged with the name of the
 * plugin whose context this is.
 */
export function webSockets(
  { signal, log, hook }: Pick<PluginContext, 'signal' | 'log'> & Partial<Pick<PluginContext, 'hook'>>,
  options: WebSocketOptions = {},
): AnswerWithSocket {
  const {
    origins = 'same-host',
    protocols = [],
    maxPayloadOctets = 1_048_576,
    maxBufferedOctets = 16_777_216,
    perMessageDeflate = false,
    pingIntervalMs = 30_000,
    pongTimeoutMs = 10_000,
    closeTimeoutMs = 2_000,
  } = options;
  const sockets = new Set<GuardedSocket>();
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: maxPayloadOctets,
    perMessageDeflate,
    WebSocket: GuardedSocket,
    handleProtocols: (asked) => [...asked].find((name) => protocols.includes(name)) ?? false,
  });

  let beats = 0;
  let pings: NodeJS.Timeout | undefined;
  /** Timers run only while there are sockets, and do not keep the process alive. */
  const beat = (): void => {
    const now = ++beats;
    for (const socket of sockets) {
      if (socket.readyState !== socket.OPEN) continue;
      // Nobody reads the answers to a socket that is paused.
      if (socket.unanswered === 0 && !socket.isPaused) socket.unanswered = now;
      socket.ping();
    }
    const breakOff = (): void => {
      for (const socket of sockets) if (socket.unanswered === now && !socket.isPaused) socket.terminate();
    };
    // Judge after the next poll: pongs that arrived while this process was paused are read first.
    setTimeout(() => setImmediate(breakOff), pongTimeoutMs).unref();
  };

  const close = (socket: GuardedSocket, code: number, reason: string): void => {
    socket.close(code, reason);
    // Likewise.
    socket.closing ??= setTimeout(() => setImmediate(() => socket.terminate()), closeTimeoutMs).unref();
  };

  signal.addEventListener(
    'abort',
    () => {
      for (const socket of sockets) close(socket, 1001, goingAway(signal));
    },
    { once: true },
  );

  const owner: SocketOwner = {
    maxBufferedOctets,
    maxPayloadOctets,
    failed: (socket, error) => {
      log.error(
        { path: socket.path, err: error },
        'The code that serves a WebSocket failed; the socket is closed.',
      );
      close(socket, 1011, '');
    },
    // If a client breaks the rules of the protocol, ws closes the socket with the right code.
    broken: ({ path }, error) => log.debug({ path, err: error }, 'A WebSocket was closed by force.'),
    closed: (socket) => {
      clearTimeout(socket.closing);
      sockets.delete(socket);
      if (sockets.size > 0) return;
      clearInterval(pings);
      pings = undefined;
    },
  };

  const open = (socket: GuardedSocket, path: string, serve: ServeSocket): void => {
    socket.owner = owner;
    socket.path = path;
    sockets.add(socket);
    pings ??= setInterval(beat, pingIntervalMs).unref();
    socket.serve(serve);
    if (signal.aborted) close(socket, 1001, goingAway(signal));
  };

  // The core refuses handshakes of other origins before any handler runs, so tell it about `origins`. It does not know
  // the paths of these sockets: each handshake is checked again below.
  if (origins !== 'same-host')
    hook?.('crossSite', (request) => isHandshake(request) && isAllowedOrigin(request, origins));

  const answer = (request: Request<unknown>, serve: ServeSocket): ResponseParts => {
    expectHandshake(request);
    expectOrigin(request, origins);
    const { method, target, headers } = request;
    return {
      takeOver: (stream) => {
        // ws reads only these three members of a request, and of a list of protocols only those it knows.
        const asked = { method, url: target, headers: { ...headers, upgrade: 'websocket' } };
        const incoming = asked as unknown as Parameters<typeof server.handleUpgrade>[0];
        server.handleUpgrade(incoming, stream, Buffer.alloc(0), (socket) =>
          // The cast: the server was configured with this class.
          open(socket as GuardedSocket, request.path, serve),
        );
      },
    };
  };
  return Object.assign(answer, { sockets });
}

/** Makes the checks that ws would answer with its own sentences. */
function expectHandshake(request: Request<unknown>): void {
  const { headers, method } = request;
  if (!requestedProtocols(request).includes('websocket') || headers['sec-websocket-version'] !== '13')
    throw refusal('WEBSOCKET_EXPECTED', { Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' });
  if (method !== 'GET') throw new JackfieldError('WEBSOCKET_INVALID', 'its method is GET.');
  if (!/^[+/0-9A-Za-z]{22}==$/.test(headers['sec-websocket-key'] ?? ''))
    throw new JackfieldError('WEBSOCKET_INVALID', 'Sec-WebSocket-Key is not 16 octets in base64.');
  const asked = headers['sec-websocket-protocol']?.split(',').map((name) => name.trim()) ?? [];
  if (!asked.every((name) => TOKEN.test(name)) || new Set(asked).size < asked.length)
    throw new JackfieldError(
      'WEBSOCKET_INVALID',
      'Sec-WebSocket-Protocol is not a list of different tokens.',
    );
  if (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0)
    throw new JackfieldError('WEBSOCKET_INVALID', 'it has a body.');
}

function isHandshake(request: Request<unknown>): boolean {
  return request.method === 'GET' && requestedProtocols(request).includes('websocket');
}

/**
 * Browsers send cookies from pages of any site, and CORS does not keep those pages from the socket (RFC 6455 §10.2).
 */
function expectOrigin(request: Request<unknown>, allowed: Origins): void {
  if (isAllowedOrigin(request, allowed)) return;
  throw new JackfieldError('ORIGIN_NOT_ALLOWED', request.headers.origin ?? '');
}

function isAllowedOrigin({ headers, host, protocol }: Request<unknown>, allowed: Origins): boolean {
  const { origin } = headers;
  if (origin === undefined || allowed === '*') return true;
  return allowed === 'same-host' ? isSameOrigin(origin, protocol, host) : allowed.includes(origin);
}
