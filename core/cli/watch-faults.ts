/**
 * Faults that reach nobody: what a plugin throws in a timer or an event, or a promise of it that nobody waits for. Node
 * would end the process and with it every exchange under way; here they are a line in the log, and the service goes on.
 *
 * Only the command does this. A program that makes servers decides for itself what becomes of its process.
 */
import { dirname, parse, sep } from 'node:path';
import { stackPlaces } from '../extensions/stack-places.js';
import type { Log } from '../log.js';
import type { PluginReport } from '../plugin-host/plugin-unit.js';
import type { Surroundings } from './command.js';

/**
 * From now on to the end of the process.
 * @param plugins Asked at each fault, to name the one it came from.
 */
export function watchFaults(
  faults: Surroundings['faults'],
  log: Log,
  plugins: () => readonly PluginReport[],
): void {
  const tell = (error: unknown): void => {
    const plugin = pluginOf(error, plugins());
    if (plugin === undefined) log.error({ err: error }, 'Code failed outside of any request.');
    else log.error({ plugin, err: error }, 'A plugin failed outside of any request.');
  };
  faults.on('uncaughtException', tell);
  faults.on('unhandledRejection', tell);
}

/** The plugin in whose files the error arose; undefined where its stack does not tell. */
export function pluginOf(error: unknown, plugins: readonly PluginReport[]): string | undefined {
  return ownerOf(
    stackPlaces(error).map(({ file }) => file),
    plugins,
  );
}

/** The plugin that the first of these files belongs to which belongs to any. */
export function ownerOf(
  files: readonly string[],
  plugins: readonly Pick<PluginReport, 'name' | 'file'>[],
): string | undefined {
  for (const file of files) {
    const owner = plugins.find((plugin) => plugin.file !== undefined && belongs(file, plugin.file));
    if (owner !== undefined) return owner.name;
  }
  return undefined;
}

/** Whether a file is a plugin's own: its one file, what stands in the folder named like it, or its package. */
function belongs(file: string, plugin: string): boolean {
  if (file === plugin) return true;
  const { dir, name } = parse(plugin);
  const [, inPackage] = /^(.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+)[\\/]/.exec(plugin) ?? [];
  const home = inPackage ?? (name === 'index' ? dirname(plugin) : `${dir}${sep}${name}`);
  return file.startsWith(home + sep);
}
