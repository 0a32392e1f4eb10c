/**
 * One transaction for all commits that arrived during the previous one.
 *
 * Rule: a commit holds the lock on the row of its namespace from before it reads until after it is durable. So commits
 * run one after the other, their numbers are in the order in which they become readable, and no reader of the feed
 * meets a later number first, as it could with a sequence. The batch shares the cost of the lock.
 */
import type { Change, CommitResult, Entry, WatchedChange } from '../../core/storage/contract.js';
import { StorageError } from '../../core/storage/contract.js';
import { Draft } from '../../core/storage/draft.js';
import type { Row, Session } from './database.js';
import { isRefusal, outcomeUnknown } from './failures.js';
import { entryOf, NOW_MS, octets, writtenChange } from './rows.js';
import type { Namespace } from './tables.js';

/** The maximum number of expired entries that one batch removes. */
const SWEEP = 1_000;

const READ = `
SELECT k, v, created, revision, expires_at FROM jackfield WHERE namespace = $1 AND k = ANY($2::bytea[])
UNION ALL
(SELECT k, ''::bytea, created, revision, expires_at FROM jackfield
  WHERE namespace = $1 AND expires_at <= $3 ORDER BY expires_at LIMIT ${SWEEP})`;

// Each of the three statements sees the rows from before, and none touches a row of another.
const WRITE = `
WITH gone AS (
  DELETE FROM jackfield WHERE namespace = $1 AND k = ANY($2::bytea[])
), put AS (
  INSERT INTO jackfield (namespace, k, v, created, revision, expires_at)
  SELECT $1, * FROM unnest($3::bytea[], $4::bytea[], $5::bigint[], $6::bigint[], $7::bigint[]) AS new (k, v, c, r, e)
  ORDER BY k
  ON CONFLICT (namespace, k) DO UPDATE SET
    v = excluded.v, created = excluded.created, revision = excluded.revision, expires_at = excluded.expires_at
), told AS (
  INSERT INTO jackfield_changes (namespace, revision, change)
  SELECT $1, * FROM unnest($8::bigint[], $9::bytea[]) AS new (r, c)
)
UPDATE jackfield_namespaces SET created = $10, revision = $11 WHERE id = $1
RETURNING CASE WHEN $12::boolean THEN pg_notify($13, '') END`;

/** The channel that announces changes of a namespace. */
export const channelOf = (id: number): string => `jackfield_${id}`;

/**
 * Errors: those of the server, after which nothing was changed; STORAGE_OUTCOME_UNKNOWN.
 * @returns An answer for each change.
 */
export async function commitAll(
  session: Session,
  { id, mustAskForSync }: Namespace,
  batch: readonly Change[],
): Promise<CommitResult[]> {
  const [, locked, clock] = await session.script(
    `BEGIN ISOLATION LEVEL READ COMMITTED;
    SELECT created, revision FROM jackfield_namespaces WHERE id = ${id} FOR UPDATE;
    SELECT ${NOW_MS} AS now, set_config('client_min_messages', 'warning', true)${mustAskForSync ? ", set_config('synchronous_commit', 'on', true)" : ''}`,
  );
  const counted = locked?.rows[0];
  if (counted === undefined) throw new StorageError('STORAGE_UNAVAILABLE', 'The namespace was deleted.');
  const now = Number(clock?.rows[0]?.now);
  const keys = [...new Set(batch.flatMap(keysOf))].map(octets);
  const { rows } = await session.query(READ, [id, keys.sort(Buffer.compare), now], 'jackfield_read');
  const judged = judge(batch, rows, now, Number(counted.created), Number(counted.revision));
  if (judged.revision === Number(counted.revision)) {
    await session.query('ROLLBACK');
    return judged.results;
  }
  await session.query(
    WRITE,
    [id, ...judged.columns, judged.changes.length > 0, channelOf(id)],
    'jackfield_write',
  );
  await commit(session);
  return judged.results;
}

async function commit(session: Session): Promise<void> {
  if (session.isLost)
    throw new StorageError('STORAGE_UNAVAILABLE', 'The connection broke before the commit.');
  let answer: string;
  try {
    answer = (await session.query('COMMIT')).command;
  } catch (cause) {
    throw isRefusal(cause) ? cause : outcomeUnknown(cause);
  }
  // Somebody ended the wait for a synchronous standby (pg_cancel_backend). The server still commits, with a warning.
  if (session.warnings.includes('SyncRepWaitForLSN')) {
    throw outcomeUnknown(new Error('no synchronous standby has confirmed the commit'));
  }
  if (answer !== 'COMMIT')
    throw new StorageError('STORAGE_UNAVAILABLE', 'The server rolled back the transaction.');
}

interface Judged {
  readonly results: CommitResult[];
  readonly revision: number;
  readonly changes: readonly WatchedChange[];
  /** $2 to $11 of `WRITE`. */
  readonly columns: readonly unknown[];
}

/** Judges each change after those before it, in memory, with the same code as the adapters in memory. */
function judge(
  batch: readonly Change[],
  rows: readonly Row[],
  now: number,
  created: number,
  revision: number,
): Judged {
  const entries = rows.map(entryOf);
  const expired = [...new Set(entries.filter((entry) => isOver(entry, now)).map(({ key }) => key))];
  const sweep: WatchedChange[] =
    expired.length === 0 ? [] : [{ revision: revision + 1, puts: [], deletes: expired }];
  const live = new Map(entries.filter((entry) => !isOver(entry, now)).map((entry) => [entry.key, entry]));
  const draft = new Draft({ created, revision: revision + sweep.length, get: (key) => live.get(key) }, now);
  const results = batch.map((change) => draft.commit(change));
  const changes = [...sweep, ...draft.changes];

  const left = new Map<string, Entry | undefined>(expired.map((key) => [key, undefined]));
  for (const [key, entry] of draft.changed) left.set(key, entry);
  const puts = [...left.values()].filter((entry) => entry !== undefined);
  const gone = [...left].filter(([, entry]) => entry === undefined).map(([key]) => octets(key));
  return {
    results,
    revision: draft.revision,
    changes,
    columns: [
      gone,
      puts.map(({ key }) => octets(key)),
      puts.map(({ value }) => octets(value)),
      puts.map((entry) => entry.created),
      puts.map((entry) => entry.revision),
      puts.map(({ expiresAt }) => expiresAt ?? null),
      changes.map((change) => change.revision),
      changes.map(writtenChange),
      draft.created,
      draft.revision,
    ],
  };
}

const isOver = ({ expiresAt }: Entry, now: number): boolean => expiresAt !== undefined && expiresAt <= now;

function keysOf({ checks = [], puts = [], deletes = [] }: Change): string[] {
  return [...checks.map(({ key }) => key), ...puts.map(({ key }) => key), ...deletes];
}
