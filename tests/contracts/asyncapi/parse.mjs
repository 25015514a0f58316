// Reads an AsyncAPI file with the AsyncAPI project's parser and prints what it found as JSON:
// errors, and for every operation its id, action and the names of its messages.
import { readFile } from "node:fs/promises";
import { Parser } from "@asyncapi/parser";

const ERROR = 0;
const path = process.argv[2];
const { document, diagnostics } = await new Parser().parse(await readFile(path, "utf8"), {
  source: path,
});
const errors = diagnostics
  .filter((diagnostic) => diagnostic.severity === ERROR)
  .map((diagnostic) => `${diagnostic.path.join(".")}: ${diagnostic.message}`);
const operations = (document?.allOperations().all() ?? []).map((operation) => ({
  id: operation.id(),
  action: operation.action(),
  channels: operation.channels().all().map((channel) => channel.address()),
  messages: operation.messages().all().map((message) => message.name()),
}));
const payloads = (document?.allMessages().all() ?? []).map((message) => [
  message.name(),
  message.payload()?.json().$id ?? null,
]);
console.log(JSON.stringify({ errors, operations, payloads: Object.fromEntries(payloads) }));
