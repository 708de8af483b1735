/** A peer's process as the run sees it: orders as calls, with a limit of time, and a process that died as an error. */
import { type ChildProcess, fork } from "node:child_process";
import path from "node:path";
import { findPackage, unpackedFolder } from "../../runtime/devices/packed-files.ts";
import type { Peer } from "./peers/peer.ts";
import type { AdapterName, Answer, Order } from "./protocol.ts";

/** Why a peer has no figure. */
export class PeerFailure extends Error {
  override readonly name = "PeerFailure";
}

export class PeerProcess {
  readonly #child: ChildProcess;
  #errors = "";

  constructor(peer: Peer, environment: Readonly<Record<string, string>>) {
    this.#child = fork(path.join(import.meta.dirname, "child.ts"), [], {
      execArgv: ["--import", "tsx", ...(peer.nodeFlags ?? [])], env: { ...process.env, ...environment }, stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.#child.stderr?.on("data", (data: Buffer) => (this.#errors = (this.#errors + data.toString()).slice(-2000)));
  }

  /** throws: PeerFailure when the peer refuses, dies, or takes longer than `limit` seconds; then the process is gone in the last two cases. */
  ask<K extends Exclude<Answer["kind"], "failed">>(order: Order, kind: K, limit: number): Promise<Answer & { readonly kind: K }> {
    return new Promise((resolve, reject) => {
      const child = this.#child;
      const end = (): void => {
        clearTimeout(timer);
        child.off("message", onMessage);
        child.off("exit", onExit);
      };
      const timer = setTimeout(() => {
        end();
        child.kill("SIGKILL");
        reject(new PeerFailure(`no answer to '${order.kind}' within ${limit} s`));
      }, limit * 1000);
      const onMessage = (answer: Answer): void => {
        end();
        if (answer.kind === "failed") reject(new PeerFailure(answer.why));
        else resolve(answer as Answer & { readonly kind: K });
      };
      const onExit = (code: number | null, signal: string | null): void => {
        end();
        const last = this.#errors.split("\n").filter((line) => line.trim() !== "").at(-1) ?? "";
        reject(new PeerFailure(`its process ended (${signal ?? code}) ${last.slice(0, 200)}`));
      };
      child.once("message", onMessage);
      child.once("exit", onExit);
      if (child.exitCode !== null || !child.connected) onExit(child.exitCode, child.signalCode);
      else child.send(order);
    });
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null && this.#child.connected;
  }

  end(): void {
    if (this.#child.connected) this.#child.disconnect();
    this.#child.kill();
  }
}

/** Variables for libraries that bring a Vulkan loader's user of their own: onnxruntime's native build. */
export async function environmentOf(adapter: AdapterName): Promise<Record<string, string>> {
  if (adapter === "llvmpipe") return { EGL_PLATFORM: process.env["EGL_PLATFORM"] ?? "surfaceless" };
  if (adapter === "none") return {};
  const found = findPackage("@sparticuz/chromium");
  if (!found) return {};
  // Opening a device once unpacks the driver; the peers' processes then find it.
  const folder = await unpackedFolder(`swiftshader-${found.version}`, () => {
    throw new PeerFailure("SwiftShader is not unpacked yet; open our own device first");
  });
  return { VK_ICD_FILENAMES: path.join(folder, "vk_swiftshader_icd.json"), LD_LIBRARY_PATH: [folder, process.env["LD_LIBRARY_PATH"]].filter(Boolean).join(":") };
}
