/**
 * The schema of a configuration. Its descriptions are the manual that an editor shows, because the JSON Schema is
 * generated from this file. Its messages say what was expected; `explainIssues` adds the place and the value that was
 * found.
 *
 * Loaded only for a configuration that is not plainly valid (`plainly-valid.ts`), and for the JSON Schema.
 */
import type { z as types } from 'zod';
import { DEFAULT_LIMITS, type Limits } from './limits.js';
import { DEFAULT_CONFIG, DEFAULT_RETRY_AFTER_SECONDS, DEFAULT_SOCKET_MODE } from './server-config.js';
import { isAddressRange, isHostName, isListenHost, isPrefix } from './value-forms.js';
import { zod } from './zod.js';

const z = zod();

/** Longer delays make Node's timers fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const MEBIOCTET = 2 ** 20;

function whole(min: number, max: number, unit: string): types.ZodInt {
  const error = `expected a whole number${unit} from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
}

/** The range, unit and description of one limit. */
const limit = (name: keyof Limits, min: number, max: number, unit: string, description: string) =>
  whole(min, max, ` of ${unit}`).meta({ description, default: DEFAULT_LIMITS[name] }).optional();

const octets = (name: keyof Limits, min: number, max: number, description: string) =>
  limit(name, min, max, 'octets', `Octets. ${description}`);

const milliseconds = (name: keyof Limits, min: number, description: string) =>
  limit(name, min, LONGEST_TIMER_MS, 'milliseconds', `Milliseconds. ${description}`);

const limits = {
  maxHeaderSectionOctets: octets(
    'maxHeaderSectionOctets',
    32,
    16 * MEBIOCTET,
    'The largest header section, all field lines together; a larger one is answered 431.',
  ),
  maxHeaderFields: limit(
    'maxHeaderFields',
    1,
    100_000,
    'lines',
    'The most field lines in a header section; more are answered 431.',
  ),
  maxTargetOctets: octets(
    'maxTargetOctets',
    1,
    16 * MEBIOCTET,
    'The longest request target; a longer one is answered 414. RFC 9112 §3 asks for at least 8000.',
  ),
  maxBodyOctets: octets(
    'maxBodyOctets',
    0,
    2 ** 40,
    'The largest body of a request; a larger one is answered 413.',
  ),
  headerTimeoutMs: milliseconds(
    'headerTimeoutMs',
    1,
    'The time from the first octet of a request to the end of its header section; then the request is answered 408.',
  ),
  requestTimeoutMs: milliseconds(
    'requestTimeoutMs',
    1,
    'The time from the first octet of a request to its last; then the request is answered 408.',
  ),
  idleTimeoutMs: milliseconds(
    'idleTimeoutMs',
    1,
    'The time without an octet between two requests; then the connection closes. Make it longer than the idle timeout of a proxy in front.',
  ),
  writeTimeoutMs: milliseconds(
    'writeTimeoutMs',
    1,
    'The time in which a peer reads nothing of its answer; then the connection closes.',
  ),
  handlerTimeoutMs: milliseconds(
    'handlerTimeoutMs',
    1,
    'The time until a handler answers; then the server answers 503.',
  ),
  maxBufferedOctets: octets(
    'maxBufferedOctets',
    1,
    1024 * MEBIOCTET,
    'The data buffered per connection and direction before the other side must wait.',
  ),
  maxConnections: limit('maxConnections', 1, 1_000_000, 'connections', 'Open connections; more are refused.'),
  shutdownTimeoutMs: milliseconds(
    'shutdownTimeoutMs',
    0,
    'The time a clean stop waits for exchanges in progress; then their connections are closed.',
  ),
  setupTimeoutMs: milliseconds(
    'setupTimeoutMs',
    1,
    'The time in which a plugin must load and finish its set-up; else the server does not start. At a stop, each of its ' +
      'onClose functions may take this long; then the stop continues without it.',
  ),
  blockedLoopMs: milliseconds(
    'blockedLoopMs',
    0,
    'The time for which code may block the event loop; then the log of the command names its plugin. 0 switches ' +
      'this check off.',
  ),
} satisfies Record<keyof Limits, types.ZodType>;

const listenHostError =
  'expected an address or name of this machine without port, such as "127.0.0.1", "::1" or "0.0.0.0"';
const listenError = 'expected an object { "host": …, "port": … }, or a list of them';
const socketError = 'expected the path of a Unix socket';
const socketModeError = 'expected three octal digits, such as "660"';
const pemError = 'expected the path of a PEM file, or its text';
const proxyError = 'expected an address, a range such as "10.0.0.0/8", or "unix"';
const hostNameError =
  'expected a host name without scheme, port or path, such as "example.org" or "[::1]" (all hosts: "allowedHosts": "*")';
const pluginError = 'expected a plugin name, a path, or { "use": …, "options": … }';
const prefixError = 'expected a path prefix such as "/api": literal segments, no slash at the end';
const asError = 'expected a name';
const adapterError = 'expected an adapter name, a path, or { "adapter": …, "options": … }';

const nameOf = (error: string) => z.string({ error }).regex(/\S/, { error });

const tls = z
  .strictObject(
    {
      cert: nameOf(pemError).meta({
        description:
          'PEM file of the certificate and its intermediate certificates, or the PEM text; the file is read again on SIGHUP.',
      }),
      key: nameOf(pemError).meta({ description: 'PEM file of the private key, or the PEM text.' }),
      ca: nameOf(pemError)
        .meta({
          description:
            'PEM file of certificate authorities, or the PEM text: clients must present a certificate that one of them signed.',
        })
        .optional(),
      minVersion: z
        .enum(['TLSv1.2', 'TLSv1.3'])
        .meta({ description: 'The oldest accepted TLS version.', default: 'TLSv1.2' })
        .optional(),
    },
    { error: 'expected an object { "cert": …, "key": … }' },
  )
  .meta({ description: 'Serve HTTPS. Paths are relative to the configuration file.' });

const listener = z.strictObject(
  {
    host: z
      .string({ error: listenHostError })
      .refine(isListenHost, { error: listenHostError })
      .meta({
        description:
          'An address or name of this machine; "0.0.0.0" listens on all its addresses, "::" on those of IPv6 too.',
        default: DEFAULT_CONFIG.listen.host,
      })
      .optional(),
    port: whole(0, 65_535, '')
      .meta({ description: '0 takes any free port.', default: DEFAULT_CONFIG.listen.port })
      .optional(),
    socket: nameOf(socketError)
      .refine((path) => !path.includes('\0'), { error: socketError })
      .meta({
        description:
          'The path of a Unix socket, instead of host and port; relative to the configuration file.',
      })
      .optional(),
    socketMode: z
      .string({ error: socketModeError })
      .regex(/^[0-7]{3}$/, { error: socketModeError })
      .meta({
        description: 'The permissions of the Unix socket, as for chmod: who may connect.',
        default: DEFAULT_SOCKET_MODE,
      })
      .optional(),
    tls: tls.optional(),
    sharedReadBuffer: z
      .boolean()
      .meta({
        description:
          'Read all connections into one static buffer, which saves CPU time; false uses the portable way.',
        default: DEFAULT_CONFIG.listen.sharedReadBuffer,
      })
      .optional(),
  },
  { error: 'expected an object { "host": …, "port": … }' },
);

const overload = z
  .strictObject(
    {
      maxLoopDelayMs: whole(1, LONGEST_TIMER_MS, ' of milliseconds')
        .meta({ description: 'Milliseconds by which the event loop may be delayed.' })
        .optional(),
      maxInFlight: whole(1, 1_000_000, ' of exchanges')
        .meta({ description: 'The most exchanges in progress at a time.' })
        .optional(),
      retryAfterSeconds: whole(1, 86_400, ' of seconds')
        .meta({
          description: 'Seconds; the Retry-After field of the answer.',
          default: DEFAULT_RETRY_AFTER_SECONDS,
        })
        .optional(),
    },
    { error: 'expected an object with limits of load' },
  )
  .meta({
    description:
      'Above these limits a request is answered 503 before its body is read. Without them no request is.',
  });

function schemaFor(
  plugin: types.ZodType,
  adapter: types.ZodType,
  pluginEntry: (entry: PluginObject) => types.ZodType,
) {
  return z
    .strictObject(
      {
        $schema: z
          .string({ error: 'expected the address of a JSON Schema' })
          .meta({ description: 'For editors; the server does not read it.' })
          .optional(),
        listen: z
          .union([listener, z.array(listener).min(1, { error: 'expected at least one listener' })], {
            error: listenError,
          })
          .meta({ description: 'Where the server listens.' })
          .optional(),
        trustedProxies: z
          .array(
            z
              .string({ error: proxyError })
              .refine((text) => text === 'unix' || isAddressRange(text), { error: proxyError }),
            { error: 'expected a list of addresses and ranges' },
          )
          .meta({
            description:
              'Addresses and ranges of proxies in front whose Forwarded and X-Forwarded-For, -Proto ' +
              'and -Host fields the server trusts; "unix" for proxies that connect over a Unix socket.',
            default: [],
          })
          .optional(),
        allowedHosts: z
          .union(
            [
              z.literal('*'),
              z
                .array(z.string({ error: hostNameError }).refine(isHostName, { error: hostNameError }))
                .min(1, { error: 'expected at least one host name' }),
            ],
            { error: 'expected a list of host names, or "*" for all' },
          )
          .meta({
            description:
              'Host names, without port, that requests may name; others are answered 400. "*" allows all. ' +
              'This list also protects against DNS rebinding.',
            default: DEFAULT_CONFIG.allowedHosts,
          })
          .optional(),
        crossSite: z
          .enum(['refuse', 'allow'], { error: 'expected "refuse" or "allow"' })
          .meta({
            description:
              'Whether pages of other sites may send requests that can change something. "refuse" answers 403, unless ' +
              'the plugin cors allows the origin of the page.',
            default: DEFAULT_CONFIG.crossSite,
          })
          .optional(),
        storage: z
          .union(
            [
              nameOf(adapterError),
              z.strictObject({
                adapter: adapter.meta({
                  description:
                    'A built-in adapter, an npm package, or a path relative to the configuration file.',
                }),
                options: z
                  .record(z.string(), z.unknown(), {
                    error: 'expected an object with options of the adapter',
                  })
                  .meta({ description: 'Options of the adapter; the page of the adapter lists them.' })
                  .optional(),
              }),
            ],
            { error: adapterError },
          )
          .meta({ description: 'The store of the entries.', default: DEFAULT_CONFIG.storage })
          .optional(),
        plugins: z
          .array(
            pluginEntry(
              z.strictObject({
                use: plugin.meta({
                  description:
                    'A built-in plugin, an npm package, or a path relative to the configuration file.',
                }),
                options: z
                  .unknown()
                  .meta({ description: 'Options of the plugin; the page of the plugin lists them.' })
                  .optional(),
                prefix: z
                  .string({ error: prefixError })
                  .refine(isPrefix, { error: prefixError })
                  .meta({
                    description:
                      'A path prefix for every pattern of the plugin; its hooks see only requests under it.',
                  })
                  .optional(),
                as: nameOf(asError)
                  .meta({ description: 'Another name for this plugin, to use the same plugin twice.' })
                  .optional(),
              }),
            ),
            { error: 'expected a list of plugins' },
          )
          .meta({
            description:
              'The plugins, set up in this order, except that a plugin comes after the plugins that it needs.',
            default: DEFAULT_CONFIG.plugins,
          })
          .optional(),
        limits: z
          .strictObject(limits, { error: 'expected an object with limits' })
          .meta({ description: 'Limits and deadlines. The defaults suit a server on a public network.' })
          .optional(),
        overload: overload.optional(),
      },
      { error: 'expected an object { … }' },
    )
    .meta({ title: 'Configuration of jackfield' });
}

type PluginObject = types.ZodType;

/** For a configuration file in JSON: plugins and adapters are names. */
export const configSchema = schemaFor(nameOf(pluginError), nameOf(adapterError), (entry) =>
  z.union([nameOf(pluginError), entry], { error: pluginError }),
);

const isPlugin = (value: unknown): boolean =>
  typeof value === 'function' || (isObject(value) && typeof value.setup === 'function');
const isAdapter = (value: unknown): boolean =>
  typeof value === 'function' ||
  (isObject(value) && (typeof value.create === 'function' || typeof value.open === 'function'));
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

const pluginReference = z.union([nameOf(pluginError), z.custom(isPlugin)], {
  error: 'expected a plugin: a name, a path, an object with a setup function, or a class',
});
const adapterReference = z.union([nameOf(adapterError), z.custom(isAdapter)], {
  error: 'expected a storage adapter: a name, a path, or the adapter itself',
});

/** For a configuration in a program or from a module: plugins and adapters may also be objects. */
export const programSchema = schemaFor(pluginReference, adapterReference, (entry) =>
  z.union([nameOf(pluginError), z.custom(isPlugin), entry], { error: pluginError }),
);
