// A folder with a file of some size, for servers of static files.
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const STATIC_SERVERS = {
  jackfield: { command: [process.execPath, 'servers/static-jackfield.mjs'] },
  '@fastify/static': { command: [process.execPath, 'servers/static-fastify.mjs'] },
  nginx: { command: ['servers/static-nginx.sh'] },
};

/** @returns `prepare` of a case. */
export const folderWith = (name, octets) => async () => {
  const above = mkdtempSync(join(tmpdir(), 'jackfield-bench-'));
  const folder = join(above, 'public');
  mkdirSync(folder);
  writeFileSync(join(folder, name), Buffer.alloc(octets, 'All work and no play makes a dull file.\n'));
  utimesSync(join(folder, name), 1_700_000_000, 1_700_000_000);
  return { env: { FOLDER: folder }, remove: () => rmSync(above, { recursive: true }) };
};
