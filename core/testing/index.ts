/** The contract kits, for the tests of plugins and adapters: `import { storageContract } from 'jackfield/testing'`. */
export type {
  ContractStore,
  MakeAdapter,
  StorageContractOptions,
  TestFunction,
} from './storage/harness.js';
export { storageContract } from './storage-contract.js';
