// The members that the package's types declare, for tests that compare them with real objects.
import { readFileSync } from "node:fs";

const types = readFileSync(new URL("selvedge.d.ts", import.meta.resolve("selvedge/package.json")), "utf8");

/** The members of an interface, without the `absent` ones. */
export function declared(name, absent = []) {
  const body = new RegExp(`export interface ${name} {\\n([^]*?)\\n}`).exec(types);
  if (!body) throw new Error(`the types have no ${name}`);
  const names = [...body[1].matchAll(/^ +(?:readonly )?(\w+)\??:/gm)].map(([, member]) => member);
  return names.filter(member => !absent.includes(member)).sort();
}

/** The members of an object. */
export const members = object => Object.keys(object).sort();
