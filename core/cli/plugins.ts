/** `jackfield plugins`: what is plugged in where. */
import type { Command, CommandServer } from './command.js';
import { prepareServer } from './prepare-server.js';
import { terminalText } from './terminal-text.js';

export const plugins: Command = {
  name: 'plugins',
  summary: 'list the plugins in the order of their set-up, with origin, version, set-up time and claims',
  takes: [],
  flags: ['config', 'json'],
  examples: ['jackfield plugins', 'jackfield plugins --json'],
  async run(call, around) {
    const { server } = await prepareServer(call, around, 'warn');
    await server.ready();
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
  const all = [HEADINGS, ...rows].map((row) => row.map(terminalText));
  const widths = HEADINGS.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const lines = all.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}
