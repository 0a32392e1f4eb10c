/**
 * System errors for a server that cannot listen, and the resulting messages; few of them can be caused on a test
 * machine.
 */
import test from 'ava';
import type { ErrorCode } from '../../../core/errors.js';
import { portError, socketError } from '../../../core/listening/listen-error.js';

const said = (code: string): Error => Object.assign(new Error(`listen ${code}`), { code });

test('an unavailable port is reported with its address and what to do', (t) => {
  const expected: readonly (readonly [string, ErrorCode, RegExp])[] = [
    ['EADDRINUSE', 'PORT_IN_USE', /\[::1\]:80\..*--port/],
    ['EACCES', 'PORT_FORBIDDEN', /\[::1\]:80\..*1024.*--port/],
    ['EADDRNOTAVAIL', 'ADDRESS_NOT_AVAILABLE', /::1\..*--host/],
    ['EAFNOSUPPORT', 'ADDRESS_NOT_AVAILABLE', /::1\..*--host/],
    ['ENOTFOUND', 'ADDRESS_NOT_AVAILABLE', /::1\..*--host/],
    ['EAI_AGAIN', 'ADDRESS_NOT_AVAILABLE', /::1\..*--host/],
    ['EMFILE', 'LISTEN_FAILED', /\[::1\]:80: listen EMFILE/],
  ];
  for (const [code, expectedCode, sentence] of expected) {
    const cause = said(code);
    const error = portError(cause, '::1', 80);
    t.is(error.code, expectedCode, code);
    t.regex(error.message, sentence);
    t.is(error.cause, cause);
  }
});

test('an unavailable Unix socket is reported with its path and what to do', (t) => {
  const expected: readonly (readonly [string, ErrorCode, RegExp])[] = [
    ['EADDRINUSE', 'SOCKET_IN_USE', /\/run\/a\.sock\..*listen\.socket/],
    ['EACCES', 'SOCKET_UNAVAILABLE', /\/run\/a\.sock\..*folder/],
    ['EPERM', 'SOCKET_UNAVAILABLE', /folder/],
    ['EROFS', 'SOCKET_UNAVAILABLE', /folder/],
    ['ENOENT', 'SOCKET_UNAVAILABLE', /folder/],
    ['ENOTDIR', 'SOCKET_UNAVAILABLE', /folder/],
    ['EMFILE', 'LISTEN_FAILED', /\/run\/a\.sock: listen EMFILE/],
  ];
  for (const [code, expectedCode, sentence] of expected) {
    const cause = said(code);
    const error = socketError(cause, '/run/a.sock');
    t.is(error.code, expectedCode, code);
    t.regex(error.message, sentence);
    t.is(error.cause, cause);
  }
  t.is(portError('no error at all', 'a', 1).code, 'LISTEN_FAILED');
});
