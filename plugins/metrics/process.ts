/**
 * Numbers of the process, under the names that dashboards know. The library's own collectors cannot be stopped: each
 * closed server would leave its observers running.
 */
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { Counter, Gauge, type Registry } from 'prom-client';

const NANOSECONDS = 1e9;
const MICROSECONDS = 1e6;
/** Milliseconds. Fine enough for delays that matter; a hundred timers a second cost almost nothing. */
const RESOLUTION_MS = 10;

/** @returns a function that stops the counting. */
export function countProcess(registers: Registry[]): () => void {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();

  const lag = new Gauge({
    name: 'nodejs_eventloop_lag_seconds',
    help: 'Delay of the event loop since the last scrape.',
    labelNames: ['quantile'],
    registers,
    collect: () => {
      // It measures the time between two ticks of its timer, so a loop without delay shows the resolution. Before the
      // first tick there is no number.
      const seconds = (nanoseconds: number): number =>
        delay.count === 0 ? 0 : Math.max(0, nanoseconds / NANOSECONDS - RESOLUTION_MS / 1_000);
      for (const quantile of [50, 90, 99])
        lag.set({ quantile: `0.${quantile}` }, seconds(delay.percentile(quantile)));
      lag.set({ quantile: '1' }, seconds(delay.max));
      delay.reset();
    },
  });
  const cpu = new Counter({
    name: 'process_cpu_seconds_total',
    help: 'CPU time of the process, user and system.',
    registers,
    collect: () => {
      const { user, system } = process.cpuUsage();
      cpu.reset();
      cpu.inc((user + system) / MICROSECONDS);
    },
  });
  const gauge = (name: string, help: string, read: () => number): void => {
    const gauge: Gauge = new Gauge({ name, help, registers, collect: () => gauge.set(read()) });
  };
  gauge('process_resident_memory_bytes', 'Memory of the process.', () => process.memoryUsage.rss());
  gauge('nodejs_heap_size_used_bytes', 'Used part of the heap.', () => process.memoryUsage().heapUsed);
  gauge('nodejs_heap_size_total_bytes', 'The heap.', () => process.memoryUsage().heapTotal);
  gauge('nodejs_external_memory_bytes', 'Memory of buffers.', () => process.memoryUsage().external);
  gauge('process_start_time_seconds', 'When the process started.', () => performance.timeOrigin / 1_000);
  return () => delay.disable();
}
