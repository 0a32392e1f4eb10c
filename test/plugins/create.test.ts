import test from 'ava';
import { listing, type Server, served } from './served.js';

const FORM = 'application/x-www-form-urlencoded';
const JSON_TYPE = 'application/json';

const post = (server: Server, body: string | Uint8Array, type = 'text/plain') =>
  server.inject({ method: 'POST', target: '/create', headers: { 'content-type': type }, body });

test('pairs are stored in order, in each form', async (t) => {
  const server = await served(t);
  const classic = await post(server, 'ID: 20182793&Subject: Computer_Network&Grade: A', FORM);
  t.is(classic.status, 200);
  t.is(classic.text, 'ID:20182793\r\nSubject:Computer_Network\r\nGrade:A\r\nPost Successfully OK');
  t.is(classic.headers['content-type'], 'text/plain; charset=utf-8');
  t.is((await post(server, '{"2":20182793123456789012,"1":" x "}', JSON_TYPE)).status, 200);
  t.is((await post(server, 'a+b=c%26d', FORM)).text, 'a b:c&d\r\nPost Successfully OK');
  t.is(
    await listing(server),
    'The data in DB is as follows. \n\nID:20182793\n\nSubject:Computer_Network\n\nGrade:A\n\n2:20182793123456789012\n\n1: x \n\na b:c&d',
  );
});

test('a refused body stores none of its pairs', async (t) => {
  const server = await served(t);
  await post(server, 'ID: 1');
  for (const [body, type, status, sentence] of [
    ['', 'text/plain', 400, 'There is no content. Please check'],
    [' \r\n', JSON_TYPE, 400, 'There is no content. Please check'],
    ['{}', JSON_TYPE, 400, 'There is no content. Please check'],
    ['new: 1&middle_exam70', 'text/plain', 400, 'Key-value format is not valid.'],
    ['new: 1&', 'text/plain', 400, 'Key-value format is not valid.'],
    ['{"new":null}', JSON_TYPE, 400, 'Key-value format is not valid.'],
    ['["new"]', JSON_TYPE, 400, 'Key-value format is not valid.'],
    ['new: 1&: 95', 'text/plain', 400, 'Key value does not exist or is blank.'],
    ['new: 1&ID: 2', 'text/plain', 400, 'The key already exists!'],
    ['new: 1&new: 2', 'text/plain', 400, 'The key already exists!'],
    [
      'new: 1',
      'multipart/form-data; boundary=x',
      415,
      'Send the pairs as "key: value&key2: value2", as a JSON object or as a URL-encoded form.',
    ],
  ] as const) {
    const answer = await post(server, body, type);
    t.is(answer.status, status, body);
    t.is(answer.text, sentence, body);
  }
  t.is(await listing(server), 'The data in DB is as follows. \n\nID:1');
});

test('invalid JSON, invalid text and invalid keys are errors of the client, with a sentence', async (t) => {
  const server = await served(t);
  for (const [body, type] of [
    ['{"new":1', JSON_TYPE],
    ['{"new":1,"\\ud800":1}', JSON_TYPE],
    [Uint8Array.of(0x61, 0x3a, 0xff), 'text/plain'],
  ] as const) {
    const { status, text } = await post(server, body, type);
    t.is(status, 400);
    t.regex(text, /^The body is not|^A key must be/);
  }
  t.is(await listing(server), 'No data in DB');
});

test('another method is answered with the right one, and Allow has only that', async (t) => {
  const server = await served(t);
  for (const method of ['GET', 'PUT', 'END']) {
    const { status, text, headers } = await server.inject({ method, target: '/create', body: 'new: 1' });
    t.is(status, 404, method);
    t.is(text, 'Select the appropriate method(Create mode => POST)', method);
    t.is(headers.allow, 'POST', method);
  }
  t.is((await server.inject({ method: 'PRRT', target: '/create' })).status, 405);
  t.is(await listing(server), 'No data in DB');
});

test('of many requests that create the same key at once, one succeeds', async (t) => {
  const server = await served(t);
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, at) => post(server, `own${at}: 1&shared: ${at}`)),
  );
  t.is(answers.filter(({ status }) => status === 200).length, 1);
  t.is((await listing(server)).split('\n\n').length, 3);
});

test('a body in a content coding is 415, and nothing is stored', async (t) => {
  const server = await served(t);
  const sent = (coding: string) =>
    server.inject({
      method: 'POST',
      target: '/create',
      headers: { 'content-encoding': coding },
      body: 'a: 1',
    });
  const { status, headers, text } = await sent('gzip');
  t.is(status, 415);
  t.is(headers['accept-encoding'], 'identity');
  t.regex(text, /send the body without Content-Encoding .*: gzip$/);
  t.is(await listing(server), 'No data in DB');
  t.is((await sent('identity')).status, 200);
});

test('a request without a body is refused for its missing content, and changes nothing', async (t) => {
  const server = await served(t);
  const { status, text } = await server.inject({ method: 'POST', target: '/create' });
  t.deepEqual([status, text], [400, 'There is no content. Please check']);
  t.is(await listing(server), 'No data in DB');
});
