/** The options of one folder and its paths. */
import { z } from 'zod';
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
  root: z.string().min(1).describe('The folder, relative to that of the configuration. It has to exist.'),
  prefix: prefixSchema
    .default('/')
    .describe('The paths below which its files are: `/` for all, or as `/files`.'),
  index: z
    .union([fileName, z.literal(false)])
    .default('index.html')
    .describe('The file that answers for a folder, or false: then none does.'),
  listing: z
    .boolean()
    .default(false)
    .describe('Whether a folder without that file is answered with a list of what is in it.'),
  dotfiles: z
    .enum(['deny', 'well-known', 'allow'])
    .default('deny')
    .describe(
      'Names that begin with a dot (`.git`, `.env`): `deny`, as if they were not there; `well-known`, but for a folder `.well-known` at the top (RFC 8615); or `allow`.',
    ),
  links: z
    .enum(['inside', 'anywhere'])
    .default('inside')
    .describe('Symbolic links: `inside` follows those that stay in the folder; `anywhere` follows all.'),
  precompressed: z
    .array(z.enum(['br', 'zstd', 'gzip']))
    .default([])
    .describe(
      'Files beside the file that hold the same compressed, in the order in which they are preferred: `br` (`app.js.br`), `zstd` (`.zst`), `gzip` (`.gz`). Each costs a look at the disk.',
    ),
  cacheControl: fieldValue
    .optional()
    .describe(
      'The value of Cache-Control, as `public, max-age=3600`. Without, there is none and caches ask or guess.',
    ),
  headers: z
    .record(z.string().regex(TOKEN, { error: 'expected the name of a field' }), fieldValue)
    .default({})
    .describe('More fields for each of its answers.'),
  fallback: z
    .string()
    .min(1)
    .optional()
    .describe(
      'A file in the folder that answers, with 200, where there is none and the last part of the path has no dot: for applications of a single page, that read the path themselves.',
    ),
});

export type Mount = z.output<typeof mountSchema>;
