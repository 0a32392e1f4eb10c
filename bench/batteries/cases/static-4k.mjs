import { folderWith, STATIC_SERVERS } from '../servers/files.mjs';

export default {
  title: 'a file of 4 KiB',
  path: '/file.txt',
  servers: STATIC_SERVERS,
  targets: { '@fastify/static': 0.2, nginx: 2.5 },
  prepare: folderWith('file.txt', 4_096),
};
