import test from 'ava';
import { didYouMean } from '../../core/did-you-mean.js';

const ADAPTERS = ['json-file', 'lmdb', 'lru', 'memory', 'postgres', 'redis'];

for (const [name, meant] of [
  ['memroy', 'memory'],
  ['Memory', 'memory'],
  ['postgress', 'postgres'],
  ['reddis', 'redis'],
  ['jsonfile', 'json-file'],
  ['json', 'json-file'],
  ['lur', 'lru'],
  ['lmbd', 'lmdb'],
] as const) {
  test(`${name} may mean ${meant}`, (t) => {
    t.is(didYouMean(name, ADAPTERS), meant);
  });
}

test('nothing is suggested where nothing is near', (t) => {
  for (const name of ['', 'sqlite', 'x', 'constructor']) t.is(didYouMean(name, ADAPTERS), undefined, name);
});

test('the nearest of several is suggested', (t) => {
  t.is(didYouMean('create', ['crate', 'create-all', 'creat', 'creates']), 'crate');
  t.is(didYouMean('update', ['upgrade', 'updates']), 'updates');
});
