/**
 * Starts headless Chromium out of the npm package @sparticuz/chromium through playwright-core, unpacked once into the
 * user's cache folder; nothing of the system's packages is needed. WebGPU runs on its own SwiftShader.
 */
import path from "node:path";
import { type Browser, chromium } from "playwright-core";
import { findPackage, unpackProgram, unpackTar, unpackedFolder } from "../../runtime/devices/packed-files.ts";

const switches = [
  "--no-sandbox",
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-extensions",
  "--mute-audio",
];

/** Why Chromium cannot run here, or undefined when it can be tried: skips must say their reason. */
export function chromiumMissing(): string | undefined {
  if (process.platform !== "linux" || process.arch !== "x64") return `@sparticuz/chromium is for Linux on x64, this is ${process.platform} on ${process.arch}`;
  return findPackage("@sparticuz/chromium") ? undefined : "the npm package @sparticuz/chromium is not installed";
}

interface Unpacked {
  readonly program: string;
  /** Libraries that a bare system lacks (NSS, NSPR, expat). */
  readonly libraries: string;
}

async function unpackChromium(): Promise<Unpacked> {
  const found = findPackage("@sparticuz/chromium");
  if (!found) throw new Error("the npm package @sparticuz/chromium is not installed");
  const packed = (name: string): string => path.join(found.root, "bin", name);
  const program = await unpackedFolder(`chromium-${found.version}`, async (folder) => {
    await unpackProgram(packed("chromium.br"), path.join(folder, "chromium"));
    // The GL and Vulkan libraries must lie beside the program.
    unpackTar(packed("swiftshader.tar.br"), folder, () => true);
  });
  const libraries = await unpackedFolder(`chromium-libraries-${found.version}`, (folder) => unpackTar(packed("al2023.tar.br"), folder, (name) => name.includes(".so")));
  return { program: path.join(program, "chromium"), libraries };
}

/** throws: when the browser starts neither with the system's libraries nor with those of the package */
export async function launchChromium(): Promise<Browser> {
  const { program, libraries } = await unpackChromium();
  const start = (env: Record<string, string>): Promise<Browser> =>
    chromium.launch({ executablePath: program, headless: true, args: switches, env, timeout: 60_000 });
  const env = Object.fromEntries(Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])));
  try {
    return await start(env);
  } catch {
    return start({ ...env, LD_LIBRARY_PATH: [libraries, env["LD_LIBRARY_PATH"]].filter(Boolean).join(":") });
  }
}
