/** The media types of the files that web sites are made of, by extension; everything else is octets. */

const UTF_8 = '; charset=utf-8';

const TYPES: Readonly<Record<string, string>> = {
  // Text
  css: `text/css${UTF_8}`,
  csv: `text/csv${UTF_8}`,
  htm: `text/html${UTF_8}`,
  html: `text/html${UTF_8}`,
  ics: `text/calendar${UTF_8}`,
  js: `text/javascript${UTF_8}`,
  md: `text/markdown${UTF_8}`,
  mjs: `text/javascript${UTF_8}`,
  txt: `text/plain${UTF_8}`,
  vtt: `text/vtt${UTF_8}`,
  // Data
  gz: 'application/gzip',
  json: 'application/json',
  map: 'application/json',
  pdf: 'application/pdf',
  rtf: 'application/rtf',
  tar: 'application/x-tar',
  wasm: 'application/wasm',
  webmanifest: 'application/manifest+json',
  xhtml: 'application/xhtml+xml',
  xml: 'application/xml',
  zip: 'application/zip',
  // Images
  apng: 'image/apng',
  avif: 'image/avif',
  bmp: 'image/bmp',
  gif: 'image/gif',
  ico: 'image/vnd.microsoft.icon',
  jpeg: 'image/jpeg',
  jpg: 'image/jpeg',
  png: 'image/png',
  svg: 'image/svg+xml',
  webp: 'image/webp',
  // Sound and film
  aac: 'audio/aac',
  flac: 'audio/flac',
  m4a: 'audio/mp4',
  mp3: 'audio/mpeg',
  mp4: 'video/mp4',
  mpeg: 'video/mpeg',
  oga: 'audio/ogg',
  ogg: 'audio/ogg',
  ogv: 'video/ogg',
  opus: 'audio/ogg',
  wav: 'audio/wav',
  weba: 'audio/webm',
  webm: 'video/webm',
  // Type
  otf: 'font/otf',
  ttf: 'font/ttf',
  woff: 'font/woff',
  woff2: 'font/woff2',
};

/** @param fileName With or without folders. */
export function mediaTypeOf(fileName: string): string {
  const extension = /\.([^./\\]+)$/.exec(fileName)?.[1]?.toLowerCase() ?? '';
  return Object.hasOwn(TYPES, extension) ? TYPES[extension]! : 'application/octet-stream';
}
