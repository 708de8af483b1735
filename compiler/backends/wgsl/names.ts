/** Names in WGSL: keywords, reserved words and the names that the emitter itself uses are avoided. */
import { freshName } from "../../kernel/names.ts";

const keywords =
  "alias break case const const_assert continue continuing default diagnostic discard else enable false fn for if let loop override requires return struct switch true var while";

/** Reserved for later versions of WGSL. */
const reserved =
  "NULL Self abstract active alignas alignof as asm asm_fragment async attribute auto await become binding_array cast catch class co_await co_return co_yield coherent column_major common compile compile_fragment concept const_cast consteval constexpr constinit crate debugger decltype delete demote demote_to_helper do dynamic_cast enum explicit export extends extern external fallthrough filter final finally friend from fxgroup get goto groupshared highp impl implements import inline instanceof interface layout lowp macro macro_rules match mediump meta mod module move mut mutable namespace new nil noexcept noinline nointerpolation non_coherent noncoherent noperspective null nullptr of operator package packoffset partial pass patch pixelfragment precise precision premerge priv protected pub public readonly ref regardless register reinterpret_cast require resource restrict self set shared sizeof smooth snorm static static_assert static_cast std subroutine super target template this thread_local throw trait try type typedef typeid typename typeof union unless unorm unsafe unsized use using varying virtual volatile wgsl where with writeonly yield";

const own = "main extents Extents group local vec2f vec4f vec2i vec4i vec2u vec4u vec2h vec4h vec2 vec4 array bool f16 f32 i32 u32 bitcast inverseSqrt workgroupBarrier storageBarrier subgroupAdd subgroupMax subgroupMin subgroupExclusiveAdd subgroupSize";

/** Words that no declaration of an emitted module may use. */
export const wgslWords: readonly string[] = [keywords, reserved, own].flatMap((list) => list.split(" "));

/** Gives every kernel name one WGSL name, the same one each time. `builtins` keep their own. */
export function nameTable(builtins: readonly string[]): (name: string) => string {
  const taken = new Set([...wgslWords, ...builtins]);
  const given = new Map<string, string>(builtins.map((name) => [name, name]));
  return (name) => {
    const before = given.get(name);
    if (before !== undefined) return before;
    const fresh = freshName(name, taken);
    given.set(name, fresh);
    return fresh;
  };
}
