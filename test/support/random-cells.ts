/** Random recurrent models as text: cells that no library has, of products, norms, gates, parts and masks, with one to three carries. */

function numbers(seed: number): () => number {
  let state = ((seed + 1) * 2_654_435_761) >>> 0;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state / 2 ** 32;
  };
}

interface Named {
  readonly name: string;
  readonly width: number;
}

/** The text of one model over T steps with the host-bound extent B. */
export function randomCell(seed: number, steps: number): string {
  const next = numbers(seed);
  const pick = <T>(values: readonly [T, ...T[]]): T => values[Math.floor(next() * values.length)] ?? values[0];
  const among = (values: readonly Named[]): Named => values[Math.floor(next() * values.length)] ?? { name: "x", width: 1 };
  const input = pick([1, 3, 4, 8]);
  const carries = Array.from({ length: 1 + Math.floor(next() * 3) }, (_, i): Named => ({ name: `c${i}`, width: pick([1, 4, 6, 8, 12, 20]) }));
  const parameters: string[] = [];
  const weight = (...shape: readonly number[]): string => {
    const name = `p${parameters.length}`;
    parameters.push(`  param ${name}: f32[${shape.join(", ")}] = ${shape.length > 1 ? "orthogonal" : "ones"}`);
    return name;
  };
  const values: Named[] = [{ name: "x", width: input }, ...carries];
  const lines: string[] = [];
  const of = (width: number): string => {
    const fitting = values.filter((value) => value.width === width);
    const any = among(values);
    return fitting.length > 0 && next() < 0.6 ? among(fitting).name : `(${any.name} @ ${weight(any.width, width)})`;
  };
  const activated = (text: string): string => pick([`tanh(${text})`, `sigmoid(${text})`, `relu(${text})`, `softmax(${text})`, `layer_norm(${text})`, `rms_norm(${text})`, `softsign(${text})`]);
  for (let i = 0; i < 2 + Math.floor(next() * 4); i++) {
    const width = pick([1, 4, 6, 8, 12, 20]);
    const name = `_v${i}`;
    const text = pick([
      () => activated(of(width)),
      () => `${activated(of(width))} * ${of(width)}`,
      () => `${of(width)} + ${weight(width)}`,
      () => `where(${of(width)} > 0, ${of(width)}, ${activated(of(width))})`,
      () => `${of(width)} - mean(${of(width)}, axis = -1, keep = true)`,
      () => `layer_norm(${of(width)}, ${weight(width)}) + layer_norm(${of(width)})`,
    ])();
    if (width % 2 === 0 && next() < 0.3) {
      lines.push(`    let (_a${i}, _b${i}) = split(${text}, 2)`);
      values.push({ name: `_a${i}`, width: width / 2 }, { name: `_b${i}`, width: width / 2 });
    } else {
      lines.push(`    let ${name} = ${text}`);
      values.push({ name, width });
    }
  }
  for (const carry of carries) lines.push(`    next ${carry.name} = ${pick([`tanh(${of(carry.width)})`, `0.5 * ${carry.name} + 0.5 * tanh(${of(carry.width)})`, `layer_norm(${of(carry.width)} + ${carry.name})`, carry.name])}`);
  const emitted = [among(carries), among(values)];
  const results = emitted.map(({ width }, i) => `y${i}: f32[${steps}, B, ${width}]`);
  return [
    `model Cell[B](xs: f32[${steps}, B, ${input}]) -> (${results.join(", ")}, last: f32[B, ${carries[0]?.width}]) {`,
    ...parameters,
    `  let (y0, y1, last) = scan x in xs with (${carries.map(({ name, width }, i) => `${name}: f32[B, ${width}] = ${i === 0 ? "0" : "0.5"}`).join(", ")}) {`,
    ...lines,
    ...emitted.map(({ name }) => `    emit ${name}`),
    `    emit last ${carries[0]?.name}`,
    "  }",
    "  return (y0, y1, last)",
    "}", "",
  ].join("\n");
}
