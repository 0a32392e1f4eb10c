/** The reverse proxies of examples/recipes: each is started with the file of its recipe, on a free port. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { ONE } from './certificates.js';

interface ReverseProxy {
  /** Its file in the folder of the recipe. */
  readonly file: string;
  /** A command that exits with 0 if the program is installed. */
  readonly installed: readonly [string, ...string[]];
  /** Replaces the address in its file, and writes further files to `folder`. @returns the command to start it. */
  prepare(file: string, port: number, folder: string, tls: boolean): Promise<readonly [string, ...string[]]>;
}

const MODULES = '/usr/lib/apache2/modules';

export const REVERSE_PROXIES: Readonly<Record<string, ReverseProxy>> = {
  nginx: {
    file: 'nginx.conf',
    installed: ['nginx', '-v'],
    prepare: async (file, port, folder, tls) => {
      const certificate = `ssl_certificate ${folder}/tea.crt; ssl_certificate_key ${folder}/tea.key`;
      const site = file
        .replace('/srv/tea-house', folder)
        .replace('listen 80;', `listen 127.0.0.1:${port}${tls ? ` ssl; ${certificate}` : ''};`);
      const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
        (name) => `${name}_temp_path ${folder}/${name};`,
      );
      await writeFile(
        `${folder}/whole.conf`,
        `daemon off; master_process off; pid ${folder}/nginx.pid; error_log stderr notice;
         events {} http { access_log off; ${temporary.join(' ')} ${site} }`,
      );
      return ['nginx', '-p', folder, '-c', `${folder}/whole.conf`, '-e', 'stderr'];
    },
  },
  haproxy: {
    file: 'haproxy.cfg',
    installed: ['haproxy', '-v'],
    prepare: async (file, port, folder, tls) => {
      // As in the commented-out line of the file.
      const address = `127.0.0.1:${port}${tls ? ` ssl crt ${folder}/tea.pem alpn h2,http/1.1` : ''}`;
      await writeFile(`${folder}/whole.cfg`, file.replace('bind :80', `bind ${address}`));
      return ['haproxy', '-db', '-f', `${folder}/whole.cfg`];
    },
  },
  apache: {
    file: 'tea.conf',
    installed: ['apache2', '-v'],
    prepare: async (file, port, folder, tls) => {
      const secure = `SSLEngine on\nSSLCertificateFile ${folder}/tea.crt\nSSLCertificateKeyFile ${folder}/tea.key\n`;
      const names = ['ssl', 'mpm_event', 'authz_core', 'proxy', 'proxy_http', 'headers', 'deflate', 'filter'];
      await mkdir(`${folder}/htdocs`);
      await writeFile(
        `${folder}/whole.conf`,
        `${names.map((name) => `LoadModule ${name}_module ${MODULES}/mod_${name}.so`).join('\n')}
         ${process.getuid?.() === 0 ? 'User nobody\nGroup nogroup' : ''}
         ServerRoot ${folder}
         ServerName 127.0.0.1
         DefaultRuntimeDir ${folder}
         PidFile ${folder}/apache.pid
         ErrorLog ${folder}/error.log
         DocumentRoot ${folder}/htdocs
         Listen 127.0.0.1:${port}
         ${file.replace('<VirtualHost *:80>', `<VirtualHost 127.0.0.1:${port}>\n${tls ? secure : ''}`)}`,
      );
      return ['apache2', '-D', 'FOREGROUND', '-f', `${folder}/whole.conf`];
    },
  },
  varnish: {
    file: 'tea.vcl',
    installed: ['varnishd', '-V'],
    prepare: async (file, port, folder) => {
      await writeFile(`${folder}/whole.vcl`, file);
      const options = ['-F', '-j', 'none', '-n', `${folder}/varnish`, '-T', 'none', '-s', 'malloc,16m'];
      return ['varnishd', ...options, '-a', `127.0.0.1:${port}`, '-f', `${folder}/whole.vcl`];
    },
  },
  caddy: {
    file: 'Caddyfile',
    installed: ['caddy', 'version'],
    prepare: async (file, port, folder, tls) => {
      const own = tls ? `tls ${folder}/tea.crt ${folder}/tea.key\n` : '';
      const address = `${tls ? 'https' : 'http'}://tea.example.com:${port}`;
      const options = `{\n admin off\n auto_https off\n storage file_system ${folder}/caddy\n}\n`;
      const site = file.replace('\ntea.example.com {', `\n${address} {\n bind 127.0.0.1\n${own}`);
      await writeFile(`${folder}/whole.caddyfile`, options + site);
      return ['caddy', 'run', '--adapter', 'caddyfile', '--config', `${folder}/whole.caddyfile`];
    },
  },
};

export function isInstalled({ installed: [program, ...options] }: ReverseProxy): boolean {
  return spawnSync(program, options, { stdio: 'ignore' }).status === 0;
}

/**
 * Starts a proxy with the file of its recipe; it stops when the test ends.
 * @param folder A fresh copy of the folder of the recipe.
 * @param origin The port of the server, instead of 10000.
 * @param tls Whether clients use TLS, as described on the page of the recipe.
 * @returns the port it listens on.
 */
export async function startReverseProxy(
  t: ExecutionContext,
  { file, prepare }: ReverseProxy,
  folder: string,
  origin: number | undefined,
  { tls = false } = {},
): Promise<number> {
  await writeFile(`${folder}/tea.crt`, ONE.cert);
  await writeFile(`${folder}/tea.key`, ONE.key);
  await writeFile(`${folder}/tea.pem`, ONE.cert + ONE.key);
  const port = await freePort();
  const text = await readFile(path.join(folder, file), 'utf8');
  const [program, ...options] = await prepare(
    text.replace(/(?<=127\.0\.0\.1:|\.port = ")10000/, String(origin)),
    port,
    folder,
    tls,
  );
  const child = spawn(program, options, { stdio: ['ignore', 'ignore', 'pipe'] });
  let printed = '';
  child.stderr.setEncoding('utf8').on('data', (part: string) => {
    printed += part;
  });
  let hasEnded = false;
  const ended = once(child, 'close').then(() => {
    hasEnded = true;
  });
  t.teardown(async () => {
    child.kill();
    await ended;
  });
  while (!hasEnded) {
    if (await connects(port)) return port;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`${program} ended: ${printed}`);
}

/** The proxies do not report a port that the system chose, so use one that was free a moment ago. */
async function freePort(): Promise<number> {
  const probe = net.createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as net.AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

async function connects(port: number): Promise<boolean> {
  const socket = net.connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
