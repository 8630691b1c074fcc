// What the Node clients have in common; the orders and answers are those of adapter.py.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

// The packages are kept outside the clone, so they are looked for where NODE_TOOLS says.
export const need = createRequire(`${process.env.NODE_TOOLS}/package.json`);

/** The URL, or else the command that speaks over stdio. */
export function target() {
  const [first, ...rest] = process.argv.slice(2);
  return first === "stdio" ? { command: rest[0], args: rest.slice(1) } : { url: new URL(first) };
}

export function say(answer) {
  console.log(JSON.stringify(answer));
}

/** Says that the session is open, by which library and in which revision. */
export function ready(name, protocol) {
  say({ library: `${name} ${need(`${process.env.NODE_TOOLS}/package.json`).dependencies[name]}`, protocol });
}

/** A tool's result in the one form that all clients answer in. */
export function result(answer, notifications) {
  const text = answer.content.map((part) => part.text ?? "").join("\n");
  return { is_error: Boolean(answer.isError), structured: answer.structuredContent ?? null, text, notifications };
}

/** Does what stdin says, one order after the other, until it ends, and then closes. */
export async function run(open) {
  try {
    const { list, call, close } = await open();
    for await (const line of createInterface({ input: process.stdin })) {
      try {
        const order = JSON.parse(line);
        say(order.do === "list" ? { tools: await list() } : await call(order));
      } catch (error) {
        say({ failure: `${error.name}: ${error.message}` });
      }
    }
    await close();
  } catch (error) {
    say({ failure: `${error.name}: ${error.message}` });
    process.exit(1);
  }
}
