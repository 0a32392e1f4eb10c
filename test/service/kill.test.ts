/** A service that is killed at any moment has lost no confirmed write, and starts again without help. */
import { existsSync, readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { tempFolder } from '../core/temp-folder.js';
import { served, start } from '../support/served.js';

const ROUNDS = 6;
const WRITERS = 6;

/** Every key is written once, by one writer, with a value that depends on the key. */
const valueFor = (key: string) => `value of ${key}: ä & "quoted"\n`;

test('with many writers, SIGKILL at a random moment loses no confirmed entry, and the file is whole', async (t) => {
  const cwd = await tempFolder(t, { 'jackfield.config.json': '{}' });
  const acknowledged: string[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const { server, url } = await served(t, cwd);
    await holdsAll(t, url, acknowledged);

    const enough = acknowledged.length + Math.floor(Math.random() * 60);
    const kill = (): void => {
      if (acknowledged.length >= enough) server.kill('SIGKILL');
    };
    kill();
    const write = async (writer: number): Promise<void> => {
      // Each writer waits for its answer before the next write, so its keys are created in order.
      for (let count = 0; ; count += 1) {
        const key = `${round}-${writer}-${String(count).padStart(5, '0')}`;
        const body = JSON.stringify({ [key]: valueFor(key), [`${key} too`]: key });
        const headers = { 'content-type': 'application/json' };
        const method = writer % 2 === 0 ? 'POST' : 'PUT';
        const target = `${url}${method === 'POST' ? '/create' : '/update'}`;
        try {
          const answer = await fetch(target, { method, headers, body });
          if (answer.status !== 200) return t.fail(`${answer.status} ${await answer.text()}`);
        } catch {
          return; // The server is gone, and this write may or may not be stored.
        }
        acknowledged.push(key);
        kill();
      }
    };
    await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)));
    t.is((await server.ended).signal, 'SIGKILL');
    if (existsSync(path.join(cwd, 'data.json')))
      JSON.parse(readFileSync(path.join(cwd, 'data.json'), 'utf8'));
  }
  const { server, url } = await served(t, cwd);
  await holdsAll(t, url, acknowledged);
  t.true(acknowledged.length > ROUNDS);
  // The next change removes files that the last kill left half written.
  t.is((await fetch(`${url}/create`, { method: 'POST', body: 'last: one' })).status, 200);
  server.kill('SIGTERM');
  t.is((await server.ended).code, 0);
  // A last record that a kill has cut is put aside.
  const left = (await readdir(cwd)).filter((name) => !name.includes('.torn-')).toSorted();
  t.deepEqual(
    left.map((name) => name.replace(/\d+$/, 'N')),
    ['data.json', 'data.json.base.N', 'data.json.journal.N', 'jackfield.config.json'],
  );
  const file = Object.keys(JSON.parse(await readFile(path.join(cwd, 'data.json'), 'utf8')) as object);
  for (const key of acknowledged) t.true(file.includes(key), `${key} is in the file`);
});

async function holdsAll(t: ExecutionContext, url: string, acknowledged: readonly string[]) {
  const answer = await fetch(url, { headers: { accept: 'application/json' } });
  const text = await answer.text();
  // The keys are not array indexes, so JSON.parse keeps their order.
  const entries = new Map(Object.entries(JSON.parse(text) as Record<string, string>));
  for (const key of acknowledged) {
    t.is(entries.get(key), valueFor(key), `${key} was acknowledged`);
    t.is(entries.get(`${key} too`), key, `${key} was acknowledged with its companion`);
  }
  const keys = [...entries.keys()];
  for (const key of keys)
    t.true(entries.has(key.endsWith('too') ? key.slice(0, -4) : `${key} too`), `half of ${key}`);
  // In creation order: round by round, and in each round the keys of each writer in their order.
  const rounds = keys.map((key) => Number(key.split('-')[0]));
  t.deepEqual(
    rounds,
    rounds.toSorted((one, other) => one - other),
  );
  for (let writer = 0; writer < WRITERS; writer += 1) {
    const own = keys.filter((key) => key.split('-')[1] === String(writer));
    t.deepEqual(own, own.toSorted());
  }
}

test('after many kills during its start the service still starts and has all data', async (t) => {
  const cwd = await tempFolder(t, {
    'jackfield.config.json': JSON.stringify({ plugins: ['get', 'post', 'create', './slow.mjs'] }),
    // Reports the progress of the start, and waits for the test.
    'slow.mjs': `export default { name: 'slow', setup({ log }) { log.info('the store is open'); } };`,
  });
  const first = await served(t, cwd);
  t.is((await fetch(`${first.url}/create`, { method: 'POST', body: 'a: 1&b: 2' })).status, 200);
  first.server.kill('SIGKILL');
  await first.server.ended;
  const lockShown = async (): Promise<void> => {
    while (!(await readdir(cwd)).some((name) => name.startsWith('data.json.lock-')))
      await new Promise(setImmediate);
  };
  const moments: readonly ((server: ReturnType<typeof start>) => Promise<unknown>)[] = [
    async () => {},
    lockShown,
    (server) => server.until(/the store is open/, 'stderr'),
    (server) => server.until(/listening/),
  ];
  for (const moment of moments) {
    const server = start(t, ['serve', '--port', '0'], cwd);
    await moment(server);
    server.kill('SIGKILL');
    t.is((await server.ended).signal, 'SIGKILL');
  }
  const { server, url } = await served(t, cwd);
  t.is(await (await fetch(url)).text(), 'The data in DB is as follows. \n\na:1\n\nb:2');
  server.kill('SIGTERM');
  t.is((await server.ended).code, 0);
  t.deepEqual(
    (await readdir(cwd)).filter((name) => name.startsWith('data')).map((name) => name.replace(/\d+$/, 'N')),
    ['data.json', 'data.json.base.N', 'data.json.journal.N'],
  );
  t.is(await readFile(path.join(cwd, 'data.json'), 'utf8'), '{\n  "a": "1",\n  "b": "2"\n}\n');
});
