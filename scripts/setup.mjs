/**
 * Makes a fresh checkout ready: installs the packages that the lock file names and builds dist/. Run before `npm start` and
 * `npm test`; silent and quick when nothing is to do. Plain Node: it runs before anything is installed.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const lock = path.join(root, ".cache/setup.lock");
/** npm writes it at the end of every complete installation. */
const installStamp = path.join(root, "node_modules/.package-lock.json");
const buildStamp = path.join(root, "dist/.built");

const modified = (file) => (existsSync(file) ? statSync(file).mtimeMs : 0);

function newestIn(folder) {
  let newest = modified(folder);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    newest = Math.max(newest, entry.isDirectory() ? newestIn(file) : modified(file));
  }
  return newest;
}

const mustInstall = () => modified(installStamp) < modified(path.join(root, "package-lock.json"));

function mustBuild() {
  const sources = ["compiler", "runtime"].map((name) => path.join(root, name)).filter((folder) => existsSync(folder));
  const configs = ["tsconfig.json", "tsconfig.build.json"].map((name) => modified(path.join(root, name)));
  return modified(buildStamp) < Math.max(...sources.map(newestIn), ...configs);
}

function run(what, command, args) {
  console.error(`setup: ${what}`);
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ["ignore", 2, 2], shell: process.platform === "win32" && command === "npm" });
  if (error) throw new Error(`${what} failed: ${command} could not be started (${error.message})`);
  if (status !== 0) throw new Error(`${what} failed: '${[command === process.execPath ? "node" : command, ...args].join(" ")}' ended with code ${status}; its output is above`);
}

/** The process that holds the lock, if it is still there. */
function holder() {
  const pid = Number(existsSync(path.join(lock, "pid")) ? readFileSync(path.join(lock, "pid"), "utf8") : Number.NaN);
  if (!Number.isInteger(pid)) return Date.now() - modified(lock) < 5000 ? "another process" : undefined;
  try {
    process.kill(pid, 0);
    return `process ${pid}`;
  } catch (error) {
    return error.code === "EPERM" ? `process ${pid}` : undefined;
  }
}

/** A folder as a lock: making one is atomic everywhere. A second run waits for the first and then finds nothing to do. */
function acquireLock() {
  mkdirSync(path.dirname(lock), { recursive: true });
  for (let told = false; ; ) {
    try {
      mkdirSync(lock);
      writeFileSync(path.join(lock, "pid"), String(process.pid));
      return;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    const waitingFor = holder();
    if (!waitingFor) rmSync(lock, { recursive: true, force: true });
    else if (!told) console.error(`setup: waiting for ${waitingFor}, which is setting up this folder`);
    told ||= waitingFor !== undefined;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  }
}

function main() {
  if (!mustInstall() && !mustBuild()) return;
  acquireLock();
  // Without a listener an interrupt would end this process before `finally`; the child ends by the same interrupt.
  process.once("SIGINT", () => undefined);
  try {
    if (mustInstall()) run("installing packages (npm ci)", "npm", ["ci", "--no-audit", "--no-fund"]);
    if (mustBuild()) {
      const started = new Date();
      run("building dist", process.execPath, [path.join(root, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.build.json"]);
      mkdirSync(path.dirname(buildStamp), { recursive: true });
      writeFileSync(buildStamp, "");
      // A source saved while tsc ran is newer than the start and is built next time.
      utimesSync(buildStamp, started, started);
    }
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

try {
  main();
} catch (error) {
  console.error(`setup: ${error.message}`);
  process.exitCode = 1;
}
