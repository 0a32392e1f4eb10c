/** The media type of a file, by its extension: the table of `mime`, which follows the IANA registry. */
import { createRequire } from 'node:module';

/** Loaded for the first file, so a server without files starts without the table. */
let types: typeof import('mime').default | undefined;

/** @param fileName With or without folders. @returns `application/octet-stream` if the extension is unknown. */
export function mediaTypeOf(fileName: string): string {
  const [, extension] = /\.([^./\\]+)$/.exec(fileName) ?? [];
  if (extension === undefined) return 'application/octet-stream';
  types ??= (createRequire(import.meta.url)('mime') as typeof import('mime')).default;
  const type = types.getType(`x.${extension}`) ?? 'application/octet-stream';
  return type.startsWith('text/') ? `${type}; charset=utf-8` : type;
}
