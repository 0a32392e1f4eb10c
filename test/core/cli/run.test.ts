import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { COMMANDS } from '../../../core/cli/commands.js';
import { FLAGS } from '../../../core/cli/flags.js';
import { JackfieldError } from '../../../core/errors.js';
import { tempFolder } from '../temp-folder.js';
import { FakeServer, ran, start } from './around.js';

test('a wrong command line is refused with one line, a suggestion and exit code 2', async (t) => {
  const sentences: Record<string, string> = {
    srve: 'Unknown command "srve"; did you mean serve? See "jackfield --help".',
    dance:
      'Unknown command "dance"; there are serve, check, schema, plugins, reload, store, client, new. See "jackfield --help".',
    '--prot 80': 'Unknown flag --prot; did you mean --port? See "jackfield serve --help".',
    'check --jsn': 'Unknown flag --jsn; did you mean --json? See "jackfield check --help".',
    'serve -x': 'Unknown flag -x. See "jackfield serve --help".',
    'check --verbose': '"jackfield check" has no flag --verbose. See "jackfield check --help".',
    '--verbose=yes': 'The flag --verbose takes no value. See "jackfield serve --help".',
    '--port': 'The flag --port needs a value. See "jackfield serve --help".',
    '--port --verbose': 'The flag --port needs a value. See "jackfield serve --help".',
    '--config=': 'The flag --config needs a value. See "jackfield serve --help".',
    '--port 65536': '--port takes a whole number from 0 to 65535, not "65536". See "jackfield --help".',
    '--port=-1': '--port takes a whole number from 0 to 65535, not "-1". See "jackfield --help".',
    '--port 8o': '--port takes a whole number from 0 to 65535, not "8o". See "jackfield --help".',
    '--host http://a':
      '--host takes an address or name without port, not "http://a". See "jackfield --help".',
    client: '"jackfield client" needs FILE. See "jackfield client --help".',
    'client a b': '"jackfield client" does not take "b". See "jackfield client --help".',
    'check conf.json': '"jackfield check" does not take "conf.json". See "jackfield check --help".',
    '--__proto__': 'Unknown flag --__proto__. See "jackfield serve --help".',
  };
  const cwd = await tempFolder(t);
  for (const [line, sentence] of Object.entries(sentences)) {
    t.deepEqual(await ran(line.split(' '), cwd), {
      code: 2,
      stdout: '',
      stderr: `jackfield: ${sentence} [USAGE]\n`,
    });
  }
});

test('--help names every command, and the help of a command all its flags', async (t) => {
  const general = await ran(['--help'], '/');
  t.is(general.code, 0);
  for (const command of COMMANDS) {
    t.true(general.stdout.includes(`\n  ${command.name} `));
    const { code, stdout } = await ran([command.name, '--help'], '/');
    t.is(code, 0);
    t.true(stdout.startsWith(`Usage: jackfield ${command.name}`));
    for (const flag of Object.keys(FLAGS)) {
      const taken = [...command.flags, 'debug', 'help', 'version'].includes(flag);
      t.is(new RegExp(`--${flag}\\b`).test(stdout.split('Example')[0]!), taken, `${command.name} --${flag}`);
    }
  }
});

test('--version prints the version of the package', async (t) => {
  const { code, stdout } = await ran(['--version'], '/');
  t.is(code, 0);
  t.regex(stdout, /^\d+\.\d+\.\d+\S*\n$/);
});

test('serve is the default command, and flags override the file', async (t) => {
  const cwd = await tempFolder(t, {
    'jackfield.config.json': '{ "listen": { "host": "::1", "port": 1 }, "storage": "lru" }',
  });
  const server = new FakeServer();
  const started = start(['--port', '8080'], cwd, server);
  await started.printed('listening');
  t.deepEqual(started.made.config, { listen: { host: '::1', port: 8080 }, storage: 'lru' });
  t.is(started.made.options?.source?.locate(['storage']), 'jackfield.config.json:1:54');
  t.is(started.made.options?.tap, undefined);
  server.stop();
  t.is((await started.finished).code, 0);
});

test('every address gets a ready line', async (t) => {
  const server = new FakeServer();
  server.addresses = [
    { host: '::1', port: 10_000, url: 'https://[::1]:10000' },
    { host: '', port: 0, url: 'unix:/run/jackfield.sock', socket: '/run/jackfield.sock' },
  ];
  server.stop();
  t.deepEqual(await ran([], await tempFolder(t), server), {
    code: 0,
    stdout: 'jackfield listening on https://[::1]:10000\njackfield listening on unix:/run/jackfield.sock\n',
    stderr: '',
  });
});

test('SIGHUP reloads the configuration with the same flags, and the log has the outcome', async (t) => {
  const server = new FakeServer();
  const given: unknown[] = [];
  let reloaded = (): void => {};
  server.reload = async (config) => {
    given.push(config);
    reloaded();
    return { started: [], kept: [], left: [], changedFiles: [], retired: Promise.resolve() };
  };
  const cwd = await tempFolder(t, { 'jackfield.config.json': '{ "allowedHosts": ["a"] }' });
  const { printed, signals, finished } = start(['--port', '8080'], cwd, server);
  await printed('listening');
  await writeFile(path.join(cwd, 'jackfield.config.json'), '{ "allowedHosts": ["b"] }');
  const first = new Promise<void>((resolve) => {
    reloaded = resolve;
  });
  signals.emit('SIGHUP');
  await first;
  t.deepEqual(given, [{ allowedHosts: ['b'], listen: { port: 8080 } }]);
  server.stop();
  await finished;
  t.is(signals.listenerCount('SIGHUP'), 0);
});

test('reload without --control names the missing flag', async (t) => {
  const { code, stderr } = await ran(['reload'], await tempFolder(t));
  t.deepEqual(
    [code, stderr],
    [
      2,
      'jackfield: "jackfield reload" needs --control FILE, the same as for "jackfield serve"; without it, send SIGHUP to the server. See "jackfield reload --help". [USAGE]\n',
    ],
  );
});

test('reload reports that no server listens', async (t) => {
  const { code, stderr } = await ran(['reload', '--control', 'no.sock'], await tempFolder(t));
  t.deepEqual(
    [code, stderr],
    [
      1,
      'jackfield: The server cannot be reached: no.sock: no server listens there; pass the FILE of "jackfield serve --control FILE". [SERVER_UNREACHABLE]\n',
    ],
  );
});

test('--host and --port replace one listener, also a Unix socket, but not several', async (t) => {
  const cwd = await tempFolder(t, {
    'one.json': '{ "listen": [{ "socket": "a.sock", "socketMode": "600", "sharedReadBuffer": false }] }',
    'two.json': '{ "listen": [{ "port": 1 }, { "port": 2 }] }',
  });
  const server = new FakeServer();
  server.stop();
  const started = start(['--config', 'one.json', '--port', '8080'], cwd, server);
  await started.finished;
  t.deepEqual(started.made.config, { listen: { port: 8080, sharedReadBuffer: false } });
  t.deepEqual(await ran(['--config', 'two.json', '--port', '8080'], cwd), {
    code: 2,
    stdout: '',
    stderr:
      'jackfield: --host and --port replace the address of one listener; the configuration has 2. [USAGE]\n',
  });
});

test('SIGTERM and SIGINT stop the server cleanly, with exit code 0', async (t) => {
  for (const signal of ['SIGTERM', 'SIGINT']) {
    const server = new FakeServer();
    const { printed, signals, finished, exits } = start([], await tempFolder(t), server);
    await printed('listening');
    signals.emit(signal);
    t.is((await finished).code, 0);
    t.deepEqual(server.calls, ['listen', 'close']);
    t.deepEqual(exits, []);
    t.is(signals.listenerCount(signal), 0);
  }
});

test('a second signal ends the process at once, with exit code 1', async (t) => {
  const server = new FakeServer();
  let finish = (): void => {};
  server.close = () =>
    new Promise((resolve) => {
      finish = resolve;
    });
  const { printed, signals, finished, exits } = start([], await tempFolder(t), server);
  await printed('listening');
  signals.emit('SIGINT');
  signals.emit('SIGTERM');
  t.deepEqual(exits, [1]);
  server.stop();
  finish();
  await finished;
});

test('a signal during the start stops the server too', async (t) => {
  const server = new FakeServer();
  let refuse: (error: Error) => void = () => {};
  const listening = new Promise<void>((resolve) => {
    server.listen = () => {
      resolve();
      return new Promise((_, reject) => {
        refuse = reject;
      });
    };
  });
  const { signals, finished } = start([], await tempFolder(t), server);
  await listening;
  signals.emit('SIGTERM');
  refuse(new JackfieldError('SERVER_CLOSING'));
  t.deepEqual(await finished, { code: 0, stdout: '', stderr: '' });
});

test('a clean stop that fails is reported', async (t) => {
  const server = new FakeServer();
  server.close = () => Promise.reject(new JackfieldError('STORAGE_FULL'));
  const { printed, signals, finished } = start([], await tempFolder(t), server);
  await printed('listening');
  signals.emit('SIGTERM');
  const { code, stderr } = await finished;
  t.is(code, 1);
  t.is(stderr, 'jackfield: The store is full; nothing was changed. [STORAGE_FULL]\n');
});

test('a server that does not start is reported in one line, without a stack', async (t) => {
  const server = new FakeServer();
  server.listen = () =>
    Promise.reject(new JackfieldError('PORT_IN_USE', '127.0.0.1:80.', { cause: new Error('EADDRINUSE') }));
  const cwd = await tempFolder(t);
  t.deepEqual(await ran([], cwd, server), {
    code: 1,
    stdout: '',
    stderr: 'jackfield: The port is in use: 127.0.0.1:80. [PORT_IN_USE]\n',
  });
  const { stderr } = await ran(['--debug'], cwd, server);
  t.regex(stderr, /^jackfield: The port is in use: 127\.0\.0\.1:80\. \[PORT_IN_USE\]\nJackfieldError: /);
  t.regex(stderr, /\n {4}at /);
  t.regex(stderr, /\[cause\]: Error: EADDRINUSE/);
});

test('an unexpected error asks to run again with --debug, which shows the stack', async (t) => {
  const server = new FakeServer();
  server.listen = () => Promise.reject(new TypeError('x is not a function\nand more'));
  const cwd = await tempFolder(t);
  t.deepEqual(await ran(['serve'], cwd, server), {
    code: 1,
    stdout: '',
    stderr: 'jackfield: unexpected error: x is not a function; run again with --debug for the stack trace\n',
  });
  t.regex((await ran(['--debug'], cwd, server)).stderr, /TypeError: x is not a function\n.*\n\s+at /);
});

test('the log goes to stderr, from level info, with --debug from level debug', async (t) => {
  for (const [flags, levels] of [
    [[], ['info']],
    [['--debug'], ['debug', 'info']],
  ] as const) {
    const server = new FakeServer();
    const { printed, made, finished } = start(flags, await tempFolder(t), server);
    await printed('listening');
    t.is(made.options?.traceSetup, flags.length > 0);
    made.options?.log?.debug('small');
    made.options?.log?.info('great');
    server.stop();
    const lines = (await finished).stderr.trim().split('\n');
    t.deepEqual(
      lines.map((line) => (JSON.parse(line) as { level: string }).level),
      [...levels],
    );
  }
});

test('serve --verbose prints the received and sent octets', async (t) => {
  const server = new FakeServer();
  const { printed, made, finished } = start(['--verbose'], await tempFolder(t), server);
  await printed('listening');
  made.options?.tap?.received(1, Buffer.from('GET / HTTP/1.1\r\n\r\n'));
  made.options?.tap?.sent(1, Buffer.from('HTTP/1.1 204 No Content\r\n\r\n'));
  server.stop();
  t.is(
    (await finished).stdout,
    'jackfield listening on http://127.0.0.1:10000\n### Connection 1\nReceiving Request...\nGET / HTTP/1.1\n\n' +
      'Sending Response...\nHTTP/1.1 204 No Content\n\n',
  );
});

test('every fault of a configuration has a line, and the server is not created', async (t) => {
  const cwd = await tempFolder(t, {
    'jackfield.config.json': '{\n  "plugin": [],\n  "listen": { "port": "80" }\n}',
  });
  const started = start(['check'], cwd);
  t.deepEqual(await started.finished, {
    code: 1,
    stdout: '',
    stderr:
      'jackfield: The configuration is not valid: jackfield.config.json:2:3: unknown key "plugin"; did you mean "plugins"? [CONFIG_INVALID]\n' +
      'jackfield: jackfield.config.json:3:23: listen.port: expected a whole number from 0 to 65535, found "80" [CONFIG_INVALID]\n',
  });
  t.deepEqual(started.made, {});
});

test('an error with one fault stays on one line, whatever it quotes', async (t) => {
  const server = new FakeServer();
  server.ready = () => Promise.reject(new JackfieldError('PLUGIN_SETUP_FAILED', 'a\n  b\x1b[2J'));
  const { stderr } = await ran(['check'], await tempFolder(t), server);
  t.is(stderr, 'jackfield: A plugin failed while it was set up: a b\\x1b[2J [PLUGIN_SETUP_FAILED]\n');
});

const report = {
  origin: 'built-in',
  claims: [{ method: 'GET', pattern: '/' }],
  setupMs: 0.25,
  hooks: [],
} as const;

test('check sets up without listening and prints a summary', async (t) => {
  const cwd = await tempFolder(t, {
    'jackfield.config.json': '{}',
    'one.json': '{ "storage": { "adapter": "lru" } }',
  });
  const server = new FakeServer();
  server.plugins = [
    { name: 'get', ...report },
    { name: 'end', ...report },
  ];
  t.deepEqual(await ran(['check'], cwd, server), {
    code: 0,
    stdout: 'jackfield.config.json is valid: 2 plugins, storage json-file\n',
    stderr: '',
  });
  t.deepEqual(server.calls, ['ready', 'close']);
  server.plugins = [{ name: 'get', ...report }];
  t.is(
    (await ran(['check', '-c', 'one.json'], cwd, server)).stdout,
    'one.json is valid: 1 plugin, storage lru\n',
  );
  t.deepEqual(JSON.parse((await ran(['check', '--json', '-c', 'one.json'], cwd, server)).stdout), {
    valid: true,
    file: 'one.json',
    plugins: 1,
    storage: 'lru',
  });
  const supports = { durable: false, shared: 'process', bounded: true, watch: true } as const;
  server.storage = { name: 'lru', supports };
  t.is(
    (await ran(['check', '-c', 'one.json'], cwd, server)).stdout,
    'one.json is valid: 1 plugin, storage lru (not durable, evicts entries when full)\n',
  );
  t.deepEqual(
    JSON.parse((await ran(['check', '--json', '-c', 'one.json'], cwd, server)).stdout).supports,
    supports,
  );
  server.storage = { name: 'json-file', supports: { ...supports, durable: true, bounded: false } };
  const none = await ran(['check'], await tempFolder(t), server);
  t.is(none.stdout, 'The built-in configuration is valid: 1 plugin, storage json-file\n');
});

test('plugins prints a table in the order of set-up, or JSON', async (t) => {
  const cwd = await tempFolder(t);
  const server = new FakeServer();
  server.plugins = [
    { name: 'get', ...report },
    { name: 'shout', origin: 'file', version: '1.2.3', claims: [], hooks: ['close', 'error'], setupMs: 12 },
  ];
  t.is(
    (await ran(['plugins'], cwd, server)).stdout,
    '#  NAME   ORIGIN    VERSION  SET-UP   CLAIMS\n' +
      '1  get    built-in  -        0.3 ms   GET /\n' +
      '2  shout  file      1.2.3    12.0 ms  hook close, hook error\n',
  );
  t.deepEqual(server.calls, ['ready', 'close']);
  t.deepEqual(JSON.parse((await ran(['plugins', '--json'], cwd, server)).stdout), [
    { order: 1, name: 'get', ...report },
    {
      order: 2,
      name: 'shout',
      origin: 'file',
      version: '1.2.3',
      claims: [],
      hooks: ['close', 'error'],
      setupMs: 12,
    },
  ]);
});

test('plugins --installed lists available plugins without importing them', async (t) => {
  const cwd = await tempFolder(t, {
    'node_modules/jackfield-plugin-audit/package.json':
      '{ "name": "jackfield-plugin-audit", "version": "1.2.3", "description": "Who did what." }',
    'node_modules/@acme/tracer/package.json':
      '{ "name": "@acme/tracer", "version": "2.0.0", "keywords": ["jackfield-plugin"] }',
    'node_modules/@acme/jackfield-plugin-lens/package.json': '{ "version": "1.0.0" }',
    'node_modules/other/package.json': '{ "name": "other" }',
    'node_modules/broken/package.json': '{',
    'inner/jackfield.config.json': '{}',
    'inner/node_modules/jackfield-plugin-audit/package.json':
      '{ "name": "jackfield-plugin-audit", "version": "1.3.0" }',
  });
  const table = await ran(['plugins', '--installed'], cwd);
  const rows = table.stdout.split('\n').map((line) => line.split(/ {2,}/));
  t.deepEqual(rows[0], ['NAME', 'ORIGIN', 'PACKAGE', 'DESCRIPTION']);
  t.true(rows.some((row) => row.join('|') === 'get|built-in|-|-'));
  t.deepEqual(rows.slice(-4), [
    ['@acme/lens', 'package', '@acme/jackfield-plugin-lens 1.0.0', '-'],
    ['@acme/tracer', 'package', '@acme/tracer 2.0.0', '-'],
    ['audit', 'package', 'jackfield-plugin-audit 1.2.3', 'Who did what.'],
    [''],
  ]);
  // The nearest of several counts, as when it is loaded.
  const inner = await ran(['plugins', '--installed', '--json', '-c', 'inner/jackfield.config.json'], cwd);
  t.deepEqual(JSON.parse(inner.stdout).at(-1), {
    origin: 'package',
    reference: 'audit',
    packageName: 'jackfield-plugin-audit',
    version: '1.3.0',
  });
});

test('--watch without a file to watch is reported in the log', async (t) => {
  const server = new FakeServer();
  const { printed, finished } = start(['serve', '--watch'], await tempFolder(t), server);
  await printed('listening');
  server.stop();
  t.regex((await finished).stderr, /"level":"warn".*There is no configuration file to watch;/);
});
