/**
 * Logs errors that no caller sees: a plugin throws in a timer or an event, or nobody awaits its promise. Node would end
 * the process and with it every exchange in progress; here the error is logged and the server continues.
 *
 * Only the command does this. A program that creates servers decides itself what happens to its process.
 */
import { dirname, parse, sep } from 'node:path';
import { stackPlaces } from '../extensions/stack-places.js';
import type { Log } from '../log.js';
import type { PluginReport } from '../plugin-host/plugin-unit.js';
import type { Surroundings } from './command.js';

/**
 * Works until the end of the process.
 * @param plugins Called at each error, to name the plugin that caused it.
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

/** The plugin in whose files the error arose; undefined if its stack does not show it. */
export function pluginOf(error: unknown, plugins: readonly PluginReport[]): string | undefined {
  return ownerOf(
    stackPlaces(error).map(({ file }) => file),
    plugins,
  );
}

/** The plugin that owns the first of these files that belongs to any plugin. */
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

/** Whether a file belongs to a plugin: its own file, a file in the folder of the same name, or one of its package. */
function belongs(file: string, plugin: string): boolean {
  if (file === plugin) return true;
  const { dir, name } = parse(plugin);
  const [, inPackage] = /^(.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+)[\\/]/.exec(plugin) ?? [];
  const home = inPackage ?? (name === 'index' ? dirname(plugin) : `${dir}${sep}${name}`);
  return file.startsWith(home + sep);
}
