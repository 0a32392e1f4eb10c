import { folderWith, STATIC_SERVERS } from '../servers/files.mjs';

export default {
  title: 'a file of 1 MiB',
  path: '/file.txt',
  servers: STATIC_SERVERS,
  targets: { '@fastify/static': 0.35 },
  prepare: folderWith('file.txt', 1_048_576),
};
