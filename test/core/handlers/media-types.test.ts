import test from 'ava';
import { mediaTypeOf } from '../../../core/handlers/media-types.js';

test('the extension decides the type, in any case; text is UTF-8', (t) => {
  t.is(mediaTypeOf('/a/index.html'), 'text/html; charset=utf-8');
  t.is(mediaTypeOf('PHOTO.JPG'), 'image/jpeg');
  t.is(mediaTypeOf('a.tar.gz'), 'application/gzip');
});

test('types that the registry got later are known', (t) => {
  for (const [name, type] of [
    ['a.cjs', 'application/node'],
    ['a.jsonld', 'application/ld+json'],
    ['a.m3u8', 'application/vnd.apple.mpegurl'],
    ['a.jxl', 'image/jxl'],
    ['a.docx', 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'],
    ['a.epub', 'application/epub+zip'],
    // RFC 9512
    ['a.yaml', 'application/yaml'],
    ['a.YML', 'application/yaml'],
    // RFC 9639
    ['a.flac', 'audio/flac'],
    // RFC 9559
    ['a.mkv', 'video/matroska'],
    // RFC 6350
    ['a.vcf', 'text/vcard; charset=utf-8'],
    // RFC 9239
    ['a.mjs', 'text/javascript; charset=utf-8'],
  ] as const)
    t.is(mediaTypeOf(name), type, name);
});

test('a file with an unknown extension is octets', (t) => {
  for (const name of ['README', '.', 'a.', '/a.html/b', 'x.constructor', 'x.__proto__', 'x.toString']) {
    t.is(mediaTypeOf(name), 'application/octet-stream', name);
  }
});
