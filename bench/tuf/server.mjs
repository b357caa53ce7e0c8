// Serves a folder on a loopback port, which it prints.

import { createReadStream, existsSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

const [folder] = process.argv.slice(2);
const server = createServer((request, response) => {
  const path = join(folder, decodeURIComponent(request.url));
  if (!existsSync(path)) return response.writeHead(404).end();
  return createReadStream(path).pipe(response);
});
server.listen(0, "127.0.0.1", () => process.stdout.write(String(server.address().port)));
