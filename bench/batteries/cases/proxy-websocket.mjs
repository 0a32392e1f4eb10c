import { PROXIES, upstream } from '../servers/proxied.mjs';

export default {
  title: 'messages of 100 octets and their echo through a proxy',
  path: '/',
  load: 'loads/websocket-echo.mjs',
  servers: PROXIES,
  targets: { '@fastify/http-proxy': 0.5 },
  prepare: upstream([process.execPath, 'upstream-websocket.mjs']),
};
