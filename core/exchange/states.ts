/** State machines as readable tables: each state, and the states that may follow it. */

/** From each state to the states that may follow it. */
export type Transitions<Name extends string> = { readonly [From in Name]: readonly Name[] };

/**
 * Turns the table into bits, so that one operation checks a transition: there are several per request.
 * @param states One bit for each state.
 * @returns for the number of a state: the bits of the states that may follow.
 */
export function followers<Name extends string>(
  states: Readonly<Record<Name, number>>,
  transitions: Transitions<Name>,
): Uint8Array {
  const names = Object.keys(states) as Name[]; // the keys of the record are exactly its names
  const following = new Uint8Array(Math.max(...names.map((name) => states[name])) + 1);
  for (const from of names) for (const to of transitions[from]) following[states[from]]! |= states[to];
  return following;
}
