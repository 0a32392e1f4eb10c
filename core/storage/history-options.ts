/** How much of its past a store keeps for readers of its feed, as options of an adapter. */
import type { z as types } from 'zod';
import type { Zod } from '../config/zod.js';

/** 10,000 changes of 800 characters are 16 MiB. */
export const DEFAULT_HISTORY = { historyChanges: 10_000, historyOctets: 16_777_216 };

/** The options for adapters with such a history: `z.strictObject({ …, ...historyOptions(z) })`. */
export function historyOptions(z: Pick<Zod, 'int'>): {
  readonly historyChanges: types.ZodOptional<types.ZodInt>;
  readonly historyOctets: types.ZodOptional<types.ZodInt>;
} {
  return {
    historyChanges: z
      .int()
      .min(1)
      .meta({
        default: DEFAULT_HISTORY.historyChanges,
        description:
          'How many changes are kept for readers of the feed: more than a client misses that reconnects within seconds. A reader further back gets STORAGE_HISTORY_GONE.',
      })
      .optional(),
    historyOctets: z
      .int()
      .min(1)
      .meta({
        default: DEFAULT_HISTORY.historyOctets,
        description:
          'How many octets the keys and values of the kept changes may need, counted as two for each UTF-16 code unit, the most that a string needs in memory. So large values cannot make the history larger than the store. The last change is always kept. A reader further back gets STORAGE_HISTORY_GONE.',
      })
      .optional(),
  };
}

/** The validated `historyOptions`. */
export interface HistoryBounds {
  readonly historyChanges?: number | undefined;
  readonly historyOctets?: number | undefined;
}
