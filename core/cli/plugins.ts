/** `jackfield plugins`: shows which plugins run and what they claim, or which are available. */
import { readConfig } from '../config/config-file.js';
import { listBuiltIn } from '../extensions/find-extension.js';
import { type InstalledPackage, installedPackages } from '../extensions/installed-packages.js';
import { PLUGINS } from '../plugin-host/load-plugins.js';
import type { Call, Command, CommandServer, Surroundings } from './command.js';
import { readyServer } from './store-in-use.js';
import { terminalText } from './terminal-text.js';

export const plugins: Command = {
  name: 'plugins',
  summary:
    'list the plugins in the order of their set-up, with origin, version, set-up time, handlers and hooks',
  takes: [],
  flags: ['config', 'installed', 'json'],
  examples: ['jackfield plugins', 'jackfield plugins --json', 'jackfield plugins --installed'],
  async run(call, around) {
    if (call.flags.installed === true) return listInstalled(call, around);
    const { server } = await readyServer(call, around);
    const reports = server.plugins;
    await server.close();
    around.stdout.write(call.flags.json === true ? json(reports) : table(reports));
    return 0;
  },
};

function json(reports: CommandServer['plugins']): string {
  return `${JSON.stringify(
    reports.map((report, index) => ({ order: index + 1, ...report })),
    null,
    2,
  )}\n`;
}

const HEADINGS = ['#', 'NAME', 'ORIGIN', 'VERSION', 'SET-UP', 'CLAIMS'];

function table(reports: CommandServer['plugins']): string {
  const rows = reports.map((report, index) => [
    String(index + 1),
    report.name,
    report.origin,
    report.version ?? '-',
    `${report.setupMs.toFixed(1)} ms`,
    [
      ...report.claims.map(({ method, pattern }) => `${method} ${pattern}`),
      ...report.hooks.map((stage) => `hook ${stage}`),
    ].join(', ') || '-',
  ]);
  return columns([HEADINGS, ...rows]);
}

/** The plugins that a configuration in this folder could name. Nothing is imported, so no plugin can fail. */
async function listInstalled({ flags }: Call, { cwd, stdout }: Surroundings): Promise<number> {
  const { source } = await readConfig(flags.config, cwd);
  const builtIn = (await listBuiltIn(PLUGINS)).map((reference) => ({ reference, origin: 'built-in' }));
  const packages = (await installedPackages(PLUGINS, source.folder)).map(
    (one): InstalledPackage & { origin: string } => ({ origin: 'package', ...one }),
  );
  const all: readonly (Partial<InstalledPackage> & { reference: string; origin: string })[] = [
    ...builtIn,
    ...packages,
  ];
  if (flags.json === true) stdout.write(`${JSON.stringify(all, null, 2)}\n`);
  else {
    const rows = all.map(({ reference, origin, packageName, version, description }) => [
      reference,
      origin,
      packageName === undefined ? '-' : `${packageName} ${version ?? ''}`.trimEnd(),
      description ?? '-',
    ]);
    stdout.write(columns([['NAME', 'ORIGIN', 'PACKAGE', 'DESCRIPTION'], ...rows]));
  }
  return 0;
}

function columns(rows: readonly (readonly string[])[]): string {
  const all = rows.map((row) => row.map(terminalText));
  const widths = (all[0] ?? []).map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const lines = all.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}
