/** `jackfield client`: runs a file of exchanges against a server and prints them as the original client did. */
import { readCases } from '../client/case-file.js';
import { readHttpFile, runHttpFile } from '../client/http-file.js';
import { type CaseOptions, runCases } from '../client/run-cases.js';
import type { ExchangeResult } from '../client/run-exchanges.js';
import { JackfieldError } from '../errors.js';
import type { Command, Output } from './command.js';
import { terminalText, terminalTextOf } from './terminal-text.js';

export const client: Command = {
  name: 'client',
  summary: 'run a case file (JSON) or an .http file against a server and print every request and response',
  takes: ['FILE'],
  flags: ['host', 'port', 'one-connection', 'bare-lf', 'json'],
  flagHelp: {
    host: 'address or name of the server (127.0.0.1)',
    port: 'port of the server (10000)',
  },
  examples: [
    'jackfield client cases.json',
    'jackfield client cases.json --one-connection',
    'jackfield client cases.json --bare-lf empty-line',
    'jackfield client requests.http --host 127.0.0.1 --port 8080',
  ],
  async run({ flags, given: [file = ''] }, { stdout, cwd }) {
    const options: CaseOptions = {
      ...(flags.host === undefined ? {} : { host: flags.host }),
      ...(flags.port === undefined ? {} : { port: flags.port }),
      oneConnection: flags['one-connection'] === true,
      ...(flags['bare-lf'] === undefined ? {} : { bareLf: flags['bare-lf'] }),
    };
    const json = flags.json === true;
    const results: ExchangeResult[] = [];
    for await (const result of await exchangesOf(file, cwd, options)) {
      results.push(result);
      if (!json) print(result, stdout);
    }
    const passed = results.filter((result) => result.passed).length;
    const failed = results.length - passed;
    stdout.write(json ? asJson(results, passed, failed) : `${passed} passed, ${failed} failed\n`);
    return failed === 0 ? 0 : 1;
  },
};

async function exchangesOf(
  file: string,
  cwd: string,
  options: CaseOptions,
): Promise<AsyncIterable<ExchangeResult>> {
  if (!/\.(http|rest)$/i.test(file)) return runCases(await readCases(file, cwd), options);
  if (options.bareLf !== undefined) {
    throw new JackfieldError(
      'USAGE',
      `--bare-lf is only for case files of the classic protocol; standard HTTP refuses such requests. Omit it for ${file}.`,
    );
  }
  return runHttpFile(await readHttpFile(file, cwd), options);
}

function print({ title, request, response, problems }: ExchangeResult, stdout: Output): void {
  const lines = [
    `### ${terminalText(title)}`,
    'Sending Request...',
    terminalTextOf(request),
    'Receiving Response...',
    'Response data:',
    terminalTextOf(response),
    'Finish...',
    ...problems.map((problem) => `MISMATCH ${terminalText(problem)}`),
  ];
  stdout.write(`${lines.map((line) => (line.endsWith('\n') ? line : `${line}\n`)).join('')}\n`);
}

function asJson(results: readonly ExchangeResult[], passed: number, failed: number): string {
  const printable = results.map(({ request, response, ...result }) => ({
    ...result,
    request: request.toString(),
    response: response.toString(),
  }));
  return `${JSON.stringify({ passed, failed, results: printable }, null, 2)}\n`;
}
