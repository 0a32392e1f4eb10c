/**
 * Controls access by bearer tokens and Basic passwords, with rules for methods and paths.
 * Source: RFC 9110 §11, RFC 7617 (Basic), RFC 6750 (Bearer). Errors: UNAUTHORIZED, FORBIDDEN; OVERLOADED while too many
 * passwords wait to be checked. An unknown name gets the same answer as a wrong password, in the same time.
 */
import { z } from 'zod';
import { definePlugin, type Request } from '../core/plugin-api.js';
import { credentialsOf } from './auth/credentials.js';
import { Passwords } from './auth/passwords.js';
import { isPasswordHash } from './auth/scrypt.js';
import { Tokens } from './auth/tokens.js';
import { type Identity, setIdentity } from './shared/identity.js';
import { refusal } from './shared/refusal.js';
import { looseReading, ruleFields, ruleFinder } from './shared/rules.js';

export { hashPassword } from './auth/scrypt.js';
export { hashToken, newToken } from './auth/tokens.js';
export { type Identity, identity } from './shared/identity.js';

const identitySchema = z.strictObject({
  name: z
    .string()
    .regex(/^[^:\p{Cc}]+$/u, { error: 'expected a name without ":" and control characters' })
    .describe('The name of the identity, without a colon, which ends the name in Basic (RFC 7617 §2).'),
  // The error sentences of these two do not begin with "expected": then they do not show the value, which may be a
  // secret.
  password: z
    .string()
    .refine(isPasswordHash, {
      error: 'this is not "$scrypt$ln=…,r=…,p=…$salt$hash", the result of hashPassword',
    })
    .optional()
    .describe('The hash of the password, made by `hashPassword`: `$scrypt$ln=15,r=8,p=3$…$…`.'),
  tokens: z
    .array(
      z.string().regex(/^sha256:[0-9a-f]{64}$/, {
        error: 'this is not "sha256:" and 64 hexadecimal digits, the result of hashToken',
      }),
    )
    .default([])
    .describe('The hash of each token, made by `hashToken`: `sha256:` and 64 hexadecimal digits.'),
  roles: z
    .array(z.string().min(1))
    .default([])
    .describe('The roles of the identity, which rules can require.'),
});

const ruleSchema = z.strictObject({
  ...ruleFields,
  allow: z
    .union([z.enum(['anyone', 'identified']), z.array(z.string().min(1)).min(1)])
    .describe(
      '`anyone`: credentials are not checked; `identified`: any valid credentials; or a list of roles, of which the identity needs one.',
    ),
});

export default definePlugin({
  name: 'auth',
  options: z.strictObject({
    realm: z
      .string()
      .regex(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/, {
        error: 'expected ASCII text without quotes and backslashes',
      })
      .default('jackfield')
      .describe('The name that the login dialogue of a browser shows.'),
    identities: z
      .array(identitySchema)
      .min(1)
      .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, {
        error: 'expected each name once',
      })
      .describe('The known identities.'),
    rules: z
      .array(ruleSchema)
      .default([])
      .describe(
        'The access rules. The first rule that matches decides; if none matches, every identity has access.',
      ),
    cacheSeconds: z
      .int()
      .min(0)
      .max(86_400)
      .default(300)
      .describe('Seconds for which a correct password is not checked again; 0 checks it at every request.'),
    maxChecks: z
      .int()
      .min(1)
      .max(64)
      .default(2)
      .describe('Passwords checked at a time; each check needs a thread and, with the usual cost, 32 MiB.'),
    maxWaiting: z
      .int()
      .min(0)
      .max(10_000)
      .default(50)
      .describe('The most passwords that wait for a check; above that the answer is 503 OVERLOADED.'),
  }),
  setup({ hook, prefix, options }) {
    const { realm, identities, rules } = options;
    const find = ruleFinder(rules, prefix);
    const tokens = new Tokens(identities);
    const passwords = new Passwords(identities, options);
    // Do not offer a scheme that nobody can use: clients would only try it in vain.
    const basic = passwords.isEmpty ? [] : [`Basic realm="${realm}", charset="UTF-8"`];
    const bearer = tokens.isEmpty ? [] : [`Bearer realm="${realm}"`];
    const noToken = tokens.isEmpty ? [] : [`Bearer realm="${realm}", error="invalid_token"`];

    async function identify({ headers }: Request): Promise<Identity> {
      const given = credentialsOf(headers.authorization);
      const found =
        given?.scheme === 'bearer'
          ? tokens.find(given.token)
          : given?.scheme === 'basic'
            ? await passwords.find(given.name, given.password)
            : undefined;
      if (found !== undefined && given !== undefined)
        return { name: found.name, roles: found.roles, scheme: given.scheme };
      // RFC 6750 §3.1: only a client that sent a token gets the error `invalid_token`.
      const challenges = given?.scheme === 'bearer' ? [...noToken, ...basic] : [...bearer, ...basic];
      throw refusal('UNAUTHORIZED', challenges.length === 0 ? {} : { 'WWW-Authenticate': challenges });
    }

    hook('request', (request) => {
      const other = looseReading(request.path);
      // If a server behind this one could read the path differently, the rules for both readings must allow it.
      const allowed = [request.path, other ?? []]
        .flat()
        .map((path) => find(request, path)?.allow ?? 'identified');
      if (allowed.every((allow) => allow === 'anyone')) return undefined;
      return identify(request).then((found) => {
        setIdentity(request, found);
        const isIn = allowed.every(
          (allow) => typeof allow === 'string' || found.roles.some((role) => allow.includes(role)),
        );
        if (!isIn) throw refusal('FORBIDDEN', {});
      });
    });
  },
});
