import test from 'ava';
import { mediaTypeOf } from '../../../core/handlers/media-types.js';

test('the extension decides the type, in any case; text is UTF-8', (t) => {
  t.is(mediaTypeOf('/a/index.html'), 'text/html; charset=utf-8');
  t.is(mediaTypeOf('PHOTO.JPG'), 'image/jpeg');
  t.is(mediaTypeOf('a.tar.gz'), 'application/gzip');
});

test('a file with an unknown extension is octets', (t) => {
  for (const name of ['README', '.', 'a.', '/a.html/b', 'x.constructor', 'x.__proto__', 'x.toString']) {
    t.is(mediaTypeOf(name), 'application/octet-stream', name);
  }
});
