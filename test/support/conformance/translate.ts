/** Cases to programs: the tables of the families as one, and why whole operators are not expressed. */
import type { Case } from "./cases.ts";
import { type DraftInput, Listed, type Step } from "./draft.ts";
import { contractionTranslations } from "./translate/contractions.ts";
import { elementwiseTranslations } from "./translate/elementwise.ts";
import { lossTranslations } from "./translate/losses.ts";
import { movementTranslations } from "./translate/movement.ts";
import { normalizationTranslations } from "./translate/normalizations.ts";
import { recurrentTranslations } from "./translate/recurrent.ts";
import { reductionTranslations } from "./translate/reductions.ts";
import { windowTranslations } from "./translate/windows.ts";
import { type Translations, View } from "./view.ts";

const translations: Translations = {
  ...elementwiseTranslations, ...reductionTranslations, ...normalizationTranslations, ...movementTranslations, ...windowTranslations, ...contractionTranslations, ...lossTranslations, ...recurrentTranslations,
};

/** Operators without a translation, by family or name, with the reason. */
const reasons: readonly (readonly [RegExp, string])[] = [
  [/-grad:|-train:/, "gradients"],
  [/:(tf\.)?(LSTM|GRU|RNN|SimpleRNN|lstm|gru|rnn)(Cell)?$/i, "recurrent: no translation of this operator"],
  [/[Tt]op[Kk]|sparsemax/, "sorting"],
  [/[Ss]catter|unsortedSegmentSum/, "scatter: results at computed places"],
  [/Momentum/, "optimisers"],
  [/CTC|Circle/, "a loss with control flow over labels"],
];

export interface Program {
  readonly source: string;
  readonly inputs: readonly DraftInput[];
}

/** The program of a case, or why there is none. */
export function translate(given: Case): Program | { readonly reason: string } {
  const key = `${given.domain}:${given.op}`;
  const found = Object.hasOwn(translations, key) ? translations[key] : undefined;
  if (!found) return { reason: reasons.find(([pattern]) => pattern.test(key))?.[1] ?? `no translation of ${key}` };
  if (given.outputs.some(({ shape }) => shape.includes(0))) return { reason: "empty tensors: an extent is a positive whole number" };
  const view = new View(given);
  try {
    const result = found(view);
    const outputs: readonly Step[] = "text" in result ? [result] : result;
    return { source: view.draft.program(outputs), inputs: view.draft.inputs };
  } catch (thrown) {
    if (thrown instanceof Listed) return { reason: thrown.message };
    throw thrown;
  }
}
