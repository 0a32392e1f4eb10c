import test from 'ava';
import { ERRORS, JackfieldError } from '../../core/errors.js';

test('the detail stands in the place of the … of a sentence', (t) => {
  t.is(new JackfieldError('HOST_NOT_ALLOWED', 'example.org').message, 'Not allowed host: example.org');
});

test('the detail follows a sentence that has no place for it', (t) => {
  const { message } = new JackfieldError('BODY_TOO_LARGE', 'At most 10 octets.');
  t.is(message, `${ERRORS.BODY_TOO_LARGE.sentence} At most 10 octets.`);
});
