/** The published transcript of sixteen exchanges, octet for octet, on every adapter that needs no other server. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createServer } from '../../core/server.js';
import { RawClient } from '../support/raw-client.js';
import { CASES, EXPECTED, FORMS, requestsIn, type Transcript } from './cases.js';
import { LF_FORMS } from './classic-request.js';

/** The octets of each request in the published capture of the original client. Cases 4 and 16 are not in it. */
const CAPTURED: readonly (number | undefined)[] = '104 103 96 - 103 109 158 103 114 124 123 104 137 109 127 -'
  .split(' ')
  .map((octets) => (octets === '-' ? undefined : Number(octets)));
const ADAPTERS = ['memory', 'lru', 'json-file', 'lmdb'];

type Play = (port: number, requests: readonly string[]) => Promise<Transcript>;

const MODES: Readonly<Record<string, Play>> = {
  'one connection per exchange': async (port, requests) => {
    const transcript: (string | undefined)[] = [];
    for (const request of requests) {
      const client = await RawClient.connect(port);
      client.send(request);
      transcript.push(await client.next());
      client.destroy();
    }
    return transcript;
  },
  'all exchanges on one connection': async (port, requests) => {
    const client = await RawClient.connect(port);
    const transcript: (string | undefined)[] = [];
    for (const request of requests) {
      client.send(request);
      transcript.push(await client.next());
    }
    return transcript;
  },
  'all exchanges pipelined in one write': async (port, requests) => {
    const client = await RawClient.connect(port);
    client.send(requests.join(''));
    const transcript: (string | undefined)[] = [];
    for (const _ of requests) transcript.push(await client.next());
    return transcript;
  },
};

for (const form of FORMS) {
  const lines = form === undefined ? 'CR LF on every line' : `LF alone at ${form}`;
  for (const [mode, play] of Object.entries(MODES)) {
    test(`${lines}, ${mode}: every adapter gives the answers of the transcript, octet for octet`, async (t) => {
      const played = await Promise.all(
        ADAPTERS.map((adapter) => playedOn(t, adapter, play, requestsIn(form))),
      );
      for (const [at, transcript] of played.entries()) {
        for (const [number, answer] of transcript.entries()) {
          t.is(answer, EXPECTED[number], `${ADAPTERS[at]}, case ${number + 1}: ${CASES[number]?.title}`);
        }
        t.is(transcript.length, 16);
        t.deepEqual(transcript, played[0]);
      }
    });
  }
}

test('with a bare LF at one place, requests are as long as in the published capture', (t) => {
  for (const form of LF_FORMS) {
    for (const [at, request] of requestsIn(form).entries()) {
      if (CAPTURED[at] !== undefined) t.is(request.length, CAPTURED[at], `case ${at + 1}, ${form}`);
    }
  }
});

/** The transcript with its dates replaced by `*`, after they were checked and the server has closed. */
async function playedOn(
  t: ExecutionContext,
  adapter: string,
  play: Play,
  requests: readonly string[],
): Promise<Transcript> {
  const folder = mkdtempSync(path.join(tmpdir(), 'jackfield-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const onDisk = ['json-file', 'lmdb'].includes(adapter);
  const options = onDisk ? { path: path.join(folder, 'data.json') } : {};
  const server = createServer({ listen: { port: 0 }, storage: { adapter, options } });
  t.teardown(() => server.close());

  const { port } = await server.listen();
  const before = Date.now();
  const transcript = await play(port, requests);
  await server.closed;
  await t.throwsAsync(RawClient.connect(port), { code: 'ECONNREFUSED' });
  return transcript.map((answer) => answer && withoutDate(t, answer, before));
}

function withoutDate(t: ExecutionContext, answer: string, before: number): string {
  return answer.replace(/(?<=\r\nDate: ).*(?=\r\n)/, (date) => {
    t.regex(date, /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d KST$/);
    const time = Date.parse(date.replace('KST', '+0900'));
    // Fractions of a second are cut off, so a date may look up to one second older than it is.
    t.true(time > before - 1000 && time <= Date.now(), date);
    return '*';
  });
}
