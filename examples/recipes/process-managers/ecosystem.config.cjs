// pm2 start ecosystem.config.cjs
module.exports = {
  apps: [
    {
      name: 'tea-house',
      cwd: '/srv/tea-house',
      script: 'node_modules/jackfield/dist/core/cli/main.js',
      args: 'serve',
      // One process, because the port and the data file belong to one. "cluster" would start several.
      exec_mode: 'fork',
      // By default pm2 sends SIGKILL after 1.6 seconds. A drain takes up to limits.shutdownTimeoutMs, 10 seconds.
      kill_timeout: 15000,
    },
  ],
};
