/** Gives a light object the members and the prototype of an object of Node, which it builds when one is used. */

/**
 * @param light The prototype of the light objects; their `native` is the object of Node. Its own members stay.
 * @param names Of the members that pass the use on.
 */
export function asNative(
  light: { readonly native: object },
  prototype: object,
  names: readonly PropertyKey[],
): void {
  for (const name of names) {
    if (name === 'constructor') Object.defineProperty(light, name, { value: Reflect.get(prototype, name) });
    else if (!(name in light)) Object.defineProperty(light, name, { get: memberOf(name) });
  }
  Object.setPrototypeOf(light, prototype);
}

function memberOf(name: PropertyKey) {
  return function (this: { readonly native: object }): unknown {
    const { native } = this;
    const member: unknown = Reflect.get(native, name);
    return typeof member === 'function' ? member.bind(native) : member;
  };
}
