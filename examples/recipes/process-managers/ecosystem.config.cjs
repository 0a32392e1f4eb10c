// pm2 start ecosystem.config.cjs
module.exports = {
  apps: [
    {
      name: 'tea-house',
      cwd: '/srv/tea-house',
      script: 'node_modules/jackfield/dist/core/cli/main.js',
      args: 'serve',
      // One process: it owns its port and its data file. "cluster" would start several.
      exec_mode: 'fork',
      // SIGKILL comes after 1.6 seconds by default. The drain takes limits.shutdownTimeoutMs at most, 10 seconds.
      kill_timeout: 15000,
    },
  ],
};
