import test from 'ava';
import { didYouMean } from '../../core/did-you-mean.js';

const keys = ['listen', 'allowedHosts', 'storage', 'plugins', 'limits'];

test('a missing, wrong, additional or swapped character is corrected', (t) => {
  t.is(didYouMean('plugin', keys), 'plugins');
  t.is(didYouMean('storaje', keys), 'storage');
  t.is(didYouMean('listenn', keys), 'listen');
  t.is(didYouMean('prot', ['host', 'port']), 'port');
});

test('case does not count', (t) => {
  t.is(didYouMean('allowedhosts', keys), 'allowedHosts');
  t.is(didYouMean('PORT', ['host', 'port']), 'port');
});

test('the nearest candidate wins', (t) => {
  t.is(didYouMean('limit', ['list', 'limits']), 'limits');
});

test('a name that resembles nothing gets no suggestion', (t) => {
  t.is(didYouMean('colour', keys), undefined);
  t.is(didYouMean('x', ['y']), undefined);
  t.is(didYouMean('', keys), undefined);
  t.is(didYouMean('plugin', []), undefined);
});
