/**
 * Redis for tests, from the `redis-server` or `valkey-server` of the machine: a separate server in a temporary folder.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

export interface RedisServer {
  readonly port: number;
  readonly url: string;
  /** Id of the current process. */
  readonly pid: number;
  /** Kills it with SIGKILL. */
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Sends one command like `redis-cli`; returns the answer as on the wire. */
  ask(...command: readonly string[]): Promise<string>;
}

/** The program to run: the one in JACKFIELD_TEST_REDIS, else the first of the two on this machine. */
const PROGRAM = process.env.JACKFIELD_TEST_REDIS || installed();

function installed(): string | undefined {
  return ['redis-server', 'valkey-server'].find((name) => {
    try {
      execFileSync(name, ['--version'], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  });
}

/** Why there is no Redis on this machine; undefined if there is one. In CI it must be installed. */
export function redisMissing(): string | undefined {
  return PROGRAM === undefined ? 'Neither redis-server nor valkey-server is installed' : undefined;
}

/** Why the tests of WAITAOF cannot run on this machine; undefined if they can. */
export function waitAofMissing(): string | undefined {
  if (PROGRAM === undefined) return redisMissing();
  const said = execFileSync(PROGRAM, ['--version'], { encoding: 'utf8' });
  const [version = '', major = '', minor = ''] = /(?<=v=)(\d+)\.(\d+)\.\d+/.exec(said) ?? [];
  return Number(major) * 100 + Number(minor) < 702 ? `${PROGRAM} ${version} has no WAITAOF` : undefined;
}

/** @param settings As on the command line: `['--appendonly', 'yes']`. */
export async function startRedis(settings: readonly string[] = []): Promise<RedisServer> {
  const folder = await mkdtemp(path.join(tmpdir(), 'jackfield-redis-'));
  let port = 0;
  let child: ChildProcess | undefined;
  const ended = async () => {
    if (child !== undefined && child.exitCode === null && child.signalCode === null)
      await once(child, 'close');
  };
  const start = async () => {
    // Another process may take the port in between; then another port is tried.
    for (let attempt = 1; ; attempt += 1) {
      const wanted = port === 0 ? await freePort() : port;
      const args = [
        '--port',
        String(wanted),
        '--bind',
        '127.0.0.1',
        '--dir',
        folder,
        '--save',
        '',
        ...settings,
      ];
      child = spawn(PROGRAM ?? 'redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] });
      const log = await readyOrEnded(child);
      if (log === undefined) {
        port = wanted;
        return;
      }
      if (attempt === 5) throw new Error(`Redis ended: ${log}`);
    }
  };
  await start();
  return {
    get port() {
      return port;
    },
    get url() {
      return `redis://127.0.0.1:${port}`;
    },
    get pid() {
      return child?.pid ?? 0;
    },
    start,
    async kill() {
      child?.kill('SIGKILL');
      await ended();
    },
    async stop() {
      child?.kill('SIGKILL');
      await ended();
      await rm(folder, { recursive: true, force: true });
    },
    ask: (...command) => ask(port, command),
  };
}

/** Undefined when it is ready; its output if it ended. */
function readyOrEnded(child: ChildProcess): Promise<string | undefined> {
  let log = '';
  return new Promise((resolve) => {
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      log += text;
      if (text.includes('Ready to accept connections')) resolve(undefined);
    });
    child.once('close', () => resolve(log));
  });
}

export async function freePort(): Promise<number> {
  for (;;) {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    server.close();
    await once(server, 'close');
    // A cluster also uses the port 10,000 above.
    if (address !== null && typeof address === 'object' && address.port < 55_000) return address.port;
  }
}

/** Reads until the answer is a complete line or bulk; enough for simple commands. */
async function ask(port: number, command: readonly string[]): Promise<string> {
  const socket = net.connect(port, '127.0.0.1').setEncoding('utf8');
  const parts = command.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`);
  socket.write(`*${command.length}\r\n${parts.join('')}*1\r\n$4\r\nQUIT\r\n`);
  let answer = '';
  for await (const text of socket) answer += text;
  return answer.replace(/\+OK\r\n$/, '');
}

/** Resolves when it has all data of its primary and gets all further changes. */
export async function isReplicaOf(replica: RedisServer, primary: RedisServer): Promise<void> {
  await replica.ask('REPLICAOF', '127.0.0.1', String(primary.port));
  await isInStep(replica, primary);
}

/** Resolves when the replica has received everything that the primary has sent. */
export async function isInStep(replica: RedisServer, primary: RedisServer): Promise<void> {
  const offset = async (server: RedisServer, name: string) =>
    new RegExp(`^${name}:(\\d+)`, 'm').exec(await server.ask('INFO', 'replication'))?.[1];
  // Before that, both offsets may be 0.
  while (!(await replica.ask('INFO', 'replication')).includes('master_link_status:up')) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  for (;;) {
    const got = await offset(replica, 'slave_repl_offset');
    if (got !== undefined && got === (await offset(primary, 'master_repl_offset'))) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Three masters, each with a third of the slots; optionally a replica of the last one. */
export async function startRedisCluster(withReplica = false): Promise<{
  readonly nodes: readonly RedisServer[];
  readonly replica: RedisServer | undefined;
  stop(): Promise<void>;
}> {
  const settings = [
    '--cluster-enabled',
    'yes',
    '--cluster-node-timeout',
    '2000',
    '--appendonly',
    'yes',
    '--appendfsync',
    'always',
  ];
  const nodes = [await startRedis(settings), await startRedis(settings), await startRedis(settings)];
  const slots = 16_384;
  for (const [at, node] of nodes.entries()) {
    const from = Math.ceil((at * slots) / nodes.length);
    const to = Math.ceil(((at + 1) * slots) / nodes.length) - 1;
    await node.ask('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to));
    await node.ask('CLUSTER', 'SET-CONFIG-EPOCH', String(at + 1));
  }
  const replica = withReplica
    ? await startRedis([...settings, '--repl-diskless-sync-delay', '0'])
    : undefined;
  const all = replica === undefined ? nodes : [...nodes, replica];
  for (const node of all.slice(1)) await node.ask('CLUSTER', 'MEET', '127.0.0.1', String(nodes[0]!.port));
  for (const node of all) {
    const isKnown = `cluster_known_nodes:${all.length}\r`;
    for (let info = ''; !(info.includes('cluster_state:ok') && info.includes(isKnown)); ) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      info = await node.ask('CLUSTER', 'INFO');
    }
  }
  if (replica !== undefined) {
    const [, id = ''] = (await nodes[2]!.ask('CLUSTER', 'MYID')).split('\r\n');
    while (!(await replica.ask('CLUSTER', 'REPLICATE', id)).startsWith('+OK')) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await isInStep(replica, nodes[2]!);
    for (const node of all) {
      const isReplica = new RegExp(`:${replica.port}@.*slave ${id}`);
      while (!isReplica.test(await node.ask('CLUSTER', 'NODES'))) {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }
  return {
    nodes,
    replica,
    async stop() {
      await Promise.all(all.map((node) => node.stop()));
    },
  };
}
