/** What the system says when a server cannot listen, and what becomes of it; most of it no test machine says at will. */
import test from 'ava';
import type { ErrorCode } from '../../../core/errors.js';
import { portError, socketError } from '../../../core/listening/listen-error.js';

const said = (code: string): Error => Object.assign(new Error(`listen ${code}`), { code });

test('a port that cannot be had is told with its address and the cure', (t) => {
  const expected: readonly (readonly [string, ErrorCode, RegExp])[] = [
    ['EADDRINUSE', 'PORT_IN_USE', /\[::1\]:80\..*--port/],
    ['EACCES', 'PORT_FORBIDDEN', /\[::1\]:80\..*1024.*--port/],
    ['EADDRNOTAVAIL', 'ADDRESS_NOT_AVAILABLE', /::1\..*--host/],
    ['EAFNOSUPPORT', 'ADDRESS_NOT_AVAILABLE', /::1\..*--host/],
    ['ENOTFOUND', 'ADDRESS_NOT_AVAILABLE', /::1\..*--host/],
    ['EAI_AGAIN', 'ADDRESS_NOT_AVAILABLE', /::1\..*--host/],
    ['EMFILE', 'LISTEN_FAILED', /\[::1\]:80: listen EMFILE/],
  ];
  for (const [code, told, sentence] of expected) {
    const cause = said(code);
    const error = portError(cause, '::1', 80);
    t.is(error.code, told, code);
    t.regex(error.message, sentence);
    t.is(error.cause, cause);
  }
});

test('a Unix socket that cannot be made is told with its path and the cure', (t) => {
  const expected: readonly (readonly [string, ErrorCode, RegExp])[] = [
    ['EADDRINUSE', 'SOCKET_IN_USE', /\/run\/a\.sock\..*listen\.socket/],
    ['EACCES', 'SOCKET_UNAVAILABLE', /\/run\/a\.sock\..*folder/],
    ['EPERM', 'SOCKET_UNAVAILABLE', /folder/],
    ['EROFS', 'SOCKET_UNAVAILABLE', /folder/],
    ['ENOENT', 'SOCKET_UNAVAILABLE', /folder/],
    ['ENOTDIR', 'SOCKET_UNAVAILABLE', /folder/],
    ['EMFILE', 'LISTEN_FAILED', /\/run\/a\.sock: listen EMFILE/],
  ];
  for (const [code, told, sentence] of expected) {
    const cause = said(code);
    const error = socketError(cause, '/run/a.sock');
    t.is(error.code, told, code);
    t.regex(error.message, sentence);
    t.is(error.cause, cause);
  }
  t.is(portError('no error at all', 'a', 1).code, 'LISTEN_FAILED');
});
