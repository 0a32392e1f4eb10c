/** The options of one upstream and its paths. */
import { z } from 'zod';
import { prefixSchema } from '../shared/mount.js';
import { TOKEN } from '../shared/rules.js';

/** RFC 9110 §7.8: a name, and maybe a version. */
export const PROTOCOL = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:\/[!#$%&'*+\-.^_`|~0-9A-Za-z]+)?$/;

const milliseconds = z.int().min(1).max(86_400_000);

const mountSchema = z.strictObject({
  target: z
    .string()
    .refine(isTarget, {
      error:
        'expected a URL as "http://127.0.0.1:3000" or "https://a.example/base", without user, query and fragment',
    })
    .describe(
      'The URL of the upstream: `http://` or `https://`, host, port, and an optional path that is put before the path of the request.',
    ),
  prefix: prefixSchema
    .default('/')
    .describe('The path prefix of the forwarded requests: `/` for all, or for example `/api`.'),
  stripPrefix: z.boolean().default(false).describe('Whether the upstream sees paths without the prefix.'),
  host: z
    .enum(['upstream', 'client'])
    .default('upstream')
    .describe('The Host field that the upstream gets: its own host, or the Host field of the client.'),
  forwarded: z
    .enum(['x-forwarded', 'forwarded', 'both', 'none'])
    .default('both')
    .describe(
      'The fields that describe the client to the upstream: `x-forwarded` (-For, -Proto, -Host), `forwarded` (RFC 7239), `both` or `none`. Such fields from a client are never forwarded: their values come from jackfield and `trustedProxies`.',
    ),
  appendForwarded: z
    .boolean()
    .default(false)
    .describe(
      'Whether the list of addresses from a proxy in `trustedProxies` is kept and that proxy is added, so that the upstream sees every hop. Otherwise the upstream gets only the address of the client. Entries before the first trusted hop may be false: read the list from its end.',
    ),
  ca: z
    .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
    .optional()
    .describe(
      'One or more PEM files with certificates, relative to the folder of the configuration: the trusted authorities for an `https` upstream, instead of those of Node. They are read when the plugin is set up.',
    ),
  via: z
    .string()
    .regex(TOKEN, { error: 'expected a name of letters, digits and "-._"' })
    .default('jackfield')
    .describe('The name of the proxy in Via (RFC 9110 §7.6.3).'),
  upgrade: z
    .union([
      z.boolean(),
      z
        .array(z.string().regex(PROTOCOL, { error: 'expected the name of a protocol, such as "websocket"' }))
        .min(1),
    ])
    .default(['websocket'])
    .describe(
      'The protocols that clients may switch to through the proxy. `true` means `["websocket"]`; `false` means none. What goes through such a connection is not seen by other plugins.',
    ),
  interim: z
    .boolean()
    .default(true)
    .describe(
      'Whether interim responses such as 103 are forwarded. Some clients, such as `http.client` of Python, take them for the answer.',
    ),
  connectTimeoutMs: milliseconds
    .default(3_000)
    .describe('Milliseconds to connect, including TLS and the wait for one of `maxConnections`; then 504.'),
  responseTimeoutMs: milliseconds
    .default(8_000)
    .describe(
      'Milliseconds until the answer begins, from the last octet of the forwarded request; then 504. Must be less than `limits.handlerTimeoutMs`, after which the answer is 503.',
    ),
  idleTimeoutMs: milliseconds
    .default(60_000)
    .describe(
      'Milliseconds for which the upstream may send nothing during an answer; then the connection is closed. An idle connection is kept for as long, or for less if the upstream says so in Keep-Alive.',
    ),
  tunnelIdleTimeoutMs: milliseconds
    .default(3_600_000)
    .describe(
      'Milliseconds without data in either direction after which a connection that has switched protocols is closed.',
    ),
  maxHeaderSectionOctets: z
    .int()
    .min(1_024)
    .max(16_777_216)
    .default(65_536)
    .describe('The largest header section of an answer in octets; then 502.'),
  maxConnections: z
    .int()
    .min(1)
    .max(65_536)
    .default(256)
    .describe(
      'The most connections to the upstream at a time; four times as many requests may wait for one, then 503. Connections that have switched protocols do not count.',
    ),
  maxBodyOctets: z
    .int()
    .min(0)
    .optional()
    .describe('The largest body in octets. Default: `limits.maxBodyOctets`.'),
});

export type Mount = z.output<typeof mountSchema>;

export const checkedMountSchema = mountSchema.refine(
  ({ ca, target }) => ca === undefined || /^https:/i.test(target),
  {
    error: 'is only for an "https" target',
    path: ['ca'],
  },
);

function isTarget(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, port, username, password, search, hash } = new URL(text);
  return /^https?:$/.test(protocol) && port !== '0' && username + password + search + hash === '';
}
