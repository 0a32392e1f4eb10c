import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { residentOctets } from '../../measure.mjs';

const COUNT = 10_000;

/** Octets of resident memory per idle WebSocket. */
async function figure({ child, port }) {
  const load = spawn('taskset', ['-c', '1', process.execPath, 'loads/websocket-idle.mjs', port], {
    cwd: `${import.meta.dirname}/..`,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const opened = async (count) => {
    load.stdin.write(`${count}\n`);
    await once(load.stdout, 'data');
    // The garbage of the handshakes is collected.
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    return residentOctets(child.pid);
  };
  try {
    const before = await opened(200);
    return ((await opened(200 + COUNT)) - before) / COUNT;
  } finally {
    load.kill('SIGKILL');
  }
}

export default {
  title: `memory of each of ${COUNT} idle WebSockets`,
  unit: 'octets',
  figure,
  servers: {
    jackfield: { command: [process.execPath, 'servers/websocket-jackfield.mjs'] },
    ws: { command: [process.execPath, 'servers/websocket-ws.mjs'] },
  },
  targets: { ws: 0.7 },
};
