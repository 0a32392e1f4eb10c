/** `jackfield check`: everything up to listening, so that what it calls valid does start. */
import { resolveConfig } from '../config/validate-config.js';
import type { Supports } from '../storage/contract.js';
import type { Command } from './command.js';
import { readyServer } from './store-in-use.js';

export const check: Command = {
  name: 'check',
  summary: 'check the configuration, set up all plugins and open the store, without listening',
  takes: [],
  flags: ['config', 'json'],
  examples: ['jackfield check', 'jackfield check --config conf/live.json'],
  async run(call, around) {
    const { server, loaded, isStoreInUse } = await readyServer(call, around);
    const plugins = server.plugins.length;
    await server.close();
    const supports = server.storage?.supports;
    const { adapter } = resolveConfig(loaded.config, loaded.source).storage;
    const storage = typeof adapter === 'string' ? adapter : adapter.name;
    if (call.flags.json === true) {
      const file = loaded.file ?? null;
      const report = {
        valid: true,
        file,
        plugins,
        storage,
        supports,
        ...(isStoreInUse ? { isStoreInUse } : {}),
      };
      around.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
    } else {
      const subject = loaded.file ?? 'The built-in configuration';
      around.stdout.write(
        `${subject} is valid: ${plugins} ${plugins === 1 ? 'plugin' : 'plugins'}, storage ${storage}${caveats(supports)}\n`,
      );
    }
    return 0;
  },
};

/** Properties of a store that an operator may not expect. */
function caveats(supports: Supports | undefined): string {
  const notes = [
    ...(supports?.durable === false ? ['not durable'] : []),
    ...(supports?.bounded === true ? ['evicts entries when full'] : []),
  ];
  return notes.length === 0 ? '' : ` (${notes.join(', ')})`;
}
