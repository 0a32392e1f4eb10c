import test from 'ava';
import { HeaderSection } from '../../../core/http/header-section.js';

test('long runs of white space in a list are parsed in linear time', (t) => {
  // Linear, this takes a few milliseconds; a search that starts again at every blank takes a minute.
  const value = `a${' '.repeat(200_000)}b`;
  for (const name of ['Connection', 'Expect', 'Transfer-Encoding']) {
    const before = process.cpuUsage();
    new HeaderSection(['Host', 'a', name, value], 1);
    const { user } = process.cpuUsage(before);
    t.true(user < 2_000_000, `${name}: ${user} µs`);
  }
});
