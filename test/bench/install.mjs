/**
 * Installs the peers of the bench on first use: a package of its own, so that they never burden the main installation. Run before
 * `npm run bench`; silent when nothing is to do. Plain Node.
 */
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import path from "node:path";

const here = import.meta.dirname;
const modified = (file) => (existsSync(file) ? statSync(file).mtimeMs : 0);

if (modified(path.join(here, "node_modules/.package-lock.json")) < modified(path.join(here, "package-lock.json"))) {
  console.error("bench: installing the peers into test/bench (about 230 MB, once)");
  const { status, error } = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--ignore-scripts"], { cwd: here, stdio: ["ignore", 2, 2], shell: process.platform === "win32" });
  // Without them the run still measures our own plans and reports the peers as absent.
  if (error || status !== 0) console.error(`bench: the peers could not be installed (${error?.message ?? `npm ended with code ${status}`}); those that are missing are reported as absent`);
}
