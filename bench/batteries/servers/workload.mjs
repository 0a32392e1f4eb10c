// What every server answers, so that they are compared doing the same.
export const GREETING = 'No data in DB';

const WORDS = 'amber birch cobalt delta ember fjord garnet harbor indigo juniper kelp lumen'.split(' ');
/** 18 KiB as JSON. Always the same, with as much variety as a list of products has. */
export const PRODUCTS = Array.from({ length: 127 }, (_, at) => ({
  id: 1_000 + at,
  name: `${WORDS[at % 12]} ${WORDS[(at * 7 + 3) % 12]}`,
  price: ((at * 7_919) % 10_007) / 100,
  inStock: at % 3 !== 0,
  sku: `${((at + 1) * 2_654_435_761) % 4_294_967_296}`,
  tags: [WORDS[(at * 5) % 12], WORDS[(at * 11 + 1) % 12]],
  updated: new Date(1_700_000_000_000 + at * 86_399_000).toISOString(),
}));
