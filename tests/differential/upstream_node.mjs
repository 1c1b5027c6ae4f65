// Node's http behind the gateway: answers what it understood, and writes it down.
// usage: node upstream_node.mjs LOG, prints its port

import { createWriteStream } from "node:fs";
import { createServer } from "node:http";

const log = createWriteStream(process.argv[2], { flags: "a" });
const note = (what) => log.write(`${JSON.stringify(what)}\n`);
const names = ["x-forwarded-for", "x-callgate-client", "x-callgate-access", "x-callgate-user"];

const server = createServer({ maxHeaderSize: 65536, keepAliveTimeout: 120000 }, (request, response) => {
  const chunks = [];
  let noted = false;
  const heard = (whole) => {
    if (noted) return;
    noted = true;
    const body = Buffer.concat(chunks).toString("latin1");
    const told = Object.fromEntries(names.map((name) => [name, request.headers[name] ?? ""]));
    note({ method: request.method, target: request.url, body, whole, ...told });
  };
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("error", () => heard(false));
  request.on("close", () => heard(request.complete));
  request.on("end", () => {
    heard(request.complete);
    const text = `${request.headers["x-forwarded-for"]} ${request.method} ${request.url}\n`;
    response.setHeader("Content-Length", Buffer.byteLength(text, "latin1"));
    response.end(Buffer.from(text, "latin1"));
  });
});
server.on("clientError", (error, socket) => {
  if (error.code !== "ECONNRESET") note({ refused: error.code, line: (error.rawPacket ?? "").toString("latin1") });
  socket.destroy();
});
server.listen(0, "127.0.0.1", 1024, () => console.log(server.address().port));
