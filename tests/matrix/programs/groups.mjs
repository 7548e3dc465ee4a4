// One handshake with Node's tls, in which one key exchange group is allowed: the arguments
// and the files are those of groups.go.

import { readFileSync } from "node:fs";
import tls from "node:tls";

const [role, ecdhCurve, version, port] = process.argv.slice(2);
const settings = { ecdhCurve, minVersion: `TLSv${version}`, maxVersion: `TLSv${version}` };

if (role === "client") {
  const where = { host: "127.0.0.1", port: Number(port), servername: "localhost" };
  const socket = tls.connect({ ...settings, ...where, ca: readFileSync("ca.pem") });
  socket.on("data", () => {});
  socket.on("end", () => socket.end());
} else {
  const own = { cert: readFileSync("cert.pem"), key: readFileSync("key.pem") };
  const server = tls.createServer({ ...settings, ...own }, (socket) => socket.end("."));
  server.listen(0, "127.0.0.1", () => console.log(server.address().port));
}
