/** Imports modules that options name: files beside the configuration. */
import path from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * @param folder The base of relative names.
 * @returns its default export.
 * @throws Error if it cannot be imported: set-up fails with that sentence.
 */
export async function defaultExport(name: string, folder: string): Promise<unknown> {
  const file = path.resolve(folder, name);
  try {
    const module: { readonly default?: unknown } = await import(pathToFileURL(file).href);
    return module.default;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`The module ${JSON.stringify(name)} could not be imported: ${reason}`, { cause });
  }
}
