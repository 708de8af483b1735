/** `normfuse help`: what the commands and options are. */
const texts: Readonly<Record<string, string>> = {
  build: "build FILE.nf [--model NAME] [--target auto|wgsl,gpujs,wasm,reference] [--assume B=256] [--f16 native|as-f32] [--no-places] [--no-subgroups] [--out DIR]\n  a typed TypeScript module per model; kernels and reference as readable files beside it; --no-places leaves out which line of the source a kernel computes, --no-subgroups the second text of kernels for devices with subgroups",
  run: "run FILE.nf [--model NAME] --inputs FILE.json [--params FILE.json|FILE.safetensors|seed:1] [--bind B=2] [--device webgpu|gpujs|wasm|reference]\n  one run; --mode async|cpu|webasm|webgpu for GPU.js, --adapter auto|gpu|swiftshader|gles for WebGPU",
  check: "check FILE.nf [--model NAME] [--bind B=4] [--device webgpu|gpujs|wasm] [--mode cpu] [--seed 1] [--junit FILE.xml]\n  every kernel and the whole model against the float64 reference, on ordinary and hostile inputs; exit code 1 if any diverges; --junit also writes a report for build servers",
  explain: "explain FILE.nf [--model NAME] [--bind B=2] [--assume B=256] [--target wgsl|gpujs|wasm] [--cost gpu|software|wasm|FILE.json] [--memory in-place|separate] [--fusion all|none] [--scans one-kernel|unrolled] [--steps N] [--svg FILE] [--html FILE]\n  kernels, the rules that made them, bytes and flops, why each value in memory is there, and the memory of a run; --html writes it all as one page, with the code",
  tune: "tune FILE.nf [--model NAME] [--bind B=256 | --assume B=256] [--adapter auto|gpu|swiftshader|gles] [--cost gpu|software|FILE.json] [--budget 60]\n  searches tiles on the adapter at hand, --budget seconds for a model; keeps the faster ones in FILE.tune.json, which build, run, check, explain, dev and the build plugin read unless --untuned",
  calibrate: "calibrate [--adapter auto|gpu|swiftshader|gles] [--out FILE.json]\n  measures the constants of the cost model; --cost FILE.json plans with them",
  export: "export FILE.nf [--model NAME] [--bind B=2] [--params FILE.json|FILE.safetensors|seed:1] [--out FILE.onnx]\n  the model as an ONNX file; parameters inside it, or without --params as inputs of the graph",
  format: "format FILE.nf ... [--write | --check]\n  the one layout",
  dev: "dev FILE.nf [--model NAME] [--dump tree,tensor,folds,fused,kernel,code,artifact]\n  any stage of the compiler as text",
};

export function help(command?: string): string {
  const one = command === undefined ? undefined : texts[command];
  if (one !== undefined) return `normfuse ${one}`;
  return ["normfuse: models written as text, compiled to few, fast, checked kernels", "", ...Object.values(texts).map((text) => `normfuse ${text}`), "", "--json prints one JSON object on every command; --bind NAME=NUMBER binds extents at compile time;", "--assume NAME=NUMBER, of build, run, check, explain, tune and dev, plans for that length of a name that the host binds, 64 otherwise", "exit codes: 0 fine, 1 a mistake in the input or a failed check, 70 a bug in normfuse"].join("\n");
}
