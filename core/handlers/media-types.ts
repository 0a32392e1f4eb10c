/** The media type of a file, by its extension: the table of `mime`, which follows the IANA registry. */
import { createRequire } from 'node:module';

/** Loaded for the first file, so a server without files starts without the table. */
let types: typeof import('mime').default | undefined;

/** Registered since, in place of a name that was never registered: RFC 9512, 9639, 9559, 6350. */
const NEWER: ReadonlyMap<string, string> = new Map([
  ['yaml', 'application/yaml'],
  ['yml', 'application/yaml'],
  ['flac', 'audio/flac'],
  ['mkv', 'video/matroska'],
  ['vcf', 'text/vcard'],
]);

/** @param fileName With or without folders. @returns `application/octet-stream` if the extension is unknown. */
export function mediaTypeOf(fileName: string): string {
  const [, given] = /\.([^./\\]+)$/.exec(fileName) ?? [];
  if (given === undefined) return 'application/octet-stream';
  const extension = given.toLowerCase();
  types ??= (createRequire(import.meta.url)('mime') as typeof import('mime')).default;
  const type = NEWER.get(extension) ?? types.getType(`x.${extension}`) ?? 'application/octet-stream';
  return type.startsWith('text/') ? `${type}; charset=utf-8` : type;
}
