import { NGINX, PROXIES, upstream } from '../servers/proxied.mjs';

export default {
  title: '1 MiB from an upstream through a proxy',
  path: '/large.bin',
  servers: PROXIES,
  targets: { '@fastify/http-proxy': 0.5 },
  prepare: upstream(NGINX),
};
