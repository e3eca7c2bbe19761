// Calls Kombo's official TypeScript client as it is told: a line of JSON in, a line of JSON out.
import { readdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const root = `${process.argv[2]}/node_modules/@kombo-api/sdk/esm/`;
const { Kombo } = await import(pathToFileURL(`${root}index.js`).href);
const namespaces = ["ats", "hris", "general", "connect", "assessment"];

// The client's methods by operationId, read off their own code.
const methods = {};
for (const file of readdirSync(`${root}funcs`).filter((name) => name.endsWith(".js"))) {
  const source = readFileSync(`${root}funcs/${file}`, "utf8");
  const id = source.match(/operation_id: "(\w+)"/)?.[1];
  const namespace = namespaces.find((name) => file.startsWith(name));
  if (!id || !namespace) continue;
  const rest = file.slice(namespace.length, -3);
  methods[id] = { namespace, name: rest[0].toLowerCase() + rest.slice(1), nested: /payload\??\.body/.test(source) };
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const settings = JSON.parse((await lines.next()).value);
const write = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
write(Object.keys(methods).sort());

// Times are objects in this client's requests.
function withDates(value, looksLikeOne) {
  if (Array.isArray(value)) return value.map((each) => withDates(each, looksLikeOne));
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, withDates(each, looksLikeOne)]));
  }
  return typeof value === "string" && looksLikeOne.test(value) ? new Date(value) : value;
}

async function call({ operation, integration, outer, body, pages }) {
  const { namespace, name, nested } = methods[operation];
  const kombo = new Kombo({ api_key: settings.key, server_url: settings.url, integration_id: integration });
  const request = nested ? { ...outer, body: body ?? {} } : { ...outer, ...body };
  let answer;
  for (const looksLikeOne of [/^\d{4}-\d\d-\d\dT/, /^\d{4}-\d\d-\d\d/, /^$/]) {
    try {
      answer = await kombo[namespace][name](withDates(request, looksLikeOne));
      break;
    } catch (error) {
      if (!String(error).includes("Input validation") || String(looksLikeOne) === "/^$/") throw error;
    }
  }
  const ids = [];
  if (pages) for await (const page of answer) ids.push(...page.result.data.results.map((each) => each.id));
  return { ids };
}

for await (const text of lines) {
  try {
    write(await call(JSON.parse(text)));
  } catch (error) {
    const code = error.data$?.error?.code ?? error.error?.code ?? null;
    write({ error: error.constructor.name, status: error.statusCode ?? null, code, message: `${error} ${error.cause?.cause ?? error.cause ?? ""}`.slice(0, 600) });
  }
}
