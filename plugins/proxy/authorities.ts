/** The authorities that vouch for an upstream, from files. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/**
 * @param folder Where relative names start.
 * @returns PEM, as Node takes it.
 * @throws Error where a file is not there, has no certificate, or one that is none: else nobody would be vouched for, and
 * that would be found out by a request only.
 */
export async function readAuthorities(names: readonly string[], folder: string): Promise<string[]> {
  const texts = names.map(async (name) => {
    const file = path.resolve(folder, name);
    const certificates = (await readFile(file, 'latin1')).match(CERTIFICATE) ?? [];
    if (certificates.length === 0)
      throw new Error(`There is no certificate in ${file}. Set "ca" to a PEM file.`);
    for (const certificate of certificates) {
      try {
        new X509Certificate(certificate);
      } catch (cause) {
        throw new Error(`A certificate in ${file} cannot be read. Set "ca" to a PEM file.`, { cause });
      }
    }
    return certificates.join('\n');
  });
  return Promise.all(texts);
}
