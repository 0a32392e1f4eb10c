/**
 * zod, loaded when the first schema is asked for something: that is a fifth of the start of a server, and most
 * configurations are recognised without it. As CommonJS, since only that can be loaded in the middle of a function.
 */
import { createRequire } from 'node:module';
import type { z } from 'zod';

export type Zod = typeof z;

let loaded: Zod | undefined;

export function zod(): Zod {
  loaded ??= (createRequire(import.meta.url)('zod') as { readonly z: Zod }).z;
  return loaded;
}
