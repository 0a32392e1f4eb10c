import { certificate, HTTPS_SERVERS } from '../servers/certificate.mjs';

export default {
  title: 'a full TLS handshake and one GET',
  load: 'loads/https-handshakes.mjs',
  servers: HTTPS_SERVERS,
  targets: { fastify: 1 },
  prepare: certificate,
};
