/** Reads tables of options in the documentation, and builds the expected rows. */
export interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly default?: unknown;
}

/** Pairs of an option's name and its cell in the column "Default". Options in lists of objects are `list[].name`. */
export function expectedRows(
  { properties = {}, required = [] }: JsonSchema,
  prefix = '',
): [string, string][] {
  return Object.entries(properties).flatMap(([name, schema]): [string, string][] => {
    const absent = required.includes(name) ? 'required' : '';
    return [
      [prefix + name, schema.default === undefined ? absent : JSON.stringify(schema.default)],
      ...(schema.items === undefined ? [] : expectedRows(schema.items, `${prefix}${name}[].`)),
    ];
  });
}

/** The rows of the first table of options in a text. */
export function toldRows(section: string): [string, string][] {
  const table = section.split('| Option | Type | Default | Meaning |\n')[1]?.split('\n\n')[0];
  if (table === undefined) return [];
  return table
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((row) => {
      const [, name = '', type = '', told = '', meaning = ''] = row
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim().replace(/^`(.*)`$/, '$1'));
      if (type === '' || meaning === '') throw new Error(`No type or no meaning: ${row}`);
      return [name, told];
    });
}
