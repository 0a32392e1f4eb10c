import { certificate, HTTPS_SERVERS } from '../servers/certificate.mjs';

export default {
  title: 'a GET over HTTPS',
  scheme: 'https',
  path: '/',
  servers: HTTPS_SERVERS,
  targets: { fastify: 0.6 },
  prepare: certificate,
};
