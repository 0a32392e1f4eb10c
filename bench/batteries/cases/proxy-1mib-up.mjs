import { join } from 'node:path';
import { NGINX, PROXIES, upstream } from '../servers/proxied.mjs';

export default {
  title: '1 MiB to an upstream through a proxy',
  path: '/up/file',
  wrk: ['-s', join(import.meta.dirname, '../loads/put-1mib.lua')],
  servers: PROXIES,
  targets: { '@fastify/http-proxy': 0.5 },
  prepare: upstream(NGINX),
};
