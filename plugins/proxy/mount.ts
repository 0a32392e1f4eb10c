/** The options of one upstream and its paths. */
import { z } from 'zod';
import { prefixSchema } from '../shared/mount.js';
import { TOKEN } from '../shared/rules.js';

const milliseconds = z.int().min(1).max(86_400_000);

const mountSchema = z.strictObject({
  target: z
    .string()
    .refine(isTarget, {
      error:
        'expected a URL as "http://127.0.0.1:3000" or "https://a.example/base", without user, query and fragment',
    })
    .describe('Where to: `http://` or `https://`, host, port, and a path that is put in front.'),
  prefix: prefixSchema.default('/').describe('The paths that are passed on: `/` for all, or as `/api`.'),
  stripPrefix: z.boolean().default(false).describe('Whether the upstream sees paths without the prefix.'),
  host: z
    .enum(['upstream', 'client'])
    .default('upstream')
    .describe('The Host that the upstream sees: its own, or the one that the client asked for.'),
  forwarded: z
    .enum(['x-forwarded', 'forwarded', 'both', 'none'])
    .default('both')
    .describe(
      'Which fields tell the upstream about the client: `x-forwarded` (-For, -Proto, -Host), `forwarded` (RFC 7239), `both` or `none`. What a client has sent under these names is never passed on: they tell what jackfield holds to be true, with `trustedProxies`.',
    ),
  appendForwarded: z
    .boolean()
    .default(false)
    .describe(
      'Whether the addresses that a proxy of `trustedProxies` has sent are kept and that proxy is added to them, so that the upstream sees every hop. Without, it is told the client alone. What stands in front of the first trusted hop may be invented: who reads the list begins at its end.',
    ),
  ca: z
    .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
    .optional()
    .describe(
      'One file or several with certificates in PEM, relative to the folder of the configuration: the authorities that vouch for an `https` upstream, in place of those that Node knows. Read when the plugin is set up.',
    ),
  via: z
    .string()
    .regex(TOKEN, { error: 'expected a name of letters, digits and "-._"' })
    .default('jackfield')
    .describe('What the proxy calls itself in Via (RFC 9110 §7.6.3).'),
  upgrade: z
    .boolean()
    .default(true)
    .describe('Whether clients may switch to another protocol through it, as to WebSocket.'),
  connectTimeoutMs: milliseconds
    .default(3_000)
    .describe('Milliseconds to connect in, TLS and waiting for one of `maxConnections` included; then 504.'),
  responseTimeoutMs: milliseconds
    .default(8_000)
    .describe(
      'Milliseconds in which the answer has to begin, from the last octet of the request that was passed on; then 504. To be less than `limits.handlerTimeoutMs`, which ends it with 503.',
    ),
  idleTimeoutMs: milliseconds
    .default(60_000)
    .describe(
      'Milliseconds for which the connection to the upstream may be silent within an answer; then that is broken off.',
    ),
  maxConnections: z
    .int()
    .min(1)
    .max(65_536)
    .default(256)
    .describe('Connections to the upstream at a time; requests beyond wait for one.'),
  maxBodyOctets: z
    .int()
    .min(0)
    .optional()
    .describe('The largest body in octets. Without, `limits.maxBodyOctets`.'),
});

export type Mount = z.output<typeof mountSchema>;

export const checkedMountSchema = mountSchema.refine(
  ({ ca, target }) => ca === undefined || /^https:/i.test(target),
  {
    error: 'is for an "https" target',
    path: ['ca'],
  },
);

function isTarget(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, search, hash } = new URL(text);
  return /^https?:$/.test(protocol) && username + password + search + hash === '';
}
