import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const HTTPS_SERVERS = {
  jackfield: { command: [process.execPath, 'servers/https-jackfield.mjs'] },
  fastify: { command: [process.execPath, 'servers/https-fastify.mjs'] },
};

/** For `prepare` of a case: a certificate for this run, in CERT and KEY. */
export async function certificate() {
  const folder = mkdtempSync(join(tmpdir(), 'batteries-'));
  const env = { CERT: join(folder, 'cert.pem'), KEY: join(folder, 'key.pem') };
  const ask = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost';
  execFileSync('openssl', [...ask.split(' '), '-keyout', env.KEY, '-out', env.CERT], { stdio: 'ignore' });
  return { env, remove: () => rmSync(folder, { recursive: true }) };
}
