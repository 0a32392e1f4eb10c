import test from 'ava';
import create from '../../../plugins/create.js';
import update from '../../../plugins/update.js';
import { FakeStorage, settled, setUp } from '../fakes.js';

const JSON_TYPE = { 'content-type': 'application/json' };
const CASE_13 =
  "ID: 20180434&final_exam: 90\n\nUpdate Data as follow:\n\nID: 20182793 => 20180434\n\n\n\nUpdate(New) Data as follow:\n\nfinal_exam: 90(There's no key. New update)\n\nUpdate with new data Successfully OK ";

function creator(storage = new FakeStorage()) {
  const { call } = setUp(create, { storage });
  return (body: string, headers = {}) => settled(call({ method: 'POST', target: '/create', body, headers }));
}

function updater(storage = new FakeStorage()) {
  const { call } = setUp(update, { storage });
  return (body: string, headers = {}) => settled(call({ method: 'PUT', target: '/update', body, headers }));
}

const stored = ({ entries }: FakeStorage) => Array.from(entries.values(), ({ key, value }) => [key, value]);

test('both handle every registered method at their path, and make no method exist', (t) => {
  for (const [plugin, path, method] of [
    [create, '/create', 'POST'],
    [update, '/update', 'PUT'],
  ] as const) {
    const [registered, ...others] = setUp(plugin).handlers;
    t.like(registered, {
      method: '*',
      pattern: path,
      options: { registeredMethodsOnly: true, allow: [method] },
    });
    t.deepEqual(others, []);
  }
});

test('a wrong method is answered with the right one, and stores nothing', async (t) => {
  const storage = new FakeStorage();
  for (const method of ['GET', 'HEAD', 'PUT', 'END', 'post']) {
    const answer = await settled(setUp(create, { storage }).call({ method, body: 'a: 1' }));
    t.is(answer.status, 404);
    t.is(answer.text, 'Select the appropriate method(Create mode => POST)');
    t.is(answer.headers.Allow, 'POST');
  }
  for (const method of ['GET', 'HEAD', 'POST', 'END', 'put']) {
    const answer = await settled(setUp(update, { storage }).call({ method, body: 'a: 1' }));
    t.is(answer.status, 404);
    t.is(answer.text, 'Select the appropriate method(Update mode => PUT)');
    t.is(answer.headers.Allow, 'PUT');
  }
  t.deepEqual(storage.commits, []);
});

test('both refuse a body without valid pairs with the same sentences, and store nothing', async (t) => {
  const storage = new FakeStorage();
  for (const send of [creator(storage), updater(storage)]) {
    t.like(await send(''), { status: 400, text: 'There is no content. Please check' });
    t.like(await send('a: 1&b'), { status: 400, text: 'Key-value format is not valid.' });
    t.like(await send('a: 1&: 2'), { status: 400, text: 'Key value does not exist or is blank.' });
    t.like(await send('a: 1', { 'content-type': 'multipart/form-data' }), { status: 415 });
    await t.throwsAsync(send('a: 1', JSON_TYPE), { code: 'BODY_NOT_JSON' });
  }
  t.deepEqual(storage.commits, []);
});

test('create stores every pair in order and lists them in its answer', async (t) => {
  const storage = new FakeStorage();
  t.like(await creator(storage)('ID: 20182793&Subject: Computer_Network&Grade: A'), {
    status: 200,
    text: 'ID:20182793\r\nSubject:Computer_Network\r\nGrade:A\r\nPost Successfully OK',
  });
  t.like(await creator(storage)('{"2":2,"1":true}', JSON_TYPE), {
    status: 200,
    text: '2:2\r\n1:true\r\nPost Successfully OK',
  });
  t.deepEqual(stored(storage), [
    ['ID', '20182793'],
    ['Subject', 'Computer_Network'],
    ['Grade', 'A'],
    ['2', '2'],
    ['1', 'true'],
  ]);
});

test('create refuses the whole body if one of its keys exists or is repeated', async (t) => {
  const storage = new FakeStorage([['ID', '1']]);
  for (const body of ['new: 1&ID: 2', 'new: 1&new: 2', ' ID : 2']) {
    t.like(await creator(storage)(body), { status: 400, text: 'The key already exists!' }, body);
  }
  t.like(await creator(storage)('{"new":1,"new":1}', JSON_TYPE), { text: 'The key already exists!' });
  t.deepEqual(stored(storage), [['ID', '1']]);
});

test('create lets the commit check whether a key exists', async (t) => {
  const storage = new FakeStorage();
  await creator(storage)('a: 1&b: 2');
  t.deepEqual(storage.commits, [
    {
      checks: [
        { key: 'a', revision: 0 },
        { key: 'b', revision: 0 },
      ],
      puts: [
        { key: 'a', value: '1' },
        { key: 'b', value: '2' },
      ],
    },
  ]);
});

test('update reports a replaced and a new key in 191 octets', async (t) => {
  t.is(Buffer.byteLength(CASE_13), 191);
  const storage = new FakeStorage([['ID', '20182793']]);
  t.like(await updater(storage)('ID: 20180434&final_exam: 90'), { status: 200, text: CASE_13 });
  t.deepEqual(stored(storage), [
    ['ID', '20180434'],
    ['final_exam', '90'],
  ]);
});

test('update leaves out a part without keys', async (t) => {
  const storage = new FakeStorage([
    ['a', '1'],
    ['b', ''],
  ]);
  const replaced = await updater(storage)('a:2&b: 3');
  t.is(
    replaced.text,
    'a:2&b: 3\n\nUpdate Data as follow:\n\na: 1 => 2\n\nb:  => 3\n\n\n\nUpdate with new data Successfully OK ',
  );
  const added = await updater(storage)('c: 1&d:');
  t.is(
    added.text,
    "c: 1&d:\n\nUpdate(New) Data as follow:\n\nc: 1(There's no key. New update)\n\nd: (There's no key. New update)\n\nUpdate with new data Successfully OK ",
  );
});

test('update begins its answer with the body as received, whatever its form', async (t) => {
  const body = ' {"a" : 1.0}\r\n';
  const { text } = await updater()(body, JSON_TYPE);
  t.true(text.startsWith(`${body}\n\nUpdate(New) Data as follow:\n\na: 1.0(There's`));
});

test('update with a repeated key keeps the last value and reports each step', async (t) => {
  const storage = new FakeStorage([['old', '0']]);
  const { text } = await updater(storage)('old: 1&new: 2&old: 3&new: 4');
  t.is(
    text,
    "old: 1&new: 2&old: 3&new: 4\n\nUpdate Data as follow:\n\nold: 0 => 1\n\nold: 1 => 3\n\nnew: 2 => 4\n\n\n\nUpdate(New) Data as follow:\n\nnew: 2(There's no key. New update)\n\nUpdate with new data Successfully OK ",
  );
  t.deepEqual(storage.commits, [
    {
      puts: [
        { key: 'old', value: '3' },
        { key: 'new', value: '4' },
      ],
    },
  ]);
});

test('errors of the store are passed on unchanged', async (t) => {
  const fault = new Error('disk full');
  class Full extends FakeStorage {
    override commit(): never {
      throw fault;
    }
  }
  t.is(await t.throwsAsync(creator(new Full())('a: 1')), fault);
  t.is(await t.throwsAsync(updater(new Full())('a: 1')), fault);
});
