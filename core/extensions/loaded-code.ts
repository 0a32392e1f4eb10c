/**
 * Whether a module still is what was imported. Node keeps a module for as long as the process lives, and there is no
 * way to let go of one: to import changed code anew would leave the old one behind each time. So code is never
 * reloaded; whoever changes it is told that a restart is due.
 *
 * Kept for the whole process, as modules are.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const asImported = new Map<string, string>();

/** Called before a module is imported for the first time, with what it is then. */
export async function noteImport(file: string): Promise<void> {
  if (asImported.has(file)) return;
  const digest = await digestOf(file);
  if (digest !== undefined && !asImported.has(file)) asImported.set(file, digest);
}

/** Whether the file has another content than the module that was imported from it. */
export async function hasChanged(file: string): Promise<boolean> {
  const then = asImported.get(file);
  return then !== undefined && then !== (await digestOf(file));
}

/**
 * What to import to get a configuration that is a module as the file has it now. Each content that the file ever had
 * stays in memory as a module of its own, so this is for configurations alone: they are small, and theirs is the
 * change that a reload is for. What they import stays as it was.
 */
export async function freshUrl(file: string): Promise<string> {
  await noteImport(file);
  const url = pathToFileURL(file);
  const digest = await digestOf(file);
  if (digest === undefined || digest === asImported.get(file)) return url.href;
  url.searchParams.set('content', digest);
  // A module in CommonJS is kept under its file name, whatever stands behind it.
  Reflect.deleteProperty(createRequire(file).cache, file);
  return url.href;
}

async function digestOf(file: string): Promise<string | undefined> {
  const content = await readFile(file).catch(() => undefined);
  return content && createHash('sha256').update(content).digest('base64');
}
