/**
 * Detects whether a file changed after its module was imported. Node cannot unload a module: importing changed code
 * again would leave the old module in memory each time. So code is never reloaded; the log says that a restart is
 * needed.
 *
 * Kept per process, like the modules.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const asImported = new Map<string, string>();

/** Called before a module is imported for the first time; records the content of its file. */
export async function noteImport(file: string): Promise<void> {
  if (asImported.has(file)) return;
  const digest = await digestOf(file);
  if (digest !== undefined && !asImported.has(file)) asImported.set(file, digest);
}

/** Whether the file differs from the module that was imported from it. */
export async function hasChanged(file: string): Promise<boolean> {
  const then = asImported.get(file);
  return then !== undefined && then !== (await digestOf(file));
}

/**
 * Returns the URL that imports the current content of a configuration module. Each content stays in memory as its own
 * module, so use it only for configurations: they are small, and a reload is about their changes. Modules that they
 * import are not loaded again.
 */
export async function freshUrl(file: string): Promise<string> {
  await noteImport(file);
  const url = pathToFileURL(file);
  const digest = await digestOf(file);
  if (digest === undefined || digest === asImported.get(file)) return url.href;
  url.searchParams.set('content', digest);
  // Node caches a CommonJS module by file name, even if the URL has a query.
  Reflect.deleteProperty(createRequire(file).cache, file);
  return url.href;
}

async function digestOf(file: string): Promise<string | undefined> {
  const content = await readFile(file).catch(() => undefined);
  return content && createHash('sha256').update(content).digest('base64');
}
