/**
 * The contract kits for tests of plugins and adapters: `import { storageContract, testPlugin } from
 * 'jackfield/testing'`.
 */

export { type PluginContractOptions, pluginContract } from './plugin-contract.js';
export type {
  ContractStore,
  MakeAdapter,
  StorageContractOptions,
  TestFunction,
} from './storage/harness.js';
export { storageContract } from './storage-contract.js';
export { type LogLine, type TestedPlugin, type TestPluginOptions, testPlugin } from './test-plugin.js';
