/**
 * The counts of exchanges and the histogram of their durations, counted in plain numbers. The classes of prom-client
 * check and join the labels of each count, which costs as much as all the rest of a small exchange; here the labels are
 * read once per scrape.
 */
import { Counter, type Metric, type Registry } from 'prom-client';

const DURATIONS = 'jackfield_request_duration_seconds';

export interface Labels {
  readonly method: string;
  readonly route: string;
}

interface Series {
  readonly labels: Labels;
  /** By status. */
  readonly counts: Map<number | 'aborted', number>;
  /** One more than there are bounds: the last is for everything longer. */
  readonly buckets: number[];
  seconds: number;
}

export class Exchanges {
  readonly #bounds: readonly number[];
  /** By method, then by route. */
  readonly #series = new Map<string, Map<string, Series>>();

  /** @param bounds In seconds, in ascending order. */
  constructor(bounds: readonly number[], registers: Registry[]) {
    this.#bounds = bounds;
    const requests: Counter = new Counter({
      name: 'jackfield_requests_total',
      help: 'Exchanges that ended, by method, route and status; "aborted" where no answer was sent. Method and route are "none" for a request that could not be read.',
      labelNames: ['method', 'route', 'status'],
      registers,
      collect: () => {
        requests.reset();
        for (const { labels, counts } of this.#all())
          for (const [status, count] of counts) requests.inc({ ...labels, status }, count);
      },
    });
    const histogram = {
      name: DURATIONS,
      help: 'The time from the end of the header section until the answer was passed to the socket.',
      type: 'histogram',
      aggregator: 'sum',
      get: async () => ({ ...histogram, values: this.#durations() }),
    };
    // The types know only the classes of prom-client; of a metric, a registry reads what is here.
    for (const registry of registers) registry.registerMetric(histogram as unknown as Metric);
  }

  /** @param ms Undefined: without a duration. */
  count(method: string, route: string, status: number | 'aborted', ms: number | undefined): void {
    const series = this.#seriesOf(method, route);
    series.counts.set(status, (series.counts.get(status) ?? 0) + 1);
    if (ms === undefined) return;
    const seconds = ms / 1_000;
    let at = 0;
    while (at < this.#bounds.length && seconds > this.#bounds[at]!) at++;
    series.buckets[at]!++;
    series.seconds += seconds;
  }

  #seriesOf(method: string, route: string): Series {
    const found = this.#series.get(method)?.get(route);
    if (found !== undefined) return found;
    const buckets = Array<number>(this.#bounds.length + 1).fill(0);
    const series = { labels: { method, route }, counts: new Map(), buckets, seconds: 0 };
    const routes = this.#series.get(method) ?? new Map<string, Series>();
    this.#series.set(method, routes.set(route, series));
    return series;
  }

  #all(): Series[] {
    return [...this.#series.values()].flatMap((routes) => [...routes.values()]);
  }

  #durations(): object[] {
    return this.#all().flatMap(({ labels, buckets, seconds }) => {
      let total = 0;
      const values = buckets.map((count, at) => {
        total += count;
        return {
          metricName: `${DURATIONS}_bucket`,
          labels: { le: this.#bounds[at] ?? '+Inf', ...labels },
          value: total,
        };
      });
      if (total === 0) return [];
      return [
        ...values,
        { metricName: `${DURATIONS}_sum`, labels, value: seconds },
        { metricName: `${DURATIONS}_count`, labels, value: total },
      ];
    });
  }
}
