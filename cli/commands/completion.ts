import { Command, InvalidArgumentError } from 'commander'
import { action, type Define } from '../invocation.ts'
import { write } from '../output.ts'
import { type Route, ROUTES } from '../routes.ts'

/** A place on the command line, and what can follow there. */
interface Place {
  /** `mem recall`; empty for `weft` itself. */
  readonly path: string
  readonly commands: readonly Route[]
  /** With their dashes. */
  readonly options: readonly string[]
}

const SCRIPTS: Readonly<Record<string, (places: readonly Place[]) => string>> = { bash, zsh, fish }

export const define: Define = command =>
  command
    .argument('<shell>', Object.keys(SCRIPTS).join(', '), shellName)
    .addHelpText(
      'after',
      '\n  bash  source <(weft completion bash)\n  zsh   source <(weft completion zsh)\n  fish  weft completion fish | source',
    )
    .action(
      action(async (_, [shell]: readonly [string]) => {
        const common = [...optionsOf(command.parent as Command), '--help']
        const places = [{ path: '', commands: ROUTES, options: common }, ...(await placesOf(ROUTES, '', common))]
        write(SCRIPTS[shell]?.(places) ?? '')
      }),
    )

function shellName(text: string): string {
  if (!Object.hasOwn(SCRIPTS, text)) throw new InvalidArgumentError(`There are ${Object.keys(SCRIPTS).join(', ')}.`)
  return text
}

/** Every command with its options: here, and only here, all of their files are loaded. */
async function placesOf(routes: readonly Route[], above: string, common: readonly string[]): Promise<readonly Place[]> {
  const places: Place[] = []
  for (const { name, load, commands = [] } of routes) {
    const command = new Command(name)
    const define = await load?.()
    define?.(command)
    const path = `${above}${name}`
    places.push({ path, commands, options: [...optionsOf(command), ...common] }, ...(await placesOf(commands, `${path} `, common)))
  }
  return places
}

function optionsOf(command: Command): readonly string[] {
  return command.options.map(option => option.long ?? option.short ?? '')
}

function wordsOf({ commands, options }: Place): string {
  return [...commands.map(route => route.name), ...options].join(' ')
}

function bash(places: readonly Place[]): string {
  return `_weft() {
  local current="\${COMP_WORDS[COMP_CWORD]}" at='' words='' word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$at $word" in
${stepsOf(places)}
    esac
  done
  case "$at" in
${places.map(place => `    '${place.path}') words='${wordsOf(place)}' ;;`).join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _weft weft
`
}

function zsh(places: readonly Place[]): string {
  return `#compdef weft
_weft() {
  local at='' word
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$at $word" in
${stepsOf(places)}
    esac
  done
  case "$at" in
${places.map(place => `    '${place.path}') compadd -- ${wordsOf(place)} ;;`).join('\n')}
  esac
  _files
}
compdef _weft weft
`
}

/** How a word leads from one place to the next. */
function stepsOf(places: readonly Place[]): string {
  return places
    .filter(place => place.path !== '')
    .map(({ path }) => {
      const cut = path.lastIndexOf(' ')
      return `      '${cut < 0 ? '' : path.slice(0, cut)} ${path.slice(cut + 1)}') at='${path}' ;;`
    })
    .join('\n')
}

function fish(places: readonly Place[]): string {
  const named = places.map(place => ({ ...place, path: `weft ${place.path}`.trim() }))
  const rows = named.flatMap(({ path, commands, options }) => {
    const complete = `complete -c weft -n 'test (__weft_at) = "${path}"'`
    return [
      ...commands.map(({ name, about }) => `${complete} -a ${name} -d ${JSON.stringify(about)}`),
      ...options.map(option => `${complete} ${option.startsWith('--') ? `-l ${option.slice(2)}` : `-s ${option.slice(1)}`}`),
    ]
  })
  return `function __weft_at
  set -l at weft
  for word in (commandline -opc)[2..-1]
    if contains -- (string join ' ' $at $word) ${named.map(({ path }) => `'${path}'`).join(' ')}
      set at $at $word
    end
  end
  string join ' ' $at
end
${rows.join('\n')}
`
}
