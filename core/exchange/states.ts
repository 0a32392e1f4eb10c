/** State machines whose table can be read: each state, and the states that may follow it. */

/** From each state to those that may follow it. */
export type Transitions<Name extends string> = { readonly [From in Name]: readonly Name[] };

/**
 * The table as bits, so that a transition is checked with one operation: it happens several times per request.
 * @param states A bit for each state.
 * @returns by the number of a state: the bits of those that may follow.
 */
export function followers<Name extends string>(
  states: Readonly<Record<Name, number>>,
  transitions: Transitions<Name>,
): Uint8Array {
  const names = Object.keys(states) as Name[]; // the keys of a record are its names
  const following = new Uint8Array(Math.max(...names.map((name) => states[name])) + 1);
  for (const from of names) for (const to of transitions[from]) following[states[from]]! |= states[to];
  return following;
}
