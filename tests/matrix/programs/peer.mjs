// A client or a server with Node's https, for one cell of the matrix: the arguments, the
// files and what it prints are those of peer.go.

import { readFileSync, writeFileSync } from "node:fs";
import https from "node:https";
import tls from "node:tls";

const [role, ...rest] = process.argv.slice(2);
const isMutual = rest.at(-1) === "true";
const ca = readFileSync("ca.pem");
const own = { cert: readFileSync("cert.pem"), key: readFileSync("key.pem") };

function facts(socket, client) {
  const version = socket.getProtocol().replace("TLSv", "");
  return JSON.stringify({ version, resumed: socket.isSessionReused(), client });
}

function connect(port, times, number, session) {
  const settings = { host: "127.0.0.1", port, servername: "localhost", ca, session };
  const socket = tls.connect({ ...settings, ...(isMutual ? own : {}) });
  const parts = [];
  let latest;
  socket.on("session", (ticket) => (latest = ticket));
  socket.on("secureConnect", () => {
    console.log(facts(socket, "untold"));
    socket.write(readFileSync("request"));
  });
  socket.on("data", (part) => parts.push(part));
  socket.on("end", () => {
    writeFileSync(`answer-${number}`, Buffer.concat(parts));
    if (number + 1 < times) connect(port, times, number + 1, latest);
  });
}

function serve() {
  const settings = { ca, ...own, requestCert: isMutual, rejectUnauthorized: isMutual };
  const server = https.createServer(settings, (request, response) => {
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => {
      const body = Buffer.concat(parts);
      const client = request.socket.getPeerCertificate().subject?.CN ?? null;
      response.setHeader("Content-Length", body.length);
      response.setHeader("X-Seen", facts(request.socket, client));
      response.end(body);
    });
  });
  server.listen(0, "127.0.0.1", () => console.log(server.address().port));
}

if (role === "client") connect(Number(rest[0]), Number(rest[1]), 0);
else serve();
