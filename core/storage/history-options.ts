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
          'How many changes are kept for those who watch: more than who reconnects within seconds can have missed. Readers further behind get STORAGE_HISTORY_GONE.',
      })
      .optional(),
    historyOctets: z
      .int()
      .min(1)
      .meta({
        default: DEFAULT_HISTORY.historyOctets,
        description:
          'How many octets the keys and values of kept changes may take, counted as two for each UTF-16 code unit, which is the most that a string takes in memory. So large values cannot make the history larger than a store. The last change is kept whatever its size. Readers further behind get STORAGE_HISTORY_GONE.',
      })
      .optional(),
  };
}

/** The validated `historyOptions`. */
export interface HistoryBounds {
  readonly historyChanges?: number | undefined;
  readonly historyOctets?: number | undefined;
}
