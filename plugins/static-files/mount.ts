/** The options of one folder and its paths. */
import { z } from 'zod';
import { headersFault } from '../../core/plugin-api.js';
import { prefixSchema } from '../shared/mount.js';
import { TOKEN } from '../shared/rules.js';

const fileName = z
  .string()
  .regex(/^[^/\\\0]+$/, { error: 'expected the name of a file, without folders' })
  .refine((name) => name !== '.' && name !== '..', { error: 'expected the name of a file' });

/** A line end would end the field. */
const fieldValue = z.string().regex(/^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/, {
  error: 'expected the value of a field: one line of ASCII text',
});

export const mountSchema = z.strictObject({
  root: z.string().min(1).describe('The folder, relative to the folder of the configuration. It must exist.'),
  prefix: prefixSchema.default('/').describe('The path prefix of the files: `/`, or for example `/files`.'),
  index: z
    .union([fileName, z.literal(false)])
    .default('index.html')
    .describe('The file that is sent for a folder, or false for none.'),
  listing: z
    .boolean()
    .default(false)
    .describe('Whether a folder without that file is answered with a list of its files.'),
  dotfiles: z
    .enum(['deny', 'well-known', 'allow'])
    .default('deny')
    .describe(
      'Names that begin with a dot (`.git`, `.env`): `deny` treats them as missing; `well-known` too, except the folder `.well-known` at the top (RFC 8615); `allow` serves them.',
    ),
  links: z
    .enum(['inside', 'anywhere'])
    .default('inside')
    .describe('Symbolic links: `inside` follows those that stay in the folder; `anywhere` follows all.'),
  precompressed: z
    .array(z.enum(['br', 'zstd', 'gzip']))
    .default([])
    .describe(
      'Compressed copies next to the file, in order of preference: `br` (`app.js.br`), `zstd` (`.zst`), `gzip` (`.gz`). Each costs one disk access.',
    ),
  cacheOctets: z
    .int()
    .min(0)
    .default(67_108_864)
    .describe(
      'How many octets of files up to 1 MiB are kept in memory. Each request looks at the file with `stat`, so a change is noticed at once. 0: nothing is kept, and `stat` runs in another thread, for network file systems.',
    ),
  cacheControl: fieldValue
    .optional()
    .describe(
      'The value of Cache-Control, for example `public, max-age=3600`. Without it, caches revalidate or use a heuristic.',
    ),
  headers: z
    .record(z.string().regex(TOKEN, { error: 'expected the name of a field' }), fieldValue)
    .default({})
    .check(({ value, issues }) => {
      const fault = headersFault(value);
      if (fault !== undefined) issues.push({ code: 'custom', input: value, message: fault });
    })
    .describe('Additional fields for each answer. They replace fields of the file with the same name.'),
  fallback: z
    .string()
    .min(1)
    .optional()
    .describe(
      'A file in the folder that is sent with 200 if a path has no file and its last part has no dot: for single-page applications, which read the path themselves.',
    ),
});

export type Mount = z.output<typeof mountSchema>;
