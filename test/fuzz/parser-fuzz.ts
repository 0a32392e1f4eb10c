/**
 * Tests the laws of the parser for a given time: `npm run fuzz -- [seconds] [seed]`.
 *
 * Each round tests every law with a new seed, which is printed if a law is broken.
 */
import fc from 'fast-check';
import { LAWS } from '../core/http/parser-laws.js';

const RUNS_PER_ROUND = 500;

const [secondsText = '60', seedText] = process.argv.slice(2);
const seconds = Number(secondsText);
const firstSeed = seedText === undefined ? Date.now() % 2 ** 31 : Number(seedText);
if (!(seconds > 0) || !Number.isInteger(firstSeed)) {
  console.error('npm run fuzz -- [seconds] [seed]');
  process.exit(1);
}

console.log(`seed ${firstSeed}, ${seconds} s`);
const counts = new Map<string, number>();
const end = Date.now() + seconds * 1000;
let seed = firstSeed;
while (Date.now() < end && process.exitCode === undefined) {
  for (const { title, property } of LAWS) {
    const details = fc.check(property, { seed, numRuns: RUNS_PER_ROUND });
    counts.set(title, (counts.get(title) ?? 0) + details.numRuns);
    if (!details.failed) continue;
    console.error(`Broken with seed ${seed}: ${title}\n${await fc.asyncDefaultReportMessage(details)}`);
    process.exitCode = 1;
  }
  seed++;
}
for (const [title, count] of counts) console.log(`${count} times: ${title}`);
console.log(process.exitCode === undefined ? 'No law was broken.' : 'A law was broken.');
