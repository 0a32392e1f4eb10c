/** Commits a change to a table of entries, as the adapters in memory do. */
import type { Change, CommitResult } from '../../../core/storage/contract.js';
import { Draft } from '../../../core/storage/draft.js';
import type { EntryTable } from '../../../core/storage/entry-table.js';

export function commitTo(table: EntryTable, change: Change, now = Date.now()): CommitResult {
  const draft = new Draft(table, now);
  const result = draft.commit(change);
  table.apply(draft);
  return result;
}
