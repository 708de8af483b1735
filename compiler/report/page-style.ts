/** The style sheet and the script of the explain page: no font, image or library from elsewhere. Everything reads without the script. Used by page.ts. */

export const pageStyle = `
:root { color-scheme: light dark; --paper: #fbfbfd; --card: #ffffff; --ink: #1b2030; --faint: #687083; --line: #e1e4ec; --input: #e8edf5; --accent: #2f6f9f; --code: #f4f5f9;
  --k1: #2f6f9f; --k2: #b5562b; --k3: #2f8357; --k4: #7d4fa0; --k5: #94761d; --k6: #2f8494; --k7: #a8395f; --k8: #5f6f2f; }
:root[data-theme="dark"] { color-scheme: dark; --paper: #11141b; --card: #191e28; --ink: #e9ecf4; --faint: #98a1b5; --line: #2c3342; --input: #232b3a; --accent: #78b6e4; --code: #141922;
  --k1: #78b6e4; --k2: #f0936a; --k3: #6fcb98; --k4: #c39ae2; --k5: #d9bb5c; --k6: #6fcbd9; --k7: #ee86a8; --k8: #b6c96f; }
:root[data-theme="light"] { color-scheme: light; }
@media (prefers-color-scheme: dark) { :root:not([data-theme="light"]) { --paper: #11141b; --card: #191e28; --ink: #e9ecf4; --faint: #98a1b5; --line: #2c3342; --input: #232b3a; --accent: #78b6e4; --code: #141922;
  --k1: #78b6e4; --k2: #f0936a; --k3: #6fcb98; --k4: #c39ae2; --k5: #d9bb5c; --k6: #6fcbd9; --k7: #ee86a8; --k8: #b6c96f; } }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 1rem; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.55 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 2.2rem 1.2rem 4rem; }
h1 { font-size: 1.9rem; margin: 0; letter-spacing: -0.02em; } h2 { font-size: 1.2rem; margin: 2.6rem 0 0.2rem; } h2 + p, header p { color: var(--faint); margin: 0.1rem 0 1rem; max-width: 72ch; }
header { display: flex; justify-content: space-between; align-items: flex-start; gap: 1rem; }
button { font: inherit; font-size: 0.85rem; color: var(--ink); background: var(--card); border: 1px solid var(--line); border-radius: 7px; padding: 0.25rem 0.7rem; cursor: pointer; white-space: nowrap; } button[aria-pressed="true"] { border-color: var(--accent); color: var(--accent); }
.js-only { display: none; } .js .js-only { display: inline-flex; gap: 0.4rem; flex-wrap: wrap; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 0.8rem; margin: 1.2rem 0; padding: 0; list-style: none; }
.figures li { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 0.7rem 0.9rem; } .figures b { display: block; font-size: 1.45rem; letter-spacing: -0.02em; line-height: 1.25; } .figures span { color: var(--faint); font-size: 0.82rem; }
.graphs { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 1rem; align-items: start; } .graph { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1rem; overflow: auto; max-height: 82vh; } .graph h3 { margin: 0 0 0.8rem; font-size: 0.95rem; } .graph svg { display: block; margin: 0 auto; max-width: none; }
@media (max-width: 860px) { .graphs { grid-template-columns: minmax(0, 1fr); } }
.op, .kernel { transition: opacity 0.12s; } .lit .op:not(.on), .lit .kernel:not(.on) { opacity: 0.22; }
.card { background: var(--card); border: 1px solid var(--line); border-left: 5px solid var(--c); border-radius: 10px; padding: 0.9rem 1.1rem; margin: 0.8rem 0; } .card h3 { margin: 0; font-size: 1.02rem; font-family: ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; } .card:target { outline: 2px solid var(--c); }
.card .head { display: flex; justify-content: space-between; gap: 1rem; flex-wrap: wrap; align-items: baseline; } .tag { color: var(--c); font-size: 0.8rem; font-weight: 600; }
.bars { display: grid; grid-template-columns: 4.2rem minmax(0, 1fr) 5.6rem; gap: 0.22rem 0.7rem; margin: 0.6rem 0; font-size: 0.82rem; color: var(--faint); align-items: center; } .bars .track { height: 9px; border-radius: 5px; background: var(--line); overflow: hidden; } .bars .fill { height: 100%; border-radius: 5px; background: var(--c); opacity: 0.38; } .bars .bound { color: var(--ink); font-weight: 600; } .bars .bound + .track .fill { opacity: 1; } .bars .number { text-align: right; font-variant-numeric: tabular-nums; }
.io { font-size: 0.86rem; color: var(--faint); overflow-wrap: anywhere; margin: 0.3rem 0; } code, pre, .mono { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: 0.82rem; }
details { border-top: 1px solid var(--line); margin-top: 0.5rem; padding-top: 0.35rem; } summary { cursor: pointer; font-size: 0.88rem; font-weight: 600; } pre { background: var(--code); border-radius: 8px; padding: 0.8rem; overflow: auto; max-height: 32rem; line-height: 1.45; margin: 0.5rem 0; tab-size: 2; }
.rules { margin: 0.4rem 0; padding-left: 1.1rem; font-size: 0.86rem; } .rules b { font-weight: 600; } .rules i { color: var(--faint); font-style: normal; }
table { border-collapse: collapse; width: 100%; font-size: 0.85rem; } th { text-align: left; color: var(--faint); font-weight: 600; } th, td { padding: 0.32rem 0.6rem 0.32rem 0; border-bottom: 1px solid var(--line); vertical-align: top; } td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; } .table { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 0.5rem 1rem; }
.code { display: inline-block; border: 1px solid var(--line); border-radius: 5px; padding: 0 0.4rem; font-size: 0.78rem; white-space: nowrap; } .memory-edge td { background: color-mix(in srgb, var(--k2) 7%, transparent); } .dot { color: var(--c); } .time { position: relative; height: 26px; border-radius: 6px; overflow: hidden; background: var(--input); margin: 0.3rem 0; } .time span { position: absolute; top: 0; bottom: 0; background: var(--accent); color: var(--card); font-size: 0.74rem; line-height: 26px; padding: 0 0.4rem; overflow: hidden; white-space: nowrap; text-overflow: ellipsis; border-right: 2px solid var(--card); }
footer { margin-top: 3rem; color: var(--faint); font-size: 0.84rem; }
@media print { .graph, pre { max-height: none; overflow: visible; } .card { break-inside: avoid; } }
`.trim();

export const pageScript = `
const root = document.documentElement;
root.classList.add("js");
const dark = () => root.dataset.theme === "dark" || (!root.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
document.getElementById("theme").addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; });
const graphs = document.querySelector(".graphs");
const light = (kernel) => {
  graphs.classList.toggle("lit", kernel !== undefined);
  for (const each of graphs.querySelectorAll("[data-kernel]")) each.classList.toggle("on", each.dataset.kernel === kernel);
};
graphs.addEventListener("pointerover", (event) => light(event.target.closest("[data-kernel]")?.dataset.kernel));
graphs.addEventListener("pointerleave", () => light(undefined));
graphs.addEventListener("click", (event) => {
  const op = event.target.closest(".op");
  if (op) document.querySelectorAll(".card")[Number(op.dataset.kernel) - 1]?.scrollIntoView({ block: "center" });
});
for (const button of document.querySelectorAll("[data-edges]")) button.addEventListener("click", () => {
  for (const other of document.querySelectorAll("[data-edges]")) other.setAttribute("aria-pressed", String(other === button));
  for (const row of document.querySelectorAll("#edges tbody tr")) row.hidden = button.dataset.edges === "memory" && !row.classList.contains("memory-edge");
});
document.getElementById("open").addEventListener("click", () => {
  const all = [...document.querySelectorAll(".card details.source")];
  const open = !all.every((each) => each.open);
  for (const each of all) each.open = open;
});
`.trim();
