const server = (...plugins) => ({
  command: [process.execPath, 'servers/compress-jackfield.mjs'],
  env: { PLUGINS: JSON.stringify(plugins) },
});

export default {
  title: 'a short text, with plugins that have nothing to do with it',
  path: '/',
  servers: {
    jackfield: server('compress', {
      use: 'static-files',
      options: { mounts: [{ root: '.', prefix: '/files' }] },
    }),
    'without plugins': server(),
  },
  targets: { 'without plugins': 1.02 },
};
