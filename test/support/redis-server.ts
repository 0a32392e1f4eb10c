/** Redis for tests, from the `redis-server` or `valkey-server` of the machine: a server of its own in a temporary folder. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

export interface RedisServer {
  readonly port: number;
  readonly url: string;
  /** Of the process that runs at this moment. */
  readonly pid: number;
  /** kill -9 */
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** One command, as `redis-cli` would send it; the answer as it comes over the wire. */
  ask(...command: readonly string[]): Promise<string>;
}

/** What is run: the one that JACKFIELD_TEST_REDIS names, else the first of the two that this machine has. */
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

/** Why there is none on this machine; undefined where there is one. In CI there has to be one. */
export function redisMissing(): string | undefined {
  return PROGRAM === undefined ? 'Neither redis-server nor valkey-server is installed' : undefined;
}

/** Why the tests of WAITAOF are left out on this machine; undefined where its server has it. */
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
    // Somebody else may take the port in between; then another one is tried.
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

/** What it said where it ended. */
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
    // A cluster takes the port 10,000 above as well.
    if (address !== null && typeof address === 'object' && address.port < 55_000) return address.port;
  }
}

/** Until the answer is a whole line or bulk; enough for commands that set and tell. */
async function ask(port: number, command: readonly string[]): Promise<string> {
  const socket = net.connect(port, '127.0.0.1').setEncoding('utf8');
  const parts = command.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`);
  socket.write(`*${command.length}\r\n${parts.join('')}*1\r\n$4\r\nQUIT\r\n`);
  let answer = '';
  for await (const text of socket) answer += text;
  return answer.replace(/\+OK\r\n$/, '');
}

/** Resolves when it has all that its primary had, and gets what comes. */
export async function isReplicaOf(replica: RedisServer, primary: RedisServer): Promise<void> {
  await replica.ask('REPLICAOF', '127.0.0.1', String(primary.port));
  await isInStep(replica, primary);
}

/** Resolves when the replica has got as much as the primary has sent. */
export async function isInStep(replica: RedisServer, primary: RedisServer): Promise<void> {
  const offset = async (server: RedisServer, name: string) =>
    new RegExp(`^${name}:(\\d+)`, 'm').exec(await server.ask('INFO', 'replication'))?.[1];
  // Before that both may count to nothing.
  while (!(await replica.ask('INFO', 'replication')).includes('master_link_status:up')) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  for (;;) {
    const got = await offset(replica, 'slave_repl_offset');
    if (got !== undefined && got === (await offset(primary, 'master_repl_offset'))) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Three masters, each with a third of the slots; where it is asked for, a replica of the last one. */
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
