/**
 * Opens a WebGPU device in Node through the npm package `webgpu` (Dawn): the machine's GPU where there is one, else a
 * software adapter - SwiftShader out of the npm package `@sparticuz/chromium`, or Mesa's llvmpipe through OpenGL ES.
 * Both packages are optional and loaded on demand; the caller sets no environment variable.
 */
import { existsSync, readdirSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { isMainThread } from "node:worker_threads";
import { RuntimeError, messageOf } from "../errors.ts";
import { findPackage, unpackTar, unpackedFolder } from "./packed-files.ts";
import { type WebGpuDevice, describeAdapter, requestDevice, webGpuDevice } from "./webgpu.ts";

/** `null` is Dawn's backend without a GPU: it validates shaders and pipelines, runs nothing, and reads back garbage. */
export type NodeAdapter = "gpu" | "swiftshader" | "gles" | "null";

export interface NodeWebGpuOptions {
  /** `auto`: a real GPU, else SwiftShader, else llvmpipe. */
  readonly prefer?: "auto" | NodeAdapter;
}

interface OpenAdapter {
  readonly gpu: GPU;
  readonly adapter: GPUAdapter;
  readonly adapterOptions: GPURequestAdapterOptions;
}

/** Dawn aborts the process when the object of create() is collected before its adapters and devices. */
const keptAlive: GPU[] = [];

/** Not in Node's table: keeps a library mapped after the dlclose that follows a failed process.dlopen. */
const RTLD_NODELETE = 0x1000;

async function requestFrom(flags: string[], adapterOptions: GPURequestAdapterOptions): Promise<OpenAdapter> {
  const { create, globals } = await import("webgpu");
  for (const [name, value] of Object.entries(globals)) if (!(name in globalThis)) Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  const gpu = create(flags);
  keptAlive.push(gpu);
  const adapter = await gpu.requestAdapter(adapterOptions);
  if (!adapter) throw new Error("no adapter");
  return { gpu, adapter, adapterOptions };
}

/** Sets a variable of the environment while `work` runs; drivers read it when they are loaded. */
async function withVariable<T>(name: string, value: string, work: () => Promise<T>): Promise<T> {
  const before = process.env[name];
  process.env[name] = value;
  try {
    return await work();
  } finally {
    if (before === undefined) delete process.env[name];
    else process.env[name] = before;
  }
}

async function openSwiftShader(): Promise<OpenAdapter> {
  if (!isMainThread) throw new Error("a worker thread cannot name a Vulkan driver; open the device on the main thread");
  const found = findPackage("@sparticuz/chromium");
  if (!found) throw new Error("the npm package @sparticuz/chromium is not installed");
  const folder = await unpackedFolder(`swiftshader-${found.version}`, (into) =>
    unpackTar(path.join(found.root, "bin/swiftshader.tar.br"), into, (name) => /vulkan|vk_swiftshader/.test(name)),
  );
  const loader = path.join(folder, "libvulkan.so.1");
  if (!existsSync(loader)) throw new Error(`@sparticuz/chromium ${found.version} has no ${path.basename(loader)}`);
  try {
    process.dlopen({ exports: {} }, loader, os.constants.dlopen.RTLD_NOW | os.constants.dlopen.RTLD_GLOBAL | RTLD_NODELETE);
  } catch {
    // Node always refuses a library that is no addon, after having loaded it; Dawn then finds it by name.
  }
  return withVariable("VK_ICD_FILENAMES", path.join(folder, "vk_swiftshader_icd.json"), () => requestFrom([], {}));
}

/** Linux shows a GPU as a device file; looking first spares the user the driver's warnings on machines without one. */
function mayHaveGpu(): boolean {
  if (process.platform !== "linux") return true;
  return existsSync("/dev/dri") || readdirSync("/dev").some((name) => /^(nvidia|dxg|mali|kgsl)/.test(name));
}

async function openGpu(): Promise<OpenAdapter> {
  if (!mayHaveGpu()) throw new Error("this machine has none");
  const opened = await requestFrom([], {});
  if (opened.adapter.info.isFallbackAdapter) throw new Error("only a software adapter");
  return opened;
}

const openers: Readonly<Record<NodeAdapter, { readonly label: string; open(): Promise<OpenAdapter> }>> = {
  gpu: { label: "GPU", open: openGpu },
  swiftshader: { label: "SwiftShader", open: openSwiftShader },
  gles: {
    label: "OpenGL ES",
    open: () =>
      withVariable("EGL_PLATFORM", process.env["EGL_PLATFORM"] ?? "surfaceless", () => requestFrom(["backend=opengles"], { featureLevel: "compatibility" })),
  },
  null: { label: "null backend", open: () => requestFrom(["backend=null"], {}) },
};

const inOrder: readonly NodeAdapter[] = ["gpu", "swiftshader", "gles"];

async function tryInOrder(prefer: "auto" | NodeAdapter): Promise<OpenAdapter> {
  const tried: string[] = [];
  for (const name of prefer === "auto" ? inOrder : [prefer]) {
    const { label, open } = openers[name];
    try {
      return await open();
    } catch (thrown) {
      tried.push(`${label} (${messageOf(thrown).split("\n", 1)[0]})`);
    }
  }
  throw new RuntimeError(
    "device-unavailable",
    `No WebGPU device in Node; tried ${tried.join(", ")}.`,
    "Install the npm packages webgpu@0.6.2 and, on a machine without a GPU, @sparticuz/chromium@147 (or Mesa's libegl1 and libgl1-mesa-dri).",
  );
}

let lastOpening: Promise<unknown> = Promise.resolve();

/** One opening at a time: they set variables of the process. */
function openAdapter(prefer: "auto" | NodeAdapter): Promise<OpenAdapter> {
  const opening = lastOpening.then(() => tryInOrder(prefer));
  lastOpening = opening.catch(() => undefined);
  return opening;
}

/** As in a browser, opened anew when it is lost. throws: RuntimeError `device-unavailable`, saying what was tried and what to install */
export async function openWebGpu({ prefer = "auto" }: NodeWebGpuOptions = {}): Promise<WebGpuDevice> {
  const { adapter } = await openAdapter(prefer);
  const reopen = async (): Promise<GPUDevice> => requestDevice((await openAdapter(prefer)).adapter);
  return webGpuDevice(await requestDevice(adapter), { description: describeAdapter(adapter), owned: true, reopen });
}

/** A bare GPUDevice, for tools that compile or measure without the runtime. */
export async function openGpuDevice({ prefer = "auto" }: NodeWebGpuOptions = {}): Promise<{ readonly device: GPUDevice; readonly description: string }> {
  const { adapter } = await openAdapter(prefer);
  return { device: await requestDevice(adapter), description: describeAdapter(adapter) };
}

/**
 * Gives Node a `navigator.gpu` as browsers have it, for libraries that look there (gpu.js in its mode webgpu). Does
 * nothing when there is one.
 */
export async function provideNavigatorGpu({ prefer = "auto" }: NodeWebGpuOptions = {}): Promise<void> {
  if (globalThis.navigator?.gpu) return;
  const { gpu, adapterOptions } = await openAdapter(prefer);
  const offered = { requestAdapter: (options?: GPURequestAdapterOptions) => gpu.requestAdapter({ ...options, ...adapterOptions }), getPreferredCanvasFormat: () => gpu.getPreferredCanvasFormat() };
  if (globalThis.navigator) Object.defineProperty(globalThis.navigator, "gpu", { value: offered, configurable: true });
  else Object.defineProperty(globalThis, "navigator", { value: { gpu: offered, hardwareConcurrency: os.cpus().length }, configurable: true });
}
