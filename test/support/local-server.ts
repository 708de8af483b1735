/** A web server on 127.0.0.1, which browsers take for a secure context, for files that exist in memory. */
import { createServer } from "node:http";

export interface LocalServer {
  readonly url: string;
  close(): void;
}

const types: Readonly<Record<string, string>> = { html: "text/html", js: "text/javascript", css: "text/css" };

/** `files` is keyed by path with a leading slash; `headers` go with every answer. */
export async function serve(files: Readonly<Record<string, string>>, headers: Readonly<Record<string, string>> = {}): Promise<LocalServer> {
  const server = createServer((request, response) => {
    const text = files[request.url ?? ""];
    response.writeHead(text === undefined ? 404 : 200, { ...headers, "content-type": types[request.url?.split(".").pop() ?? ""] ?? "text/plain" });
    response.end(text ?? "");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return { url: `http://127.0.0.1:${address.port}`, close: () => server.close() };
}
