/** `jackfield reload`: makes a running server reload its configuration file. */
import path from 'node:path';
import { JackfieldError } from '../errors.js';
import type { Command } from './command.js';
import { askToReload } from './reload-control.js';
import { terminalText } from './terminal-text.js';

export const reload: Command = {
  name: 'reload',
  summary: 'make a running server read its configuration again, without closing a connection',
  takes: [],
  flags: ['control', 'json'],
  flagHelp: { control: 'the control socket of the server: FILE of "jackfield serve --control FILE"' },
  examples: ['jackfield serve --control jackfield.sock', 'jackfield reload --control jackfield.sock'],
  async run({ flags }, { stdout, stderr, cwd }) {
    if (flags.control === undefined) {
      throw new JackfieldError(
        'USAGE',
        '"jackfield reload" needs --control FILE, the same as for "jackfield serve"; without it, send SIGHUP to the server. See "jackfield reload --help".',
      );
    }
    const answer = await askToReload(path.resolve(cwd, flags.control), flags.control);
    if (flags.json === true) stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
    else if (answer.ok) for (const line of answer.lines) stdout.write(`${terminalText(line)}\n`);
    else {
      const { message, code } = new JackfieldError(
        'RELOAD_FAILED',
        'fix the following errors and reload again.',
      );
      for (const line of [`${message} [${code}]`, ...answer.lines])
        stderr.write(`jackfield: ${terminalText(line)}\n`);
    }
    return answer.ok ? 0 : 1;
  },
};
