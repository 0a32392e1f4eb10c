import { NGINX, PROXIES, upstream } from '../servers/proxied.mjs';

export default {
  title: '13 octets through a proxy',
  path: '/small.txt',
  servers: PROXIES,
  targets: { '@fastify/http-proxy': 0.4, nginx: 2 },
  prepare: upstream(NGINX),
};
