import type { Arguments } from "./arguments.ts";
export async function check(args: Arguments): Promise<{ text: string; failed?: boolean }> { return { text: args.command }; }
