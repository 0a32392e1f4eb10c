/** The certificate authorities of an upstream, from files. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/**
 * @param folder The base of relative names.
 * @returns PEM, as Node accepts it.
 * @throws Error if a file is missing, has no certificate, or has an invalid one: otherwise no certificate of the
 * upstream would be valid, and only the first request would show it.
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
