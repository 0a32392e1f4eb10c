/** Reads and checks the files of a TLS listener one by one, so that an error names the faulty file. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { SecureContextOptions } from 'node:tls';
import type { TlsConfig } from '../config/server-config.js';
import { JackfieldError, reasonOf, systemCode } from '../errors.js';
import { inTime } from '../in-time.js';

/** One of the files. */
interface Pem {
  /** Its name in errors. */
  readonly name: string;
  readonly text: string;
}

/** A named pipe without a writer would block a start or a reload, and the stop after it. */
const READ_WITHIN_MS = 10_000;

/**
 * @param folder Base of relative paths.
 * @param timeoutMs Time limit for reading one file.
 * Errors: TLS_UNREADABLE, TLS_INVALID.
 */
export async function loadTls(
  config: TlsConfig,
  folder: string,
  timeoutMs = READ_WITHIN_MS,
): Promise<SecureContextOptions> {
  const read = (option: keyof TlsConfig, value: string): Promise<Pem> =>
    inTime(
      readPem(option, value, folder),
      timeoutMs,
      () =>
        new JackfieldError(
          'TLS_UNREADABLE',
          `${value}, the "${option}": it took longer than ${timeoutMs} ms.`,
        ),
    );
  const [cert, key, ca] = await Promise.all([
    read('cert', config.cert),
    read('key', config.key),
    config.ca === undefined ? undefined : read('ca', config.ca),
  ]);
  if (!certificateIn(cert).checkPrivateKey(privateKeyIn(key))) {
    throw new JackfieldError('TLS_INVALID', `${key.name} is not the private key of ${cert.name}.`);
  }
  if (ca !== undefined) certificateIn(ca);
  const material: SecureContextOptions = {
    cert: cert.text,
    key: key.text,
    ...(ca === undefined ? {} : { ca: ca.text }),
    minVersion: config.minVersion ?? 'TLSv1.2',
  };
  try {
    // A key that is too short for the system's policy fails only here.
    process.getBuiltinModule('node:tls').createSecureContext(material);
  } catch (cause) {
    throw new JackfieldError('TLS_INVALID', `${cert.name}: ${reasonOf(cause)}.`, { cause });
  }
  return material;
}

async function readPem(option: keyof TlsConfig, value: string, folder: string): Promise<Pem> {
  if (value.includes('-----BEGIN ')) return { name: `the text of "${option}"`, text: value };
  try {
    return { name: value, text: await readFile(path.resolve(folder, value), 'latin1') };
  } catch (cause) {
    throw new JackfieldError('TLS_UNREADABLE', `${value}, the "${option}": ${whyUnreadable(cause)}.`, {
      cause,
    });
  }
}

function whyUnreadable(cause: unknown): string {
  const code = systemCode(cause);
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'there is no such file';
  if (code === 'EISDIR') return 'it is a folder';
  return code === 'EACCES' || code === 'EPERM' ? 'this user may not read it' : reasonOf(cause);
}

function certificateIn({ name, text }: Pem): X509Certificate {
  try {
    return new X509Certificate(text);
  } catch (cause) {
    throw new JackfieldError('TLS_INVALID', `${name} has no certificate in PEM form.`, { cause });
  }
}

function privateKeyIn({ name, text }: Pem): KeyObject {
  try {
    return createPrivateKey(text);
  } catch (cause) {
    const why = /ENCRYPTED/.test(text)
      ? 'is protected by a passphrase; remove the passphrase'
      : 'has no private key in PEM form';
    throw new JackfieldError('TLS_INVALID', `${name} ${why}.`, { cause });
  }
}
