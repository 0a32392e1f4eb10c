/**
 * zod, loaded on first use of a schema: loading it takes a fifth of the start of a server, and most configurations are
 * recognised without it. As CommonJS, because only `require` is synchronous.
 */
import { createRequire } from 'node:module';
import type { z } from 'zod';

export type Zod = typeof z;

let loaded: Zod | undefined;

export function zod(): Zod {
  loaded ??= (createRequire(import.meta.url)('zod') as { readonly z: Zod }).z;
  return loaded;
}
