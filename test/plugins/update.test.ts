import test from 'ava';
import { create, listing, type Server, served } from './served.js';

const put = (server: Server, body: string, type = 'text/plain') =>
  server.inject({ method: 'PUT', target: '/update', headers: { 'content-type': type }, body });

test('existing keys are replaced, new ones are added, and both are reported', async (t) => {
  const server = await served(t);
  await create(server, [['ID', '20182793']]);
  const { status, text, headers } = await put(server, 'ID: 20180434&final_exam: 90');
  t.is(status, 200);
  t.is(
    text,
    "ID: 20180434&final_exam: 90\n\nUpdate Data as follow:\n\nID: 20182793 => 20180434\n\n\n\nUpdate(New) Data as follow:\n\nfinal_exam: 90(There's no key. New update)\n\nUpdate with new data Successfully OK ",
  );
  t.is(headers['content-length'], '191');
  t.is(await listing(server), 'The data in DB is as follows. \n\nID:20180434\n\nfinal_exam:90');
});

test('an entry keeps its place when it is replaced', async (t) => {
  const server = await served(t);
  await create(server, [
    ['a', '1'],
    ['b', '2'],
  ]);
  await put(server, 'b: 3&a: 4');
  t.is(await listing(server), 'The data in DB is as follows. \n\na:4\n\nb:3');
});

test('a repeated key keeps its last value, and each step is reported', async (t) => {
  const server = await served(t);
  const { text } = await put(server, '{"a":1,"a":2}', 'application/json');
  t.is(
    text,
    '{"a":1,"a":2}\n\nUpdate Data as follow:\n\na: 1 => 2\n\n\n\nUpdate(New) Data as follow:\n\na: 1(There\'s no key. New update)\n\nUpdate with new data Successfully OK ',
  );
  t.is(await listing(server), 'The data in DB is as follows. \n\na:2');
});

test('a refused body stores none of its pairs', async (t) => {
  const server = await served(t);
  for (const [body, sentence] of [
    ['', 'There is no content. Please check'],
    ['new: 1&retake_wheaterYes', 'Key-value format is not valid.'],
    ['new: 1& : 95', 'Key value does not exist or is blank.'],
  ] as const) {
    const { status, text } = await put(server, body);
    t.is(status, 400, body);
    t.is(text, sentence, body);
  }
  t.is((await put(server, 'new: 1', 'multipart/form-data')).status, 415);
  t.is(await listing(server), 'No data in DB');
});

test('another method is answered with the right one, and Allow has only that', async (t) => {
  const server = await served(t);
  for (const method of ['GET', 'POST', 'END']) {
    const { status, text, headers } = await server.inject({ method, target: '/update', body: 'new: 1' });
    t.is(status, 404, method);
    t.is(text, 'Select the appropriate method(Update mode => PUT)', method);
    t.is(headers.allow, 'PUT', method);
  }
  t.is((await server.inject({ method: 'PRRT', target: '/update' })).status, 405);
  t.is(await listing(server), 'No data in DB');
});

test('a body in a content coding is 415, and nothing is stored', async (t) => {
  const server = await served(t);
  const sent = (coding: string) =>
    server.inject({
      method: 'PUT',
      target: '/update',
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
  const { status, text } = await server.inject({ method: 'PUT', target: '/update' });
  t.deepEqual([status, text], [400, 'There is no content. Please check']);
  t.is(await listing(server), 'No data in DB');
});
