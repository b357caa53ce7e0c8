// Completion scripts for shells: verbs, the verbs of a group, and options of each.

import type { Command } from "commander";

export type Shell = "bash" | "zsh" | "fish";

interface Place {
  /** The words before, such as `tuf key`. */
  readonly path: readonly string[];
  readonly verbs: readonly string[];
  readonly options: readonly string[];
}

function optionsOf(command: Command): string[] {
  return command.options.map((option) => option.long ?? "").filter((name) => name !== "");
}

/** A command and all below it, the deepest first. */
function placesOf(command: Command, path: readonly string[]): Place[] {
  const below = command.commands.flatMap((each) => placesOf(each, [...path, each.name()]));
  return [...below, { path, verbs: command.commands.map((each) => each.name()), options: optionsOf(command) }];
}

/** The script that a shell reads. */
export function completion(program: Command, shell: Shell): string {
  const places = placesOf(program, []);
  const shared = optionsOf(program);
  if (shell === "fish") return fish(places, shared);
  const cases = places
    .filter(({ path }) => path.length > 0)
    .map(
      ({ path, verbs, options }) =>
        `    "${path.join(" ")} "*) words="${[...verbs, ...options, ...shared].join(" ")}" ;;`,
    );
  const bash = [
    "_sealwright() {",
    `  local words="${[...(places.at(-1)?.verbs ?? []), ...shared].join(" ")}" typed="" at`,
    "  for ((at = 1; at < COMP_CWORD; at++)); do",
    '    typed="$typed${COMP_WORDS[at]} "',
    "  done",
    '  case "$typed" in',
    ...cases,
    "  esac",
    '  COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))',
    '  [ "${#COMPREPLY[@]}" -gt 0 ] || COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))',
    "}",
    "complete -F _sealwright sealwright",
  ].join("\n");
  return shell === "bash" ? `${bash}\n` : `autoload -U +X bashcompinit && bashcompinit\n${bash}\n`;
}

function fish(places: readonly Place[], shared: readonly string[]): string {
  const lines: string[] = [];
  for (const { path, verbs, options } of places.toReversed()) {
    const seen = path.map((word) => `__fish_seen_subcommand_from ${word}`);
    const unseen = verbs.length === 0 ? [] : [`not __fish_seen_subcommand_from ${verbs.join(" ")}`];
    const condition = path.length === 0 ? "__fish_use_subcommand" : [...seen, ...unseen].join("; and ");
    for (const verb of verbs) lines.push(`complete -c sealwright -n "${condition}" -a ${verb}`);
    for (const name of path.length === 0 ? [] : [...options, ...shared]) {
      lines.push(`complete -c sealwright -n "${seen.join("; and ")}" -l ${name.slice(2)}`);
    }
  }
  return `${lines.join("\n")}\n`;
}
