/** The clock of the machine may change while PostgreSQL is away; that says nothing about the length of the outage. */
import { EventEmitter } from 'node:events';
import test, { type ExecutionContext } from 'ava';
import { silentLog } from '../../../core/log.js';
import { Database } from '../../../storage-adapters/postgres/database.js';
import { ReadQueue } from '../../../storage-adapters/postgres/read-queue.js';
import { codeOf } from '../outage.js';

/** The part of the driver that a database without connections needs. */
class Driver {
  isDown = true;
  asked = 0;

  readonly Pool = ((driver: Driver) =>
    class extends EventEmitter {
      readonly totalCount = 0;

      async connect(): Promise<object> {
        driver.asked++;
        if (driver.isDown) throw new Error('nobody listens');
        const client = Object.assign(new EventEmitter(), {
          query: async () => ({ rows: [] }),
          release: () => {},
        });
        return client;
      }

      async end(): Promise<void> {}
    })(this);
}

/** A database over such a driver; restores `Date.now` after the test. */
async function over(t: ExecutionContext, driver: Driver): Promise<Database> {
  const { now } = Date;
  const options = {
    urls: ['postgres://localhost/x'],
    poolSize: 1,
    connectTimeoutMs: 1_000,
    statementTimeoutMs: 1_000,
  };
  const database = await Database.load(options, { log: silentLog }, async () => ({ default: driver }));
  t.teardown(() => {
    Date.now = now;
    return database.close();
  });
  return database;
}

test.serial('an available database is found again although the clock was set back by an hour', async (t) => {
  const driver = new Driver();
  const database = await over(t, driver);
  const ask = () => codeOf(() => database.query('SELECT 1', []));
  t.is(await ask(), 'STORAGE_UNAVAILABLE');
  driver.isDown = false;
  const hourAgo = Date.now() - 3_600_000;
  Date.now = () => hourAgo;
  // After one failure the pause is a few milliseconds.
  while ((await ask()) !== 'no error') await new Promise((resolve) => setImmediate(resolve));
  t.is(driver.asked, 2);
});

test.serial('waiting reads are not late because the clock was set forward', async (t) => {
  const driver = new Driver();
  driver.isDown = false;
  const reads = new ReadQueue(await over(t, driver), 1, 60_000);
  const answers = Array.from({ length: 10 }, (_, at) => codeOf(() => reads.get(`k${at}`)));
  const later = Date.now() + 3_600_000;
  Date.now = () => later;
  t.deepEqual(new Set(await Promise.all(answers)), new Set(['no error']));
});
