import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { parseCases, readCases } from '../../../core/client/case-file.js';
import { JackfieldError } from '../../../core/errors.js';
import { tempFolder } from '../temp-folder.js';

function faultsIn(text: string): string[] {
  try {
    parseCases(text, 'cases.json');
  } catch (error) {
    if (!(error instanceof JackfieldError) || error.code !== 'CASES_INVALID') throw error;
    return error.message.replace('The case file is not valid: ', '').split('\n');
  }
  return [];
}

test('the sixteen classic cases are a valid case file', async (t) => {
  // Relative to dist/test/core/client.
  const folder = path.resolve(import.meta.dirname, '../../../../examples/classic');
  const cases = await readCases('cases.json', folder);
  t.is(cases.length, 16);
  t.deepEqual(cases, JSON.parse(await readFile(path.join(folder, 'cases.json'), 'utf8')));
});

const valid = {
  case: 1,
  title: 'a',
  request: { method: 'GET', host: 'h', path: '', body: '' },
  response: null,
};

test('faults of a case file are reported with their places', (t) => {
  t.deepEqual(faultsIn('{}'), ['cases.json:1:1: expected a list of cases, found an object']);
  t.deepEqual(faultsIn('[]'), ['cases.json:1:1: expected at least one case, found a list']);
  t.deepEqual(faultsIn('[{}'), ['cases.json:1:4: "]" expected.']);
  t.deepEqual(faultsIn(JSON.stringify([{ ...valid, respnse: null }])), [
    'cases.json:1:98: unknown key "respnse" in [0]; did you mean "response"?',
  ]);
  t.deepEqual(faultsIn(JSON.stringify([{ ...valid, title: 5, response: { status: 99 } }])), [
    'cases.json:1:20: [0].title: expected a string without control characters, found 5',
    'cases.json:1:91: [0].response.reason: expected a string without control characters, found nothing',
    'cases.json:1:91: [0].response.host: expected a string without control characters, found nothing',
    'cases.json:1:91: [0].response.body: expected a string, found nothing',
    'cases.json:1:101: [0].response.status: expected a status from 100 to 599, found 99',
  ]);
  t.deepEqual(
    faultsIn(JSON.stringify([{ ...valid, request: { ...valid.request, method: 'G T', path: 'a\r\nb' } }])),
    [
      'cases.json:1:44: [0].request.method: expected a method (RFC 9110 §9.1), found "G T"',
      'cases.json:1:68: [0].request.path: expected a string without control characters, found "a\\r\\nb"',
    ],
  );
});

test('a missing file is reported', async (t) => {
  await t.throwsAsync(readCases('none.json', await tempFolder(t)), {
    instanceOf: JackfieldError,
    code: 'CASES_INVALID',
    message: 'The case file is not valid: there is no file none.json.',
  });
});
