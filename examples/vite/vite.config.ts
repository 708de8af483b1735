/** The plugin compiles model.nf while Vite bundles, and writes its types beside it. */
import { vite as normfuse } from "normfuse/plugin";
import { defineConfig } from "vite";

export default defineConfig({ plugins: [normfuse()] });
